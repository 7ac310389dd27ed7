package conn_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// noticePair is a pair, long after its handshake.
func noticePair(t *testing.T) (w *world, a, b *node) {
	w = newWorld(t, 1)
	a, b = w.pair()
	w.run(time.Second)
	return w, a, b
}

// notices returns how many messages for n its peers have given up.
func (n *node) notices() int { return int(n.Endpoint().Stats().GivenUp) }

// pushExpiring queues a Reliable message, which leaves with the next packet that a sends.
func (n *node) pushExpiring(other *node, payload string, expires pipeline.Time) {
	n.peer(other).Push(&conn.Message{Channel: 1, Intent: pipeline.Reliable, Payload: []byte(payload), Expires: expires})
}

// The notice of a message that has expired in flight leaves when the message would be
// sent again, whether or not anything else is to be sent.
func TestNoticeOfALostMessageLeavesAtOnce(t *testing.T) {
	w, a, b := noticePair(t)
	w.tap = func(netip.AddrPort, netip.AddrPort, []byte) bool { return false }
	a.pushExpiring(b, "lost", a.Now()+pipeline.Time(time.Millisecond))
	a.do(func(e *conn.Endpoint, _ pipeline.Time) { e.MarkReady(a.peer(b)) })
	w.run(10 * time.Millisecond)
	w.tap = nil
	w.await(time.Second, func() bool { return b.notices() == 1 })
	require.Empty(t, b.got)
}

// The notice of a message that had arrived does not include that of a later one in the
// same packet, because the peer ignores it.
func TestNoticeOfAnArrivedMessageStandsForNoOther(t *testing.T) {
	w, a, b := noticePair(t)
	// The acknowledgement is lost.
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { return from != b.Addr() }
	a.pushExpiring(b, "arrives", a.Now()+pipeline.Time(time.Millisecond))
	a.do(func(e *conn.Endpoint, _ pipeline.Time) { e.MarkReady(a.peer(b)) })
	w.run(10 * time.Millisecond)
	require.Len(t, b.got, 1)
	a.pushExpiring(b, "expires in the queue", 1)
	w.await(time.Second, func() bool { return a.Endpoint().Stats().Expired == 1 })
	w.tap = nil
	a.push(b, 1, pipeline.Reliable, "next")
	w.await(5*time.Second, func() bool { return len(b.got) == 2 })
	require.Equal(t, 1, b.notices())
}

// A message that fits only an empty packet follows a notice in the next one.
func TestMessageWithoutRoomAfterANotice(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node(func(c *conn.Config) { c.MaxDatagram = 300 })
	b := w.node()
	a.dial(b)
	w.await(5*time.Second, func() bool { return bothUp(a, b) })
	w.run(time.Second)
	size := 300 - wire.Overhead - wire.MessageSize(wire.FrameReliable, 1, 0) - 1
	a.pushExpiring(b, "expires in the queue", 1)
	a.pushExpiring(b, strings.Repeat("x", size), 0)
	a.do(func(e *conn.Endpoint, _ pipeline.Time) { e.MarkReady(a.peer(b)) })
	w.await(time.Second, func() bool { return len(b.got) == 1 })
	require.Equal(t, 1, b.notices())
	require.Zero(t, a.Endpoint().Stats().TooLarge)
}
