package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// initiator begins handshakes with a node, from any address, and completes none.
type initiator struct {
	conn.Initiator
	with *node
}

// begin brings the node a first message with a valid cookie.
func (f *initiator) begin(from netip.AddrPort) {
	f.with.do(func(e *conn.Endpoint, now pipeline.Time) { f.Begin(f.with.w.t, e, from, now) })
}

func fivePerAddress(c *conn.Config) { c.MaxHandshakesPerAddress = 5 }

func TestHandshakesPerAddress(t *testing.T) {
	v6 := func(prefix, host byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 7: prefix, 15: host}), 9)
	}
	tests := []struct {
		name  string
		of    func(i int) netip.AddrPort
		other netip.AddrPort
	}{
		{"IPv4", func(i int) netip.AddrPort { return addrOf(1, 100+i) }, addrOf(2, 100)},
		{"IPv6 /64", func(i int) netip.AddrPort { return v6(1, byte(i)) }, v6(2, 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1)
			b := w.node(fivePerAddress)
			f := &initiator{with: b}
			for i := range 10 {
				f.begin(tt.of(i))
			}
			require.Equal(t, 5, b.Stats().HandshakesInFlight)
			require.Equal(t, 5, b.Stats().HandshakesWaiting)
			f.begin(tt.other)
			require.Equal(t, 6, b.Stats().HandshakesInFlight)
			w.run(conn.MostPatience - 1)
			require.EqualValues(t, 5, b.Handshakes(conn.HandshakeLeft), "they have not asked again")
			require.Zero(t, b.Handshakes(conn.HandshakeEvicted))
			// Once they are old enough, another one evicts the oldest of the five.
			w.run(1)
			f.begin(tt.of(10))
			require.Equal(t, 6, b.Stats().HandshakesInFlight)
			require.EqualValues(t, 1, b.Handshakes(conn.HandshakeEvicted))
			require.Zero(t, b.Endpoint().HandshakeFrom(tt.of(0)))
			require.Equal(t, 5, b.Endpoint().HandshakesOf(tt.of(0).Addr()))
			w.checkAll()
			w.closeAll()
		})
	}
}

// A handshake that the worker has, or will have next, is not evicted by another
// of its address, so that no job is left behind.
func TestHandshakeWorkedOnIsNotEvicted(t *testing.T) {
	w := newWorld(t, 1)
	b := w.node(fivePerAddress)
	f := &initiator{with: b}
	b.JobDelay = 4 * time.Second
	for i := range 50 {
		f.begin(addrOf(1, 100+i))
		w.run(60 * time.Millisecond)
	}
	require.Equal(t, 5, b.Stats().HandshakesInFlight)
	require.Zero(t, b.Endpoint().EvictedInJobs())
	require.Zero(t, b.Handshakes(conn.HandshakeEvicted))
	require.EqualValues(t, 45, b.Handshakes(conn.HandshakeWaiting))
	w.run(time.Minute)
	w.checkAll()
	w.closeAll()
}

// 20 addresses hold all slots. A handshake from another address evicts the
// oldest, and the other 99 stay.
func TestHandshakeSlotsAreTakenBack(t *testing.T) {
	w := newWorld(t, 2)
	b := w.node(func(c *conn.Config) { c.MaxHandshakes = 100 })
	f := &initiator{with: b}
	for i := range 100 {
		f.begin(addrOf(i%20, 100+i))
		w.run(5 * time.Millisecond)
	}
	require.Equal(t, 100, b.Stats().HandshakesInFlight)
	oldest, _ := b.Endpoint().OldestHandshake()
	require.Equal(t, addrOf(0, 100), oldest.Addr)

	a := w.node()
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	require.EqualValues(t, 1, b.Handshakes(conn.HandshakeEvicted))
	require.Zero(t, b.Endpoint().HandshakeFrom(oldest.Addr), "evicted")
	require.Equal(t, 99, b.Stats().HandshakesInFlight)
	w.checkAll()

	// An address that holds no more than the newcomer loses none: the newcomer waits.
	w = newWorld(t, 3)
	b = w.node(func(c *conn.Config) { c.MaxHandshakes = 2 })
	f = &initiator{with: b}
	f.begin(addrOf(1, 1))
	f.begin(addrOf(2, 1))
	f.begin(addrOf(1, 2))
	require.Equal(t, 1, b.Stats().HandshakesWaiting)
	require.Zero(t, b.Handshakes(conn.HandshakeEvicted))
	f.begin(addrOf(3, 1))
	require.EqualValues(t, 1, b.Handshakes(conn.HandshakeEvicted))
	require.Equal(t, 2, b.Stats().HandshakesInFlight)
	w.checkAll()
	w.closeAll()
}

