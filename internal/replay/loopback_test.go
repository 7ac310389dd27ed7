package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/recording"
)

// recordingFiles is a recording and its keys file, in memory.
type recordingFiles struct{ capture, keys bytes.Buffer }

func (r *recordingFiles) replay(t testing.TB, o replay.Options) (replay.Result, []replay.Difference) {
	t.Helper()
	return replayOf(t, r.capture.Bytes(), r.keys.Bytes(), o)
}

func replayOf(t testing.TB, capture, keys []byte, o replay.Options) (replay.Result, []replay.Difference) {
	t.Helper()
	c, err := journal.NewCapture(bytes.NewReader(capture))
	require.NoError(t, err)
	if o.Keys == nil {
		o.Keys, err = journal.ParseKeys(bytes.NewReader(keys))
		require.NoError(t, err)
	}
	var all []replay.Difference
	o.Difference = func(d replay.Difference) { all = append(all, d) }
	res, err := replay.Run(c, o)
	require.NoError(t, err)
	return res, all
}

func generate(t *testing.T) intentra.PrivateKey {
	t.Helper()
	k, err := intentra.GenerateKey()
	require.NoError(t, err)
	return k
}

// exchange runs two transports that exchange messages over loopback, and returns
// their recordings.
func exchange(t *testing.T, messages int) (dialer, listener *recordingFiles) {
	t.Helper()
	dialer, listener = new(recordingFiles), new(recordingFiles)
	ctx := t.Context()
	wl := recording.NewWriter(&listener.capture, &listener.keys)
	server, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: generate(t), Authorize: intentra.AllowAny, Record: wl})
	require.NoError(t, err)
	wd := recording.NewWriter(&dialer.capture, &dialer.keys)
	p, err := intentra.Dial(ctx, server.LocalAddr().String(), server.PublicKey(), intentra.Config{
		Key: generate(t), Record: wd, RekeyAfterPackets: 64,
	})
	require.NoError(t, err)
	received := make(chan int)
	go func() {
		defer close(received)
		// All Reliable messages are read: the listener refuses those for which it has
		// no room, and Shutdown would wait for them.
		for reliable := 0; reliable < messages; {
			m, err := server.Receive(ctx)
			if err != nil {
				return
			}
			if m.Intent == intentra.Reliable {
				reliable++
			}
			if reliable%10 == 0 {
				m.Peer.Send(intentra.Message{Channel: 9, Intent: intentra.Latest, Payload: []byte("seen")})
			}
		}
	}()
	for i := range messages {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Channel: uint32(i % 3), Intent: intentra.Reliable, Payload: fmt.Appendf(nil, "message %d", i)}))
		p.Send(intentra.Message{Channel: 7, Intent: intentra.Realtime, Payload: []byte("state")})
	}
	<-received
	require.NoError(t, p.Transport().Shutdown(context.WithoutCancel(ctx)))
	require.NoError(t, server.Close())
	require.NoError(t, wd.Close())
	require.NoError(t, wl.Close())
	return dialer, listener
}

// Recordings of transports with real sockets, goroutines and timing are replayed
// exactly: every verdict, every message and every byte sent is the same.
func TestExchangeIsReplayed(t *testing.T) {
	dialer, listener := exchange(t, 2000)
	for name, r := range map[string]*recordingFiles{"dialer": dialer, "listener": listener} {
		res, differences := r.replay(t, replay.Options{})
		require.Empty(t, differences, name)
		require.True(t, res.Same())
		require.True(t, res.Journal && res.Whole)
		require.Positive(t, res.Received)
		require.Positive(t, res.Sent)
		t.Logf("%s: %d received, %d sent, %d delivered, %d entries, %d pushes, %d bytes", name, res.Received, res.Sent, res.Delivered, res.Entries, res.Pushes, r.capture.Len())
	}
	res, _ := listener.replay(t, replay.Options{})
	require.GreaterOrEqual(t, res.Delivered, 2000)
}

func mustCapture(t testing.TB, b []byte) *journal.Capture {
	t.Helper()
	c, err := journal.NewCapture(bytes.NewReader(b))
	require.NoError(t, err)
	return c
}
