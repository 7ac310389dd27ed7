package intentra_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

var intents = []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable}

// cutOff returns a dialled peer whose listener has gone, so that what is sent
// to it waits, and nothing takes it away.
func cutOff(t *testing.T, cfg intentra.Config) *intentra.Peer {
	ctx := within(t)
	told, happened := events()
	cfg.OnPeer = told
	l := listen(t, intentra.Config{})
	p := dial(t, l, cfg)
	require.True(t, next(t, ctx, happened).Up)
	require.NoError(t, l.Close())
	down := next(t, ctx, happened)
	require.False(t, down.Up)
	require.True(t, down.Reconnecting)
	return p
}

// The longest payload of each intent and channel is exactly what the layout of
// the wire leaves room for, and it arrives.
func TestLongestMessages(t *testing.T) {
	ctx := within(t)
	for _, size := range []struct{ own, theirs int }{{0, 0}, {wire.MinDatagram, 0}, {0, 600}, {9000, 1400}, {wire.MaxDatagram, wire.MaxDatagram}} {
		l := listen(t, intentra.Config{MaxDatagram: size.theirs})
		p := dial(t, l, intentra.Config{MaxDatagram: size.own})
		limit := func(n int) int {
			if n == 0 {
				return intentra.DefaultMaxDatagram
			}
			return n
		}
		datagram := min(limit(size.own), limit(size.theirs))
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
				require.Equal(t, m, receive(t, ctx, l).Message, what)
			}
		}
	}
}

func TestMaxMessageSizeFitsAlways(t *testing.T) {
	ctx := within(t)
	for _, datagram := range []int{wire.MinDatagram, 257, 1232, 1500, wire.MaxDatagram} {
		l := listen(t, intentra.Config{MaxDatagram: datagram})
		p := dial(t, l, intentra.Config{MaxDatagram: datagram})
		require.Equal(t, l.MaxMessageSize(), p.Transport().MaxMessageSize())
		for _, intent := range intents {
			m := intentra.Message{Channel: 1<<32 - 1, Intent: intent, Payload: make([]byte, l.MaxMessageSize())}
			require.NoError(t, p.SendWait(ctx, m))
			require.Len(t, receive(t, ctx, l).Payload, l.MaxMessageSize())
		}
		m := intentra.Message{Channel: 1<<32 - 1, Intent: intentra.Reliable, Payload: make([]byte, l.MaxMessageSize()+1)}
		require.ErrorIs(t, p.SendWait(ctx, m), intentra.ErrMessageTooLarge, "no larger than need be")
	}
}

func TestEmptyPayload(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	p := dial(t, l, intentra.Config{})
	for _, intent := range intents {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Channel: 7, Intent: intent}))
		r := receive(t, ctx, l)
		require.Empty(t, r.Payload)
		require.Equal(t, intent, r.Intent)
	}
}

func TestSendRefusesInvalidIntents(t *testing.T) {
	p := dial(t, listen(t, intentra.Config{}), intentra.Config{})
	for _, intent := range []intentra.Intent{0, 4, 255} {
		require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrIntent}, p.Send(intentra.Message{Intent: intent}))
		require.ErrorIs(t, p.SendWait(within(t), intentra.Message{Intent: intent}), intentra.ErrIntent)
	}
	require.EqualValues(t, 6, count(t, p.Transport().Stats().SendDrops, "invalid_intent"))
	require.EqualValues(t, 6, p.Stats().SendDrops)
}