func TestEvictionFromTheAddressThatHoldsMost(t *testing.T) {
	w := newWorld(t, 4)
	b := w.node(func(c *conn.Config) { c.MaxHandshakes = 6 })
	f := &initiator{with: b}
	for _, i := range []int{1, 2, 2, 3, 3, 3} {
		f.begin(addrOf(i, int(f.Count)))
	}
	var gone []netip.AddrPort
	for i := range 5 {
		oldest, _ := b.Endpoint().OldestHandshake()
		f.begin(addrOf(4+i, 1))
		require.Zero(t, b.Endpoint().HandshakeFrom(oldest.Addr), "evicted")
		gone = append(gone, oldest.Addr)
		require.Equal(t, 6, b.Stats().HandshakesInFlight)
	}
	// Address 2 has held two for longer than 3 has; then each holds one, and 1
	// has for longest.
	require.Equal(t, []netip.AddrPort{addrOf(3, 3), addrOf(2, 1), addrOf(3, 4), addrOf(1, 0), addrOf(4, 1)}, gone)
	w.closeAll()
}

func TestHalfOpenExpires(t *testing.T) {
	w := newWorld(t, 5)
	b := w.node()
	f := &initiator{with: b}
	for i := range 20 {
		f.begin(addrOf(i, 1))
	}
	w.run(5*time.Second - 1)
	require.Equal(t, 20, b.Stats().HandshakesInFlight)
	w.run(1)
	require.Zero(t, b.Stats().HandshakesInFlight)
	require.EqualValues(t, 20, b.Handshakes(conn.HandshakeTimedOut))
	require.Equal(t, 20, b.Endpoint().IndexesFree())
	w.closeAll()
}

// An attacker that sees message 1 sends it first, with one field other than the
// ephemeral key changed, from the dialer's address and with a cookie for that.
// The genuine one is a handshake of its own and gets its own answer at once.
func TestMessage1OfAnotherWithTheSameKey(t *testing.T) {
	tests := []struct {
		name   string
		change func(init []byte)
	}{
		{"index", func(b []byte) { b[11] ^= 1 }},
		{"suite", func(b []byte) { b[1] ^= byte(wire.AESGCM ^ wire.ChaChaPoly) }},
		{"padding", func(b []byte) { b[wire.InitSize-wire.CookieSize-1] = 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.node(), w.node()
			b.JobDelay = 20 * time.Millisecond
			var copied []byte
			w.tap = func(from, to netip.AddrPort, data []byte) bool {
				switch wire.PacketType(data[0] & 15) {
				case wire.TypeInit:
					copied = append([]byte(nil), data...)
					tt.change(copied)
					clear(wire.InitCookie(copied))
					w.Inject(from, to, copied, time.Millisecond)
				case wire.TypeCookie:
					if c, ok := cookie.OpenChallenge(copied, data); ok {
						copy(wire.InitCookie(copied), c[:])
						w.Inject(to, from, copied, time.Millisecond)
					}
				}
				return true
			}
			a.dial(b)
			took := w.await(time.Second, func() bool { return bothUp(a, b) })
			require.LessOrEqual(t, took, 90*time.Millisecond, "three round trips, two jobs, and one of the copy")
			w.tap = nil
			require.Equal(t, tt.name == "padding", b.Handshakes(conn.HandshakeFailed) > 0, "only the padding makes it invalid")
			w.run(6 * time.Second)
			require.Zero(t, b.Stats().HandshakesInFlight)
			w.closeAll()
		})
	}
}

