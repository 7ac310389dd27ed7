package intentra_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

var intents = []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable}

// unreachablePeer returns a dialled peer whose listener has closed, so that messages
// to it stay queued.
func unreachablePeer(t *testing.T, cfg intentra.Config) *intentra.Peer {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	cfg.OnPeer = onPeer
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, cfg)
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, l.Close())
	down := loopback.Next(t, ctx, events)
	require.Equal(t, intentra.PeerDown, down.Kind)
	require.True(t, down.Reconnecting)
	return p
}

// A message that is not compared with the limits of its peer fits the smallest datagram,
// with what outbound stages add.
func TestSmallMessagesFitAnyDatagram(t *testing.T) {
	for _, growth := range []int{0, 5, 300} {
		n := intentra.SmallMessage(growth) + growth
		require.Equal(t, wire.MinDatagram, wire.Overhead+wire.MessageSize(wire.FrameReliable, 1<<32-1, n))
		require.Less(t, wire.Overhead+wire.MessageSize(wire.FrameLatest, 1<<32-1, n), wire.MinDatagram)
	}
	require.Negative(t, intentra.SmallMessage(1000))
}

// The longest payload of each intent and channel is exactly as long as the wire
// format allows, and it arrives.
func TestLongestMessages(t *testing.T) {
	ctx := loopback.Context(t)
	for _, size := range []struct{ own, theirs int }{{0, 0}, {wire.MinDatagram, 0}, {0, 600}, {9000, 1400}, {wire.MaxDatagram, wire.MaxDatagram}} {
		l := loopback.Listen(t, intentra.Config{MaxDatagram: size.theirs, MaxMessage: 1})
		p := loopback.Dial(t, l, intentra.Config{MaxDatagram: size.own})
		limit := func(n int) int {
			if n == 0 {
				return intentra.DefaultMaxDatagram
			}
			return n
		}
		datagram := min(limit(size.own), limit(size.theirs), 1172) // what any IPv4 path carries
		for _, intent := range intents {
			for _, channel := range []uint32{0, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, 1<<32 - 1} {
				what := fmt.Sprintf("%d bytes, %v on %d", datagram, intent, channel)
				longest := datagram
				for wire.MessageSize(pack.FrameType(intent), channel, longest)+wire.Overhead > datagram {
					longest--
				}
				m := intentra.Message{Channel: channel, Intent: intent, Payload: make([]byte, longest+1)}
				require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrMessageTooLarge}, p.Send(m), what)
				m.Payload = bytes.Repeat([]byte{byte(intent)}, longest)
				require.Equal(t, intentra.SendResult{Status: intentra.Queued}, p.Send(m), what)
				require.Equal(t, m, loopback.Receive(t, ctx, l).Message, what)
			}
		}
	}
}

func TestMaxMessageSizeFitsAlways(t *testing.T) {
	ctx := loopback.Context(t)
	for i, datagram := range []int{wire.MinDatagram, 257, 1232, 1500, wire.MaxDatagram, wire.MinDatagram, 1232, 1232} {
		cfg := intentra.Config{MaxDatagram: datagram, MaxMessage: []int{1, 1, 1, 1, 1, 4096, 0, 1 << 20}[i]}
		l := loopback.Listen(t, cfg)
		p := loopback.Dial(t, l, cfg)
		require.Equal(t, l.MaxMessageSize(), p.Transport().MaxMessageSize())
		for _, intent := range intents {
			m := intentra.Message{Channel: 1<<32 - 1, Intent: intent, Payload: make([]byte, l.MaxMessageSize())}
			require.NoError(t, p.SendWait(ctx, m))
			require.Len(t, loopback.Receive(t, ctx, l).Payload, l.MaxMessageSize())
		}
		m := intentra.Message{Channel: 1<<32 - 1, Intent: intentra.Latest, Payload: make([]byte, l.MaxMessageSize()+1)}
		if cfg.MaxMessage < 1<<20 {
			m.Intent = intentra.Reliable
		}
		require.ErrorIs(t, p.SendWait(ctx, m), intentra.ErrMessageTooLarge, "one byte more must not fit")
	}
}

func TestEmptyPayload(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	for _, intent := range intents {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Channel: 7, Intent: intent}))
		r := loopback.Receive(t, ctx, l)
		require.Empty(t, r.Payload)
		require.Equal(t, intent, r.Intent)
	}
}

func TestSendRefusesInvalidIntents(t *testing.T) {
	p := loopback.Dial(t, loopback.Listen(t, intentra.Config{}), intentra.Config{})
	for _, intent := range []intentra.Intent{4, 255} {
		require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrIntent}, p.Send(intentra.Message{Intent: intent}))
		require.ErrorIs(t, p.SendWait(loopback.Context(t), intentra.Message{Intent: intent}), intentra.ErrIntent)
	}
	require.EqualValues(t, 4, loopback.Count(t, p.Transport().Stats().SendDrops, "invalid_intent"))
	require.EqualValues(t, 4, p.Stats().SendDrops)
}

