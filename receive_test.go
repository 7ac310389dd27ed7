package intentra_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// Every way to receive gives the sender, the message and the time of its arrival.
func TestEveryWayGivesTheSame(t *testing.T) {
	ctx := loopback.Context(t)
	type way func(l *intentra.Transport, p *intentra.Peer) (intentra.Received, error)
	handle, handled := loopback.Messages()
	for name, receive := range map[string]way{
		"Handler": nil,
		"Transport.Receive": func(l *intentra.Transport, _ *intentra.Peer) (intentra.Received, error) {
			return l.Receive(ctx)
		},
		"Peer.Receive": func(_ *intentra.Transport, p *intentra.Peer) (intentra.Received, error) {
			return p.Receive(ctx)
		},
		"Transport.ReceiveBatch": func(l *intentra.Transport, _ *intentra.Peer) (intentra.Received, error) {
			batch := make([]intentra.Received, 1)
			n, err := l.ReceiveBatch(ctx, batch)
			require.Equal(t, 1, n)
			return batch[0], err
		},
		"Peer.ReceiveBatch": func(_ *intentra.Transport, p *intentra.Peer) (intentra.Received, error) {
			batch := make([]intentra.Received, 1)
			n, err := p.ReceiveBatch(ctx, batch)
			require.Equal(t, 1, n)
			return batch[0], err
		},
		"Transport.Messages": func(l *intentra.Transport, _ *intentra.Peer) (r intentra.Received, err error) {
			for r, err = range l.Messages(ctx) {
				break
			}
			return r, err
		},
		"Peer.Messages": func(_ *intentra.Transport, p *intentra.Peer) (r intentra.Received, err error) {
			for r, err = range p.Messages(ctx) {
				break
			}
			return r, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := intentra.Config{}
			onPeer, events := loopback.Events()
			cfg.OnPeer = onPeer
			if receive == nil {
				cfg.Handler = handle
				receive = func(*intentra.Transport, *intentra.Peer) (intentra.Received, error) {
					return loopback.Next(t, ctx, handled), nil
				}
			}
			l := loopback.Listen(t, cfg)
			p := loopback.Dial(t, l, intentra.Config{})
			theirs := loopback.Next(t, ctx, events).Peer
			for i, intent := range intents {
				m := intentra.Message{Channel: uint32(i), Intent: intent, Payload: fmt.Append(nil, name, i)}
				before := time.Now()
				require.NoError(t, p.SendWait(ctx, m))
				r, err := receive(l, theirs)
				require.NoError(t, err)
				require.Equal(t, m, r.Message)
				require.Same(t, theirs, r.Peer)
				require.False(t, r.Arrived.Before(before), "it arrived after it was sent")
				require.False(t, r.Arrived.After(time.Now()), "and before it was received")
			}
		})
	}
}

// ReceiveBatch takes what is there, in order, and uses the buffers of the batch
// again.
func TestReceiveBatchReusesItsBuffers(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	n, err := l.ReceiveBatch(ctx, nil)
	require.NoError(t, err)
	require.Zero(t, n)
	batch := make([]intentra.Received, 8)
	for i := range batch {
		batch[i].Payload = make([]byte, 16)
	}
	buffers := slices.Clone(batch)
	for next := 0; next < 100; {
		for i := range 10 {
			require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(next+i))))
		}
		for end := next + 10; next < end; {
			n, err := l.ReceiveBatch(ctx, batch)
			require.NoError(t, err)
			require.Positive(t, n)
			for i, r := range batch[:n] {
				require.Equal(t, fmt.Sprint(next), string(r.Payload))
				require.Same(t, &buffers[i].Payload[0], &r.Payload[0])
				next++
			}
		}
	}
	require.NoError(t, l.Close())
	_, err = l.ReceiveBatch(ctx, batch)
	require.ErrorIs(t, err, net.ErrClosed)
}

// Messages ends with the error of Receive.
func TestMessagesEndsWithAnError(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	for i := range 3 {
		require.NoError(t, p.SendWait(ctx, loopback.Reliable(fmt.Sprint(i))))
	}
	loopback.Eventually(t, ctx, "all are delivered", func() bool { return l.Stats().MessagesIn == 3 })
	require.NoError(t, l.Close())
	var got []string
	var last error
	for r, err := range l.Messages(ctx) {
		if last = err; err == nil {
			got = append(got, string(r.Payload))
		}
	}
	require.Equal(t, []string{"0", "1", "2"}, got)
	require.ErrorIs(t, last, net.ErrClosed)
}

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

// Peers whose queues are full are served round-robin.
func TestPeersTakeTurnsInReceive(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{ReceiveQueue: 20})
	for range 3 {
		p := loopback.Dial(t, l, intentra.Config{})
		for range 21 {
			require.NoError(t, p.SendWait(ctx, loopback.Realtime("x")))
		}
	}
	loopback.Eventually(t, ctx, "all are delivered", func() bool { return l.Stats().MessagesIn == 63 })
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
	left := map[string]bool{}
	for range kept + 1 {
		left[string(loopback.Receive(t, ctx, l).Payload)] = true
	}
	for i := more; i <= kept+more; i++ {
		require.True(t, left[fmt.Sprint(i)], i)
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
