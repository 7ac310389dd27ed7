package intentra_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// A full queue keeps the newest messages and counts those that they replace.
func TestReceiveQueueKeepsTheNewest(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{ReceiveQueue: 4})
	p := loopback.Dial(t, l, intentra.Config{})
	for i := range 10 {
		require.NoError(t, p.SendWait(ctx, loopback.Realtime(fmt.Sprint(i))))
	}
	loopback.Eventually(t, ctx, "all are delivered", func() bool { return l.Stats().MessagesIn == 10 })
	var peer *intentra.Peer
	for i := 6; i < 10; i++ {
		r := loopback.Receive(t, ctx, l)
		require.Equal(t, fmt.Sprint(i), string(r.Payload))
		peer = r.Peer
	}
	require.EqualValues(t, 6, l.Stats().ReceiveDrops)
	require.EqualValues(t, 6, peer.Stats().ReceiveDrops)
}

// A peer whose messages are not received does not affect other peers, neither by
// Realtime messages, which replace each other, nor by Reliable ones, which wait.
func TestUnreadPeerDoesNotAffectOthers(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{ReceiveQueue: 8, OnPeer: onPeer})
	flood := loopback.Dial(t, l, intentra.Config{ReliableQueueMessages: 64})
	loopback.Next(t, ctx, events)
	good := loopback.Dial(t, l, intentra.Config{})
	reader := loopback.Next(t, ctx, events).Peer
	require.Equal(t, good.Transport().PublicKey(), reader.Key())
	for range 1000 {
		flood.Send(loopback.Realtime("flood"))
		flood.Send(loopback.Reliable("flood"))
	}
	for i := range 100 {
		require.NoError(t, good.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
		m, err := reader.Receive(ctx)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), string(m.Payload))
	}
	require.Zero(t, reader.Stats().ReceiveDrops)
}

// A full queue refuses Reliable messages. Their sender sends them again, and none is
// lost, delivered twice or out of order.
func TestReliableSurvivesAFullReceiveQueue(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{ReceiveQueue: 4})
	p := loopback.Dial(t, l, intentra.Config{})
	const n = 40
	for i := range n {
		require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
	}
	loopback.Eventually(t, ctx, "the queue is full", func() bool {
		return loopback.Drops(t, l.Stats().In, "ack", "receiver_full").Messages > 0
	})
	for i := range n {
		require.Equal(t, fmt.Sprint(i), string(loopback.Receive(t, ctx, l).Payload))
	}
	require.Zero(t, l.Stats().ReceiveDrops)
}

func TestPeersTakeTurnsInReceive(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	for range 3 {
		p := loopback.Dial(t, l, intentra.Config{})
		for range 20 {
			require.NoError(t, p.SendWait(ctx, loopback.Realtime("x")))
		}
	}
	loopback.Eventually(t, ctx, "all are delivered", func() bool { return l.Stats().MessagesIn == 60 })
	seen := map[*intentra.Peer]int{}
	for i := range 60 {
		seen[loopback.Receive(t, ctx, l).Peer]++
		if i%3 == 2 {
			for p, n := range seen {
				require.Equal(t, i/3+1, n, p.Key())
			}
		}
	}
}

// Peer.Receive and Transport.Receive share the messages: each is returned once.
func TestReceivePerPeerAndForAll(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	p := loopback.Dial(t, l, intentra.Config{})
	reader := loopback.Next(t, ctx, events).Peer
	const n = 2000
	got := make(chan string, n)
	short, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				r, err := l.Receive(short)
				if err != nil {
					return
				}
				got <- string(r.Payload)
			}
		})
		wg.Go(func() {
			for {
				m, err := reader.Receive(short)
				if err != nil {
					return
				}
				got <- string(m.Payload)
			}
		})
	}
	seen := map[string]bool{}
	for i := range n {
		require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
	}
	for range n {
		m := loopback.Next(t, ctx, got)
		require.False(t, seen[m], m)
		seen[m] = true
	}
	cancel()
	wg.Wait()
	require.Empty(t, got)
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	why := errors.New("enough")
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	loopback.Dial(t, l, intentra.Config{})
	peer := loopback.Next(t, loopback.Context(t), events).Peer
	ctx, cancel := context.WithCancelCause(loopback.Context(t))
	cancel(why)
	_, err := l.Receive(ctx)
	require.ErrorIs(t, err, why)
	_, err = peer.Receive(ctx)
	require.ErrorIs(t, err, why)
}

// After Close the messages that have arrived can be received, then comes
// net.ErrClosed.
func TestReceiveAfterClose(t *testing.T) {
	ctx := loopback.Context(t)
	for _, perPeer := range []bool{false, true} {
		l := loopback.Listen(t, intentra.Config{})
		p := loopback.Dial(t, l, intentra.Config{})
		for i := range 5 {
			require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
		}
		loopback.Eventually(t, ctx, "all are delivered", func() bool { return l.Stats().MessagesIn == 5 })
		peer := l.Peers()[0]
		require.NoError(t, l.Close())
		take := func() (intentra.Received, error) {
			if perPeer {
				return peer.Receive(ctx)
			}
			return l.Receive(ctx)
		}
		for i := range 5 {
			m, err := take()
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i), string(m.Payload))
		}
		for range 3 {
			_, err := take()
			require.ErrorIs(t, err, net.ErrClosed)
		}
	}
}

func TestCloseEndsAllReceivers(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	loopback.Dial(t, l, intentra.Config{})
	peer := loopback.Next(t, ctx, events).Peer
	ended := make(chan error, 8)
	for range cap(ended) / 2 {
		go func() { _, err := l.Receive(ctx); ended <- err }()
		go func() { _, err := peer.Receive(ctx); ended <- err }()
	}
	require.NoError(t, l.Close())
	for range cap(ended) {
		require.ErrorIs(t, loopback.Next(t, ctx, ended), net.ErrClosed)
	}
}

// The payload of a received message is not overwritten by later ones.
func TestReceivedPayloadStays(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{ReceiveQueue: 1})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("first")))
	first := loopback.Receive(t, ctx, l)
	for range 50 {
		require.NoError(t, p.SendWait(ctx, loopback.Reliable("other")))
		loopback.Receive(t, ctx, l)
	}
	require.Equal(t, "first", string(first.Payload))
}

// Unread messages are kept for the last 64 forgotten peers; those of earlier ones
// count as dropped.
func TestUnreadMessagesOfForgottenPeers(t *testing.T) {
	const kept, more = 64, 3
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	// Each new peer evicts the one before.
	l := loopback.Listen(t, intentra.Config{MaxPeers: 1, OnPeer: onPeer})
	for i := range kept + more + 1 {
		p := loopback.Dial(t, l, intentra.Config{})
		require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
		loopback.Eventually(t, ctx, "it is delivered", func() bool { return l.Stats().MessagesIn == uint64(i)+1 })
		require.NoError(t, p.Close())
		require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
		require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
	}
	require.EqualValues(t, more, l.Stats().ReceiveDrops)
	require.NoError(t, l.Close())
	for i := more; i <= kept+more; i++ {
		require.Equal(t, fmt.Sprint(i), string(loopback.Receive(t, ctx, l).Payload))
	}
	_, err := l.Receive(ctx)
	require.ErrorIs(t, err, net.ErrClosed)
}

// Peer.Receive ends when the peer will not come back.
func TestReceiveEndsWithThePeer(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: []byte("here")}))
	r, err := l.Receive(ctx)
	require.NoError(t, err)
	require.NoError(t, r.Peer.Close())
	for range 2 {
		_, err = p.Receive(ctx)
		require.ErrorIs(t, err, net.ErrClosed)
	}
}