// The Final that was accepted is answered again if it is repeated, but not in
// another suite.
func TestRepeatedFinalInAnotherSuite(t *testing.T) {
	w := newWorld(t, 10)
	a, b := w.node(), w.node()
	r := w.Record(1 << 16)
	w.setLink(sim.Link{Delay: time.Millisecond})
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { return from != b.Addr() || !b.up(a) }
	a.dial(b)
	w.await(time.Second, func() bool { return b.up(a) })
	final := r.Kept(wire.TypeFinal)[0]
	repeated, unknown := b.Handshakes(conn.HandshakeRepeated), b.Handshakes(conn.HandshakeUnknown)
	other := append([]byte(nil), final.Data...)
	other[1] ^= byte(wire.AESGCM ^ wire.ChaChaPoly)
	w.Inject(a.Addr(), b.Addr(), other, 0)
	w.run(time.Millisecond)
	require.Equal(t, repeated, b.Handshakes(conn.HandshakeRepeated))
	require.Equal(t, unknown+1, b.Handshakes(conn.HandshakeUnknown))
	w.Inject(a.Addr(), final.To, final.Data, 0)
	w.run(time.Millisecond)
	require.Equal(t, repeated+1, b.Handshakes(conn.HandshakeRepeated))
}

// A receiver index is freed even if its handshake ends while a job is out.
func TestHalfOpenEndsWhileBusy(t *testing.T) {
	w := newWorld(t, 6)
	b := w.node(func(c *conn.Config) { c.MaxHandshakes = 1 })
	b.JobDelay = 10 * time.Second
	f := &initiator{with: b}
	f.begin(addrOf(1, 1))
	f.begin(addrOf(2, 1)) // evicts the first
	w.run(6 * time.Second)
	require.Zero(t, b.Stats().HandshakesInFlight)
	w.run(6 * time.Second)
	w.closeAll()
}

// While the worker is stuck, for example in Authorize, evicted handshakes do not
// pile up: with those in flight there are at most twice MaxHandshakes.
func TestHandshakesOfAStuckWorkerAreBounded(t *testing.T) {
	w := newWorld(t, 8)
	b := w.node(func(c *conn.Config) { c.MaxHandshakes = 100 })
	b.JobDelay = 30 * time.Second
	f := &initiator{with: b}
	for i := range 2000 {
		f.begin(addrOf(i, 1))
		w.run(10 * time.Millisecond)
		require.LessOrEqual(t, b.Endpoint().EvictedInJobs(), 200)
		require.LessOrEqual(t, b.Endpoint().IndexesEverUsed(), 200)
	}
	require.NotZero(t, b.Handshakes(conn.HandshakeLeft))
	w.run(2 * time.Hour) // 30 s a job
	require.Zero(t, b.Endpoint().EvictedInJobs())
	f.begin(addrOf(1, 1))
	require.Equal(t, 1, b.Stats().HandshakesInFlight)
	w.run(time.Minute)
	w.closeAll()
}

// Of 5,000 handshakes in a second from as many addresses, the burst of 50 and 200
// more are begun.
func TestAdmissionRate(t *testing.T) {
	w := newWorld(t, 7)
	b := w.node(func(c *conn.Config) { c.MaxHandshakes = 10_000 })
	f := &initiator{with: b}
	for i := range 5000 {
		f.begin(addrOf(i, 1))
		w.run(200 * time.Microsecond)
	}
	require.InDelta(t, 250, b.Handshakes(conn.HandshakeStarted), 1)
	// A few addresses are taken for others that have had their turn.
	require.Less(t, b.Handshakes(conn.HandshakeAddress), uint64(500))
	require.EqualValues(t, conn.MaxWaiting, b.Stats().HandshakesWaiting)
	begun := b.Handshakes(conn.HandshakeStarted)
	refused := b.Handshakes(conn.HandshakeRate) + b.Handshakes(conn.HandshakeAddress) + b.Handshakes(conn.HandshakeLeft)
	require.EqualValues(t, 5000-conn.MaxWaiting, begun+refused)
	w.checkAll()
	w.closeAll()
}