// While a peer that we dial is away, its Latest and Reliable messages wait.
func TestSendToAnAbsentDialledPeer(t *testing.T) {
	p := cutOff(t, intentra.Config{SendQueueMessages: 2, ReliableQueueMessages: 2})
	for _, c := range []struct {
		m    intentra.Message
		want intentra.SendResult
	}{
		{realtime("r"), intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrNotConnected}},
		{latest(1, "a"), intentra.SendResult{Status: intentra.Queued}},
		{latest(1, "b"), intentra.SendResult{Status: intentra.Replaced}},
		{latest(1, "longer"), intentra.SendResult{Status: intentra.Replaced}},
		{latest(2, "c"), intentra.SendResult{Status: intentra.Queued}},
		{latest(3, "d"), intentra.SendResult{Status: intentra.Replaced}},
		{reliable("x"), intentra.SendResult{Status: intentra.Queued}},
		{reliable("y"), intentra.SendResult{Status: intentra.Queued}},
		{reliable("z"), intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrQueueFull}},
	} {
		require.Equal(t, c.want, p.Send(c.m), "%v %s", c.m.Intent, c.m.Payload)
	}
	s := p.Transport().Stats()
	require.EqualValues(t, 1, count(t, s.SendDrops, "not_connected"))
	require.EqualValues(t, 2, count(t, s.SendDrops, "superseded"))
	require.EqualValues(t, 1, count(t, s.SendDrops, "displaced"))
	require.EqualValues(t, 1, count(t, s.SendDrops, "queue_full"))
	ps := p.Stats()
	require.EqualValues(t, 5, ps.SendDrops)
	require.Equal(t, 4, ps.QueuedMessages)
	require.Equal(t, len("c")+len("d")+len("x")+len("y"), ps.QueueBytes)
	require.Equal(t, ps.QueueBytes, s.QueueBytes)
	require.False(t, ps.Connected)

	// What still waits when the transport ends is counted, too.
	require.NoError(t, p.Transport().Close())
	s = p.Transport().Stats()
	require.EqualValues(t, 4, count(t, s.SendDrops, "closed"))
	require.Zero(t, s.QueueBytes)
}

// A peer that dials us cannot be waited for.
func TestSendToAnAbsentPeerThatDialsUs(t *testing.T) {
	ctx := within(t)
	told, happened := events()
	l := listen(t, intentra.Config{OnPeer: told})
	p := dial(t, l, intentra.Config{})
	theirs := next(t, ctx, happened).Peer
	require.NoError(t, p.Close())
	require.False(t, next(t, ctx, happened).Up)
	for _, intent := range intents {
		require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrNotConnected}, theirs.Send(intentra.Message{Intent: intent}))
		require.ErrorIs(t, theirs.SendWait(ctx, intentra.Message{Intent: intent}), intentra.ErrNotConnected)
	}
	require.EqualValues(t, 6, theirs.Stats().SendDrops)
}

func TestSendAfterClose(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{})
	p := dial(t, l, intentra.Config{})
	require.NoError(t, p.Send(reliable("hello")).Err)
	theirs := receive(t, ctx, l).Peer
	require.NoError(t, p.Close())
	require.NoError(t, l.Close())
	for _, peer := range []*intentra.Peer{p, theirs} {
		for _, intent := range intents {
			require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: net.ErrClosed}, peer.Send(intentra.Message{Intent: intent}))
			require.ErrorIs(t, peer.SendWait(ctx, intentra.Message{Intent: intent}), net.ErrClosed)
		}
		require.EqualValues(t, 6, count(t, peer.Transport().Stats().SendDrops, "closed"))
	}
}

