package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// topicTo returns a publication of a topic at a hub in a process of its own, once carol has
// subscribed to it.
func (s site) topicTo(t *testing.T, intent intentra.Intent) (h, sub *running, p *topicPublication, link *uplink) {
	t.Helper()
	h = startProcess(t, nil, nil, "hub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--access", s.allow)
	key, err := intentra.ReadPrivateKey(s.alice.file)
	require.NoError(t, err)
	server, err := intentra.ParsePublicKey(s.server.public)
	require.NoError(t, err)
	sub = start(t, nil, s.connect("sub", h.address(), s.carol, "--topic", "**")...)
	sub.stderr.line(t, "connected ")
	link, ctx := newUplink(t.Context(), slog.New(slog.DiscardHandler))
	wanted := make(chan bool, 10)
	client, err := hub.Dial(ctx, h.address(), server, hub.ClientConfig{
		Transport: intentra.Config{Key: key}, OnConnection: link.peerEvent, Outcomes: true,
		OnDemand: func(_ *hub.Publication, w bool) { wanted <- w },
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	topic, err := client.Declare(ctx, hub.Topic{Name: "text", Intent: intent})
	require.NoError(t, err)
	for !<-wanted {
	}
	return h, sub, &topicPublication{client: client, topic: topic, start: time.Now()}, link
}

func (p *topicPublication) line(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, p.topic.Send([]byte(text)))
	p.lines++
}

// Reliable lines that a killed hub has not acknowledged are lost, and a failure.
func TestKilledHubLosesLines(t *testing.T) {
	t.Parallel()
	h, sub, p, link := newSite(t).topicTo(t, intentra.Reliable)
	p.line(t, "1")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, p.client.Flush(ctx))
	sub.stdout.line(t, "1")
	require.NoError(t, h.cmd.Process.Kill())
	h.wait()
	p.line(t, "2")
	p.line(t, "3")
	require.ErrorContains(t, p.finish(link, time.Millisecond), "2 of 3 reliable messages were not acknowledged")
	got := p.summary()
	require.EqualValues(t, 3, got.Sent)
	require.EqualValues(t, 2, got.Lost)
	require.Zero(t, got.Unsure)
	var out strings.Builder
	e := newEnvironment(t.Context(), nil, &out, &out)
	p.warn(e)
	require.Empty(t, out.String())
	p.outcomes.Unsure = 3
	p.warn(e)
	require.Contains(t, out.String(), "3 lines were acknowledged only after a reconnection")
	require.EqualValues(t, 3, p.summary().Unsure)
}

// A peer that is no hub is said to be none.
func TestNoHub(t *testing.T) {
	t.Parallel()
	peer := listenLoopback(t)
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	client, err := hub.Dial(t.Context(), peer.LocalAddr().String(), peer.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
	require.NoError(t, err)
	defer client.Close()
	for _, cause := range []error{errNoAnswer, errExpired, nil} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, cause)
		defer cancel()
		_, err = client.Declare(ctx, hub.Topic{Name: "text"})
		require.ErrorContains(t, noHub(client, err), "does not answer as a hub")
		require.ErrorContains(t, listError(client, err), "does not answer as a hub")
	}
	require.ErrorIs(t, noHub(client, errInterrupted), errInterrupted)
	require.ErrorContains(t, listError(client, errInterrupted), "has not sent its list")
}

// pub begins once the topic has a subscriber, if its lines would be lost before, or after demandGrace.
func TestAwaitWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wanted := make(chan struct{}, 1)
		demand := whenWanted(wanted)
		demand(nil, false)
		begin := time.Now()
		waited := func(i intentra.Intent) time.Duration {
			awaitWanted(t.Context(), i, wanted)
			return time.Since(begin)
		}
		require.Zero(t, waited(intentra.Reliable))
		require.Equal(t, demandGrace, waited(intentra.Realtime))
		demand(nil, true)
		demand(nil, true) // does not block
		require.Equal(t, demandGrace, waited(intentra.Realtime))
		require.Equal(t, 2*demandGrace, waited(intentra.Latest))
	})
}

// pub says that it does not exceed the limit of the hub.
func TestRateBeyondLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.listen(t, "hub")
	for rate, says := range map[string]bool{"10001": true, "10000": false} {
		pub := start(t, strings.NewReader("1\n2\n"), s.connect("pub", h.address(), s.alice, "--topic", "text", "--rate", rate)...)
		pub.succeed()
		require.Equal(t, says, strings.Contains(pub.stderr.String(), "10000 lines per second"), pub.stderr.String())
	}
}
