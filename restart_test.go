package intentra_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// A dialer that is killed and started again within the idle timeout is reported as
// restarted, and one that only connects again is not.
func TestRestartedDialerIsReported(t *testing.T) {
	ctx := loopback.Context(t)
	key := loopback.Key(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	r := loopback.NewNAT(t, l.LocalAddr())
	loopback.DialAddr(t, r.Addr(), l.PublicKey(), intentra.Config{Key: key})
	first := loopback.Next(t, ctx, events)
	require.Equal(t, intentra.PeerEvent{Peer: first.Peer, Kind: intentra.PeerUp, Session: 1}, first)
	require.EqualValues(t, 1, first.Peer.Session())
	r.Block(true) // nothing more comes from the process: it was killed

	d := loopback.Listen(t, intentra.Config{Key: key})
	p, err := d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	again := loopback.Next(t, ctx, events)
	require.Equal(t, intentra.PeerEvent{Peer: first.Peer, Kind: intentra.PeerRestarted, Session: 2}, again)
	require.EqualValues(t, 2, first.Peer.Stats().Session)

	require.NoError(t, p.Close())
	down := loopback.Next(t, ctx, events)
	require.Equal(t, intentra.PeerEvent{Peer: first.Peer, Kind: intentra.PeerDown, Session: 2, Reason: down.Reason}, down)
	_, err = d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	up := loopback.Next(t, ctx, events)
	require.Equal(t, intentra.PeerEvent{Peer: first.Peer, Kind: intentra.PeerUp, Session: 3}, up, "the same process")
}

// A listener that is killed and started again within the idle timeout is reported as
// restarted to the peer that dials it.
func TestRestartedListenerIsReported(t *testing.T) {
	ctx := loopback.Context(t)
	key := loopback.Key(t)
	old := loopback.Listen(t, intentra.Config{Key: key})
	r := loopback.NewNAT(t, old.LocalAddr())
	var at atomic.Pointer[netip.AddrPort]
	first := r.Addr()
	at.Store(&first)
	onPeer, events := loopback.Events()
	d := loopback.Listen(t, loopback.QuickDetection(intentra.Config{OnPeer: onPeer}))
	d.SetResolver(func(context.Context, string, netip.Addr) (netip.AddrPort, error) { return *at.Load(), nil })
	p, err := d.Dial(ctx, "hub:1", old.PublicKey())
	require.NoError(t, err)
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)

	l := loopback.Listen(t, intentra.Config{Key: key})
	next := l.LocalAddr()
	at.Store(&next)
	r.Block(true)
	for {
		e := loopback.Next(t, ctx, events)
		require.Same(t, p, e.Peer)
		if e.Kind != intentra.PeerDown {
			require.Equal(t, intentra.PeerRestarted, e.Kind)
			require.EqualValues(t, 2, e.Session)
			return
		}
	}
}

// The first session of a peer and one after its restart are fresh, others are not.
func TestFresh(t *testing.T) {
	for e, fresh := range map[intentra.PeerEvent]bool{
		{Kind: intentra.PeerUp, Session: 1}:        true,
		{Kind: intentra.PeerUp, Session: 2}:        false,
		{Kind: intentra.PeerRestarted, Session: 2}: true,
		{Kind: intentra.PeerDown, Session: 1}:      false,
	} {
		require.Equal(t, fresh, e.Fresh(), "%v %d", e.Kind, e.Session)
	}
}

// A kind of event has a text form that parses.
func TestPeerEventKindText(t *testing.T) {
	kinds := []intentra.PeerEventKind{intentra.PeerUp, intentra.PeerRestarted, intentra.PeerDown}
	text, err := json.Marshal(kinds)
	require.NoError(t, err)
	require.JSONEq(t, `["up", "restarted", "down"]`, string(text))
	var parsed []intentra.PeerEventKind
	require.NoError(t, json.Unmarshal(text, &parsed))
	require.Equal(t, kinds, parsed)
	require.Equal(t, "invalid", intentra.PeerEventKind(0).String())
	_, err = intentra.PeerEventKind(0).MarshalText()
	require.Error(t, err)
	require.ErrorContains(t, parsed[0].UnmarshalText([]byte("UP")), "want up, restarted or down")
}