// A receiver that takes one packet a second makes its senders' queues fill up.
func TestFullQueueOfAConnectedPeer(t *testing.T) {
	ctx := within(t)
	l := listen(t, intentra.Config{PeerRate: 1, PeerBurst: 1})
	p := dial(t, l, intentra.Config{SendQueueMessages: 4, ReliableQueueMessages: 4})
	large := string(make([]byte, 1000)) // so that a packet takes one
	for p.Send(realtime(large)).Status != intentra.Replaced {
		require.NoError(t, ctx.Err())
	}
	var r intentra.SendResult
	for r.Err == nil {
		require.NoError(t, ctx.Err())
		r = p.Send(reliable(large))
	}
	require.Equal(t, intentra.SendResult{Status: intentra.Dropped, Err: intentra.ErrQueueFull}, r)
	require.Positive(t, count(t, p.Transport().Stats().SendDrops, "displaced"))

	short, cancel := context.WithCancel(ctx)
	waited := make(chan error, 1)
	go func() { waited <- p.SendWait(short, reliable(large)) }()
	go func() { waited <- p.SendWait(short, realtime(large)) }()
	cancel()
	for range 2 {
		// It may have found room in between.
		if err := next(t, ctx, waited); err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
}

// SendWait waits for the connection to come back, and then loses nothing.
func TestSendWaitWaitsForTheConnection(t *testing.T) {
	ctx := within(t)
	key := newKey(t)
	l := listen(t, intentra.Config{Key: key})
	told, happened := events()
	p := dial(t, l, restless(intentra.Config{OnPeer: told}))
	require.True(t, next(t, ctx, happened).Up)
	require.NoError(t, l.Close())
	require.False(t, next(t, ctx, happened).Up)

	expired, cancel := context.WithCancel(ctx)
	cancel()
	for _, intent := range intents {
		require.ErrorIs(t, p.SendWait(expired, intentra.Message{Intent: intent}), context.Canceled)
	}
	sent := make(chan error, len(intents))
	for _, intent := range intents {
		go func() { sent <- p.SendWait(ctx, intentra.Message{Intent: intent, Payload: []byte("waited")}) }()
	}
	l = listenOn(t, l.LocalAddr().String(), intentra.Config{Key: key})
	for range intents {
		require.NoError(t, next(t, ctx, sent))
		require.Equal(t, "waited", string(receive(t, ctx, l).Payload))
	}
}

func TestSendWaitEndsWithTheTransport(t *testing.T) {
	ctx := within(t)
	p := cutOff(t, intentra.Config{})
	waited := make(chan error, 1)
	go func() { waited <- p.SendWait(ctx, reliable("never")) }()
	require.NoError(t, p.Close())
	require.ErrorIs(t, next(t, ctx, waited), net.ErrClosed)
}

func TestSendWaitEndsWhenThePeerIsGivenUp(t *testing.T) {
	ctx := within(t)
	l, r := listen(t, intentra.Config{}), listen(t, restless(intentra.Config{}))
	p, err := r.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	eventually(t, ctx, "down", func() bool { return !p.Connected() })
	require.Equal(t, intentra.Queued, p.Send(latest(1, "waits")).Status)
	waited := make(chan error, 1)
	go func() { waited <- p.SendWait(ctx, reliable("never")) }()
	require.NoError(t, p.Close())
	require.ErrorIs(t, next(t, ctx, waited), intentra.ErrNotConnected)
	eventually(t, ctx, "what waited is given up", func() bool { return count(t, r.Stats().SendDrops, "closed") == 1 })
	require.Zero(t, p.Stats().QueuedMessages)
}

func TestSendCopiesThePayload(t *testing.T) {
	ctx := within(t)
	key := newKey(t)
	l := listen(t, intentra.Config{Key: key})
	told, happened := events()
	p := dial(t, l, restless(intentra.Config{OnPeer: told}))
	require.True(t, next(t, ctx, happened).Up)
	require.NoError(t, l.Close())
	require.False(t, next(t, ctx, happened).Up)
	b := []byte("before")
	require.Equal(t, intentra.Queued, p.Send(intentra.Message{Intent: intentra.Reliable, Payload: b}).Status)
	copy(b, "after!")
	l = listenOn(t, l.LocalAddr().String(), intentra.Config{Key: key})
	require.Equal(t, "before", string(receive(t, ctx, l).Payload))
}

func TestSendStatusNames(t *testing.T) {
	require.Equal(t, []string{"queued", "replaced", "dropped", "invalid"}, []string{
		intentra.Queued.String(), intentra.Replaced.String(), intentra.Dropped.String(), intentra.SendStatus(0).String(),
	})
}
