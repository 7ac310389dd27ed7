package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// A repeated message 1 gets the same message 2, byte for byte, and no slot.
func TestRepeatedInit(t *testing.T) {
	w := newNetwork(t, 1)
	a, b := w.node(), w.node()
	r := w.record()
	w.links = func(from, _ netAddr) link {
		return link{delay: time.Millisecond, cut: from == b.addr && len(r.of(wire.TypeResponse)) > 0}
	}
	a.dial(b)
	w.run(3 * time.Second)
	responses := r.of(wire.TypeResponse)
	require.Greater(t, len(responses), 5)
	for _, d := range responses {
		require.Equal(t, responses[0].data, d.data)
	}
	require.EqualValues(t, 1, b.handshakes(HandshakeStarted))
	require.EqualValues(t, len(responses)-1, b.handshakes(HandshakeRepeated))
	require.Equal(t, 1, b.ep.halves.len())
	w.closeAll()
}

// What an observer replays of a handshake that is over makes no session and no
// slot, and leaves the one that it made alone.
func TestReplayedHandshake(t *testing.T) {
	w := newNetwork(t, 2)
	a, b := w.node(), w.node()
	r := w.record()
	a.dial(b)
	w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
	w.run(time.Second)
	atA, atB := a.session(b), b.session(a)
	started := b.handshakes(HandshakeStarted)
	ids := [2]uint32{a.ep.epochIDs.next, b.ep.epochIDs.next}
	for _, d := range append([]recorded(nil), r.seen...) {
		for _, from := range []netAddr{d.from, addrPort("203.0.113.9:9")} {
			r.replay(d, from)
			w.run(50 * time.Millisecond)
			require.Zero(t, b.ep.halves.len())
		}
	}
	require.Equal(t, started, b.handshakes(HandshakeStarted))
	require.NotZero(t, b.handshakes(HandshakeReplayed))
	require.Zero(t, b.handshakes(HandshakeRepeated), "message 3 is answered until the dialer has spoken")
	require.Equal(t, ids, [2]uint32{a.ep.epochIDs.next, b.ep.epochIDs.next})
	require.Same(t, atA, a.session(b))
	require.Same(t, atB, b.session(a))
	require.Equal(t, a.addr, b.peer(a).Addr())
	require.Equal(t, b.addr, a.peer(b).Addr())
	require.Equal(t, 1, b.count(PeerUp))
	require.Zero(t, a.count(PeerDown)+b.count(PeerDown))
	a.push(b, 1, pipeline.Realtime, "still there")
	w.run(time.Second)
	require.Len(t, b.got, 1)
	w.checkAll()
}

// Each datagram of a session is delivered once, however often it comes.
func TestReplayedData(t *testing.T) {
	w := newNetwork(t, 3)
	w.link = link{delay: time.Millisecond, jitter: 20 * time.Millisecond, dup: 1}
	a, b := w.pair()
	r := w.record()
	for i := range 100 {
		a.push(b, 1, pipeline.Realtime, number(i, 4))
		w.run(time.Millisecond)
	}
	w.run(time.Second)
	for _, d := range r.of(wire.TypeData) {
		r.replay(d, d.from)
	}
	w.run(time.Second)
	seen := map[string]bool{}
	for _, m := range b.got {
		require.False(t, seen[m.payload], m.payload)
		seen[m.payload] = true
	}
	require.Len(t, seen, 100)
	require.NotZero(t, b.drops("replay/replayed"))
	w.checkAll()
}
