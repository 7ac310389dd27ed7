package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// While peers join and leave, others returns all peers except one, and each
// member knows its index.
func TestOthers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	r := newRelay()
	all := make([]*intentra.Peer, 20)
	for i := range all {
		all[i] = new(intentra.Peer)
	}
	connected := map[*intentra.Peer]bool{}
	for range 5000 {
		p := all[rnd.IntN(len(all))]
		up := rnd.IntN(2) == 0 // also repeats the current state
		kind := intentra.PeerDown
		if up {
			kind = intentra.PeerUp
		}
		r.peerEvent(intentra.PeerEvent{Peer: p, Kind: kind})
		if up {
			connected[p] = true
		} else {
			delete(connected, p)
		}
		require.Len(t, r.members, len(connected))
		require.Len(t, r.peers, len(connected))
		for i, p := range r.peers {
			require.Equal(t, i, r.members[p].at)
		}
		if p := all[rnd.IntN(len(all))]; connected[p] {
			others := r.others(r.members[p])
			require.Len(t, others, len(connected)-1)
			require.False(t, slices.Contains(others, p))
		}
	}
}

func TestOthersDoesNotAllocate(t *testing.T) {
	r := newRelay()
	var peers []*intentra.Peer
	for range 10 {
		p := new(intentra.Peer)
		peers = append(peers, p)
		r.peerEvent(intentra.PeerEvent{Peer: p, Kind: intentra.PeerUp})
	}
	i := 0
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		r.others(r.members[peers[i%len(peers)]])
		i++
	}))
}

// A publisher without other peers does not receive its own messages.
func TestNoEcho(t *testing.T) {
	t.Parallel()
	r := newRelay()
	hub := startRelay(t, r, intentra.Config{})
	got := make(chan string, 10)
	alone := dialRelay(t, hub, intentra.Config{Handler: func(m intentra.Received) { got <- string(m.Payload) }})
	send := func(p *intentra.Peer, text string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
			require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intent, Payload: []byte(text)}))
		}
	}
	send(alone, "not relayed")
	other := dialRelay(t, hub, intentra.Config{})
	send(other, "to the first")
	require.Equal(t, "to the first", <-got)
}

// A subscriber that does not keep up with Reliable messages is closed with the
// reason slow; no message is skipped.
func TestSlowSubscriberIsClosed(t *testing.T) {
	t.Parallel()
	r := newRelay()
	hub := startRelay(t, r, intentra.Config{ReliableQueueMessages: 8})
	down := make(chan intentra.CloseReason, 100)
	slow := dialRelay(t, hub, intentra.Config{
		ReceiveQueue: 1,
		OnPeer: func(e intentra.PeerEvent) {
			if e.Kind == intentra.PeerDown {
				down <- e.Reason
			}
		},
	})
	pub := dialRelay(t, hub, intentra.Config{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	send := func(n int) {
		require.NoError(t, pub.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: []byte{byte(n)}}))
	}
	send(0)
	m, err := slow.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, []byte{0}, m.Payload)
	// From here on the subscriber does not call Receive.
	for n, reason := 1, wire.CloseNone; reason == wire.CloseNone; n++ {
		send(n)
		select {
		case reason = <-down:
			require.Equal(t, wire.CloseSlow, reason)
		default:
		}
	}
	require.Positive(t, r.slowClosed.Load())
	for want := byte(1); ; want++ {
		received, cancel := context.WithCancel(ctx)
		cancel() // read only what has arrived
		m, err := slow.Receive(received)
		if err != nil {
			return
		}
		require.Equal(t, []byte{want}, m.Payload)
	}
}

// A publisher with too many channels loses the messages on the excess ones.
func TestTooManyChannels(t *testing.T) {
	t.Parallel()
	r := newRelay()
	hub := startRelay(t, r, intentra.Config{})
	dialRelay(t, hub, intentra.Config{Handler: func(intentra.Received) {}})
	pub := dialRelay(t, hub, intentra.Config{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for c := range uint32(4096 + 10) {
		require.NoError(t, pub.SendWait(ctx, intentra.Message{Channel: c, Intent: intentra.Reliable}))
	}
	require.NoError(t, pub.Transport().Shutdown(ctx))
	require.NoError(t, hub.Shutdown(ctx))
	require.EqualValues(t, 4096+10, r.received.Load())
	require.EqualValues(t, 10, r.unmapped.Load())
	require.EqualValues(t, 4096, r.relayed.Load())
	require.Zero(t, r.channels.Len(), "a publisher that is gone leaves nothing behind")
}

func startRelay(t *testing.T, r *relay, cfg intentra.Config) *intentra.Transport {
	t.Helper()
	var err error
	cfg.Key, err = intentra.GenerateKey()
	require.NoError(t, err)
	cfg.Authorize, cfg.Handler, cfg.OnPeer = intentra.AllowAny, r.handle, r.peerEvent
	hub, err := intentra.Listen("127.0.0.1:0", cfg)
	require.NoError(t, err)
	t.Cleanup(func() { hub.Close() })
	return hub
}

func dialRelay(t *testing.T, hub *intentra.Transport, cfg intentra.Config) *intentra.Peer {
	t.Helper()
	var err error
	cfg.Key, err = intentra.GenerateKey()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := intentra.Dial(ctx, hub.LocalAddr().String(), hub.PublicKey(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}
