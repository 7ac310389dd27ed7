package conn_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// A repeated message 1 is answered with the same message 2, byte for byte, and
// takes no slot.
func TestRepeatedInit(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node()
	var responses [][]byte
	w.setLink(sim.Link{Delay: time.Millisecond})
	w.tap = func(from, _ netip.AddrPort, data []byte) bool {
		if from != b.Addr() {
			return true
		}
		if wire.PacketType(data[0]&15) == wire.TypeResponse {
			responses = append(responses, bytes.Clone(data))
		}
		return len(responses) == 0
	}
	a.dial(b)
	w.run(3 * time.Second)
	require.Greater(t, len(responses), 5)
	for _, d := range responses {
		require.Equal(t, responses[0], d)
	}
	require.EqualValues(t, 1, b.Handshakes(conn.HandshakeStarted))
	require.EqualValues(t, len(responses)-1, b.Handshakes(conn.HandshakeRepeated))
	require.Equal(t, 1, b.Stats().HandshakesInFlight)
	w.closeAll()
}

// Replaying a finished handshake makes no session, takes no slot and leaves
// its session alone.
func TestReplayedHandshake(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.node(), w.node()
	r := w.Record(1 << 16)
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.run(time.Second)
	atA, atB := a.session(b), b.session(a)
	started := b.Handshakes(conn.HandshakeStarted)
	indexes := [2]int{a.Endpoint().IndexesEverUsed(), b.Endpoint().IndexesEverUsed()}
	for _, d := range r.Kept() {
		for _, from := range []netip.AddrPort{d.From, netip.MustParseAddrPort("203.0.113.9:9")} {
			w.Inject(from, d.To, d.Data, 0)
			w.run(50 * time.Millisecond)
			require.Zero(t, b.Stats().HandshakesInFlight)
		}
	}
	require.Equal(t, started, b.Handshakes(conn.HandshakeStarted))
	require.NotZero(t, b.Handshakes(conn.HandshakeReplayed))
	require.Zero(t, b.Handshakes(conn.HandshakeRepeated), "message 3 is not answered once the dialer has sent data")
	require.Equal(t, indexes, [2]int{a.Endpoint().IndexesEverUsed(), b.Endpoint().IndexesEverUsed()})
	require.True(t, atA.Is(a.session(b)))
	require.True(t, atB.Is(b.session(a)))
	require.Equal(t, a.Addr(), b.peer(a).Addr())
	require.Equal(t, b.Addr(), a.peer(b).Addr())
	require.Equal(t, 1, b.count(conn.PeerUp))
	require.Zero(t, a.count(conn.PeerDown)+b.count(conn.PeerDown))
	a.push(b, 1, pipeline.Realtime, "still there")
	w.run(time.Second)
	require.Len(t, b.got, 1)
	w.checkAll()
}

// Each datagram of a session is delivered once, however often it arrives.
func TestReplayedData(t *testing.T) {
	w := newWorld(t, 3)
	w.setLink(sim.Link{Delay: time.Millisecond, Jitter: 20 * time.Millisecond, Duplicate: 1})
	a, b := w.pair()
	r := w.Record(1 << 16)
	for i := range 100 {
		a.push(b, 1, pipeline.Realtime, number(i, 4))
		w.run(time.Millisecond)
	}
	w.run(time.Second)
	for _, d := range r.Kept(wire.TypeData) {
		w.Inject(d.From, d.To, d.Data, 0)
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