// While a dialled peer is disconnected, Latest and Reliable messages to it wait.
func TestSendToADisconnectedDialledPeer(t *testing.T) {
	p := unreachablePeer(t, intentra.Config{SendQueueMessages: 2, ReliableQueueMessages: 2})
	for _, c := range []struct {
		m    intentra.Message
		want intentra.SendResult
	}{
		{loopback.Realtime("r"), intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrNotConnected}},
		{loopback.Latest(1, "a"), intentra.SendResult{Status: intentra.Queued}},
		{loopback.Latest(1, "b"), intentra.SendResult{Status: intentra.Replaced}},
		{loopback.Latest(1, "longer"), intentra.SendResult{Status: intentra.Replaced}},
		{loopback.Latest(2, "c"), intentra.SendResult{Status: intentra.Queued}},
		{loopback.Latest(3, "d"), intentra.SendResult{Status: intentra.Replaced}},
		{loopback.Reliable("x"), intentra.SendResult{Status: intentra.Queued}},
		{loopback.Reliable("y"), intentra.SendResult{Status: intentra.Queued}},
		{loopback.Reliable("z"), intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrQueueFull}},
	} {
		require.Equal(t, c.want, p.Send(c.m), "%v %s", c.m.Intent, c.m.Payload)
	}
	s := p.Transport().Stats()
	require.EqualValues(t, 1, loopback.Count(t, s.SendDrops, "not_connected"))
	require.EqualValues(t, 2, s.Superseded, "superseded states are not drops")
	require.EqualValues(t, 1, loopback.Count(t, s.SendDrops, "displaced"))
	require.EqualValues(t, 1, loopback.Count(t, s.SendDrops, "queue_full"))
	ps := p.Stats()
	require.EqualValues(t, 3, ps.SendDrops)
	require.EqualValues(t, 2, ps.Superseded)
	require.Equal(t, 4, ps.QueuedMessages)
	require.Equal(t, len("c")+len("d")+len("x")+len("y"), ps.QueueBytes)
	require.Equal(t, ps.QueueBytes, s.QueueBytes)
	require.False(t, ps.Connected)

	// Messages still queued when the transport closes are counted too.
	require.NoError(t, p.Transport().Close())
	s = p.Transport().Stats()
	require.EqualValues(t, 4, loopback.Count(t, s.SendDrops, "closed"))
	require.Zero(t, s.QueueBytes)
}

// No message waits for a disconnected peer that had dialled this side.
func TestSendToADisconnectedDialer(t *testing.T) {
	ctx := loopback.Context(t)
	onPeer, events := loopback.Events()
	l := loopback.Listen(t, intentra.Config{OnPeer: onPeer})
	p := loopback.Dial(t, l, intentra.Config{})
	theirs := loopback.Next(t, ctx, events).Peer
	require.NoError(t, p.Close())
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
	for _, intent := range intents {
		require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrNotConnected}, theirs.Send(intentra.Message{Intent: intent}))
		require.ErrorIs(t, theirs.SendWait(ctx, intentra.Message{Intent: intent}), intentra.ErrNotConnected)
	}
	require.EqualValues(t, 6, theirs.Stats().SendDrops)
}

func TestSendAfterClose(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.Send(loopback.Reliable("hello")).Err)
	theirs := loopback.Receive(t, ctx, l).Peer
	require.NoError(t, p.Close())
	require.NoError(t, l.Close())
	for _, peer := range []*intentra.Peer{p, theirs} {
		for _, intent := range intents {
			require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: net.ErrClosed}, peer.Send(intentra.Message{Intent: intent}))
			require.ErrorIs(t, peer.SendWait(ctx, intentra.Message{Intent: intent}), net.ErrClosed)
		}
		require.EqualValues(t, 6, loopback.Count(t, peer.Transport().Stats().SendDrops, "closed"))
	}
}

// The send queue to a receiver that accepts 16 packets a second fills up.
func TestFullQueueOfAConnectedPeer(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{PeerRate: 16, PeerBurst: 1})
	p := loopback.Dial(t, l, intentra.Config{SendQueueMessages: 4, ReliableQueueMessages: 4})
	large := string(make([]byte, 1000)) // one message per packet
	for p.Send(loopback.Realtime(large)).Status != intentra.Replaced {
		require.NoError(t, ctx.Err())
	}
	var r intentra.SendResult
	for r.Err == nil {
		require.NoError(t, ctx.Err())
		r = p.Send(loopback.Reliable(large))
	}
	require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrQueueFull}, r)
	require.Positive(t, loopback.Count(t, p.Transport().Stats().SendDrops, "displaced"))

	short, cancel := context.WithCancel(ctx)
	waited := make(chan error, 1)
	go func() { waited <- p.SendWait(short, loopback.Reliable(large)) }()
	go func() { waited <- p.SendWait(short, loopback.Realtime(large)) }()
	cancel()
	for range 2 {
		// The queue may have had room for a moment.
		if err := loopback.Next(t, ctx, waited); err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
}

