package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// Unacknowledged Reliable messages are a failure, others are not.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	for intent, fails := range map[intentra.Intent]bool{intentra.Reliable: true, intentra.Latest: false} {
		hub := listenLoopback(t)
		p := &publication{peer: dialLoopback(t, hub, intentra.Config{}), intent: intent}
		require.NoError(t, hub.Close())
		require.NotEqual(t, intentra.Dropped, p.peer.Send(intentra.Message{Intent: intent}).Status)
		p.lines.Add(1)
		err := p.finish(time.Millisecond)
		if fails {
			require.ErrorContains(t, err, "1 of 1 reliable messages")
		} else {
			require.NoError(t, err)
		}
		require.Zero(t, p.summary().Acked)
	}
}

// Even if the other side is killed, each line is acknowledged, lost or dropped,
// and no Reliable line is dropped.
func TestEveryLineIsAccountedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key, err := intentra.ReadPrivateKey(s.alice.file)
	require.NoError(t, err)
	server, err := intentra.ParsePublicKey(s.server.public)
	require.NoError(t, err)
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		t.Run(intent.String(), func(t *testing.T) {
			t.Parallel()
			sub := startProcess(t, nil, nil, "sub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--allow", s.allow)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			peer, err := intentra.Dial(ctx, sub.address(), server, intentra.Config{Key: key})
			require.NoError(t, err)
			p := &publication{peer: peer, intent: intent}
			const before, after = 5, 30
			require.NoError(t, p.send(ctx, strings.NewReader(strings.Repeat("x\n", before)), &pubCmd{Repeat: 1}))
			sub.stdout.lines(t, "x", 1)
			require.NoError(t, sub.cmd.Process.Kill())
			sub.wait()

			require.NoError(t, p.send(ctx, strings.NewReader(numbered(after)), &pubCmd{Repeat: 1}))
			err = p.finish(time.Millisecond)
			got := p.summary()
			require.EqualValues(t, before+after, got.Lines)
			require.Equal(t, got.Lines, got.Acked+got.Lost+got.Superseded+got.Dropped)
			require.Equal(t, got.Lines, got.Sent+got.Superseded+got.Dropped)
			require.LessOrEqual(t, got.Acked, uint64(before))
			if intent == intentra.Reliable {
				require.Zero(t, got.Dropped)
				require.ErrorContains(t, err, fmt.Sprintf("%d of %d reliable messages", got.Lost, got.Lines))
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// The status of each second is not written into a line that is being typed.
func TestStatusIsForWatchersOnly(t *testing.T) {
	require.True(t, (&environment{stderrTerminal: true}).showsStatus())
	require.False(t, (&environment{stderrTerminal: true, stdinTerminal: true}).showsStatus())
	require.False(t, (&environment{stdinTerminal: true}).showsStatus())
}

// A Reliable line that waits for room when the interrupt arrives, because the other
// side is away, is counted as not sent, and is a failure.
func TestInterruptedLineIsCounted(t *testing.T) {
	t.Parallel()
	hub := listenLoopback(t)
	events := make(chan intentra.PeerEvent, 8)
	p := &publication{peer: dialLoopback(t, hub, intentra.Config{
		ReliableQueueMessages: 1, OnPeer: func(e intentra.PeerEvent) { events <- e },
	}), intent: intentra.Reliable}
	require.NoError(t, hub.Close())
	// While the session lasts, a message may leave, and make room for the last one.
	for e := range events {
		if e.Kind == intentra.PeerDown {
			require.True(t, e.Reconnecting)
			break
		}
	}
	m := intentra.Message{Intent: intentra.Reliable}
	for p.peer.Send(m).Status != intentra.Dropped {
		p.lines.Add(1)
	}
	p.lines.Add(1) // the dropped one
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	patient, stop := extend(ctx, time.Millisecond)
	defer stop()
	s := &lineSender{publication: p, pacer: new(load.Pacer), wait: true, patient: patient}
	ok, err := s.sendOne(ctx, m)
	require.NoError(t, err)
	require.False(t, ok)
	err = p.finish(time.Millisecond)
	got := p.summary()
	require.EqualValues(t, 1, p.unsent.Load())
	require.EqualValues(t, 1, got.Dropped)
	require.Equal(t, got.Lines, got.Lost+got.Dropped)
	require.ErrorContains(t, err, fmt.Sprintf("%d of %d reliable messages were not acknowledged", got.Lines, got.Lines))

	p.ended = true
	_, err = s.sendOne(ctx, m)
	require.NoError(t, err)
	require.Equal(t, got.Lines, p.summary().Lines, "a line that is read after the end is neither sent nor counted")
}

// A command that takes long to end says what it waits for, unless it ends first.
func TestDelayIsExplained(t *testing.T) {
	for interrupted, want := range map[bool]string{
		true:  "waiting up to 10s for acknowledgements; another interrupt ends the command at once\n",
		false: "waiting up to 10s for acknowledgements; two interrupts end the command at once\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			var stderr bytes.Buffer
			ctx, interrupt := context.WithCancel(context.Background())
			e := &environment{ctx: ctx, stderr: &stderr}
			input, end := context.WithCancel(ctx)
			defer e.explainDelay(input, "for acknowledgements", 10*time.Second)()
			time.Sleep(time.Hour)
			synctest.Wait()
			require.Empty(t, stderr.String(), "nothing has ended")
			if interrupted {
				interrupt()
			}
			end()
			time.Sleep(2 * noticeable)
			synctest.Wait()
			require.Equal(t, want, stderr.String())
			interrupt()

			stderr.Reset()
			e.explainDelay(input, "for acknowledgements", 10*time.Second)()
			time.Sleep(time.Hour)
			synctest.Wait()
			require.Empty(t, stderr.String(), "the command has ended in time")
		})
	}
}