// SendWait waits until the peer reconnects, and no message is lost.
func TestSendWaitWaitsForTheConnection(t *testing.T) {
	ctx := loopback.Context(t)
	key, addr := loopback.Key(t), loopback.Address().String()
	l := loopback.ListenOn(t, addr, intentra.Config{Key: key})
	onPeer, events := loopback.Events()
	p := loopback.Dial(t, l, loopback.QuickDetection(intentra.Config{OnPeer: onPeer}))
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, l.Close())
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)

	expired, cancel := context.WithCancel(ctx)
	cancel()
	for _, intent := range intents {
		require.ErrorIs(t, p.SendWait(expired, intentra.Message{Intent: intent}), context.Canceled)
	}
	sent := make(chan error, len(intents))
	for _, intent := range intents {
		go func() { sent <- p.SendWait(ctx, intentra.Message{Intent: intent, Payload: []byte("waited")}) }()
	}
	l = loopback.ListenOn(t, addr, intentra.Config{Key: key})
	for range intents {
		require.NoError(t, loopback.Next(t, ctx, sent))
		require.Equal(t, "waited", string(loopback.Receive(t, ctx, l).Payload))
	}
}

func TestSendWaitEndsWithTheTransport(t *testing.T) {
	ctx := loopback.Context(t)
	p := unreachablePeer(t, intentra.Config{})
	waited := make(chan error, 1)
	go func() { waited <- p.SendWait(ctx, loopback.Reliable("never")) }()
	require.NoError(t, p.Close())
	require.ErrorIs(t, loopback.Next(t, ctx, waited), net.ErrClosed)
}

func TestSendWaitEndsWhenThePeerIsClosed(t *testing.T) {
	ctx := loopback.Context(t)
	l, r := loopback.Listen(t, intentra.Config{}), loopback.Listen(t, loopback.QuickDetection(intentra.Config{}))
	p, err := r.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	loopback.Eventually(t, ctx, "down", func() bool { return !p.Connected() })
	require.Equal(t, intentra.Queued, p.Send(loopback.Latest(1, "waits")).Status)
	waited := make(chan error, 1)
	go func() { waited <- p.SendWait(ctx, loopback.Reliable("never")) }()
	require.NoError(t, p.Close())
	require.ErrorIs(t, loopback.Next(t, ctx, waited), net.ErrClosed)
	loopback.Eventually(t, ctx, "both messages are dropped", func() bool { return loopback.Count(t, r.Stats().SendDrops, "closed") == 2 })
	require.Zero(t, p.Stats().QueuedMessages)
}

func TestSendCopiesThePayload(t *testing.T) {
	ctx := loopback.Context(t)
	key, addr := loopback.Key(t), loopback.Address().String()
	l := loopback.ListenOn(t, addr, intentra.Config{Key: key})
	onPeer, events := loopback.Events()
	p := loopback.Dial(t, l, loopback.QuickDetection(intentra.Config{OnPeer: onPeer}))
	require.Equal(t, intentra.PeerUp, loopback.Next(t, ctx, events).Kind)
	require.NoError(t, l.Close())
	require.Equal(t, intentra.PeerDown, loopback.Next(t, ctx, events).Kind)
	b := []byte("before")
	require.Equal(t, intentra.Queued, p.Send(intentra.Message{Intent: intentra.Reliable, Payload: b}).Status)
	copy(b, "after!")
	l = loopback.ListenOn(t, addr, intentra.Config{Key: key})
	require.Equal(t, "before", string(loopback.Receive(t, ctx, l).Payload))
}

func TestSendStatusNames(t *testing.T) {
	require.Equal(t, []string{"queued", "replaced", "dropped", "invalid"}, []string{
		intentra.Queued.String(), intentra.Replaced.String(), intentra.Dropped.String(), intentra.SendStatus(0).String(),
	})
}

// Large messages of all intents arrive whole, at a Handler and at Receive, whose payloads
// are the reader's own.
func TestLargeMessages(t *testing.T) {
	ctx := loopback.Context(t)
	cfg := intentra.Config{MaxMessage: 1 << 20}
	receiver := loopback.Listen(t, cfg)
	handle, got := loopback.Messages()
	cfg.Handler = handle
	handler := loopback.Listen(t, cfg)
	cfg.Handler = nil
	for _, l := range []*intentra.Transport{receiver, handler} {
		p := loopback.Dial(t, l, cfg)
		for i, n := range []int{1173, 20 << 10, 64 << 10, 1 << 20} {
			for _, intent := range intents {
				if n > 64<<10 && intent != intentra.Reliable {
					continue
				}
				m := intentra.Message{Channel: uint32(i), Intent: intent, Payload: bytes.Repeat([]byte{byte(intent), byte(i), 3}, n/3+1)[:n]}
				require.NoError(t, p.SendWait(ctx, m))
				if l == receiver {
					require.Equal(t, m, loopback.Receive(t, ctx, l).Message)
				} else {
					require.Equal(t, m, loopback.Next(t, ctx, got).Message)
				}
			}
		}
	}
}
