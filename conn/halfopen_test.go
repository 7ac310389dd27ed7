package conn

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// flooder begins handshakes that it never completes, from any address that it
// can receive at.
type flooder struct {
	b     *node
	count uint64
}

// begin sends a message 1 with a good cookie, and returns its bytes.
func (f *flooder) begin(from netip.AddrPort) []byte {
	b := f.init()
	f.prove(from, b)
	f.send(from, b, nil)
	return b
}

// init returns a new message 1 without a cookie.
func (f *flooder) init() []byte {
	f.count++
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7})
	b = append(b, make([]byte, wire.InitSize-wire.HeaderSize)...)
	binary.LittleEndian.PutUint64(b[wire.HeaderSize:], f.count<<8|9) // as good an ephemeral key as any
	return b
}

// prove gets a cookie for message 1 and puts it in.
func (f *flooder) prove(from netip.AddrPort, init []byte) {
	f.send(from, init, func(reply []byte) {
		c, ok := cookie.OpenChallenge(init, reply)
		require.True(f.b.w.t, ok)
		copy(wire.InitCookie(init), c[:])
	})
}

func (f *flooder) send(from netip.AddrPort, data []byte, reply func([]byte)) {
	n := f.b
	n.ep.HandleDatagram(append([]byte(nil), data...), from, n.w.now)
	if reply != nil {
		out := n.ep.Outgoing()
		require.Len(n.w.t, out, 1)
		reply(out[0].Data)
	}
	n.turn()
}

func v4(i, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), uint16(port))
}

func TestHandshakesPerAddress(t *testing.T) {
	v6 := func(prefix, host byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 7: prefix, 15: host}), 9)
	}
	tests := []struct {
		name  string
		of    func(i int) netip.AddrPort
		other netip.AddrPort
	}{
		{"IPv4", func(i int) netip.AddrPort { return v4(1, 100+i) }, v4(2, 100)},
		{"IPv6 /64", func(i int) netip.AddrPort { return v6(1, byte(i)) }, v6(2, 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newNetwork(t, 1)
			b := w.node()
			f := &flooder{b: b}
			for i := range 10 {
				f.begin(tt.of(i))
			}
			require.Equal(t, 5, b.ep.halves.len())
			require.EqualValues(t, 5, b.handshakes(HandshakeAddress))
			f.begin(tt.other)
			require.Equal(t, 6, b.ep.halves.len())
			// A further one later takes the place of one of the five.
			w.run(yieldAge + 1)
			f.begin(tt.of(10))
			require.Equal(t, 6, b.ep.halves.len())
			require.EqualValues(t, 5, b.handshakes(HandshakeAddress))
			require.EqualValues(t, 1, b.handshakes(HandshakeEvicted))
			require.Equal(t, 5, b.ep.halves.held(source(tt.of(0))))
			w.checkAll()
			w.closeAll()
		})
	}
}

// What the worker has, or is to have next, gives way to nobody of its address, and
// so leaves no job behind.
func TestWhoIsWorkedOnDoesNotGiveWay(t *testing.T) {
	w := newNetwork(t, 1)
	b := w.node()
	f := &flooder{b: b}
	b.jobDelay = 4 * time.Second
	for i := range 50 {
		f.begin(v4(1, 100+i))
		w.run(60 * time.Millisecond)
	}
	require.Equal(t, 5, b.ep.halves.len())
	require.Zero(t, b.ep.halves.orphans)
	require.Zero(t, b.handshakes(HandshakeEvicted))
	require.EqualValues(t, 45, b.handshakes(HandshakeAddress))
	w.run(time.Minute)
	w.checkAll()
	w.closeAll()
}

// 20 addresses hold all slots. Whoever comes from elsewhere takes that of the
// oldest handshake, and the other 99 stay.
func TestHandshakeSlotsAreTakenBack(t *testing.T) {
	w := newNetwork(t, 2)
	b := w.node()
	f := &flooder{b: b}
	for i := range 100 {
		f.begin(v4(i%20, 100+i))
		w.run(5 * time.Millisecond)
	}
	require.Equal(t, 100, b.ep.halves.len())
	oldest := b.ep.halves.holders.oldest(0)
	require.Equal(t, v4(0, 100), oldest.key.addr)

	a := w.node()
	a.dial(b)
	w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
	require.EqualValues(t, 1, b.handshakes(HandshakeEvicted))
	require.True(t, oldest.gone)
	require.Equal(t, 99, b.ep.halves.len())
	w.checkAll()

	// One that holds fewer than the newcomer is safe: he is refused.
	w = newNetwork(t, 3)
	b = w.node(func(c *Config) { c.MaxHandshakes = 2 })
	f = &flooder{b: b}
	f.begin(v4(1, 1))
	f.begin(v4(2, 1))
	f.begin(v4(1, 2))
	require.EqualValues(t, 1, b.handshakes(HandshakeTable))
	f.begin(v4(3, 1))
	require.EqualValues(t, 1, b.handshakes(HandshakeEvicted))
	require.Equal(t, 2, b.ep.halves.len())
	w.checkAll()
	w.closeAll()
}

func TestEvictionFromTheOneWhoHoldsMost(t *testing.T) {
	w := newNetwork(t, 4)
	b := w.node(func(c *Config) { c.MaxHandshakes = 6 })
	f := &flooder{b: b}
	for _, i := range []int{1, 2, 2, 3, 3, 3} {
		f.begin(v4(i, int(f.count)))
	}
	var gone []netip.AddrPort
	for i := range 5 {
		victim := b.ep.halves.holders.oldest(0)
		f.begin(v4(4+i, 1))
		require.True(t, victim.gone)
		gone = append(gone, victim.key.addr)
		require.Equal(t, 6, b.ep.halves.len())
	}
	// 2 has held two for longer than 3, and then all hold one: 1 for longest.
	require.Equal(t, []netip.AddrPort{v4(3, 3), v4(2, 1), v4(3, 4), v4(1, 0), v4(4, 1)}, gone)
	w.closeAll()
}

func TestHalfOpenExpires(t *testing.T) {
	w := newNetwork(t, 5)
	b := w.node()
	f := &flooder{b: b}
	for i := range 20 {
		f.begin(v4(i, 1))
	}
	w.run(5*time.Second - 1)
	require.Equal(t, 20, b.ep.halves.len())
	w.run(1)
	require.Zero(t, b.ep.halves.len())
	require.EqualValues(t, 20, b.handshakes(HandshakeTimedOut))
	require.Len(t, b.ep.epochIDs.free, 20)
	w.closeAll()
}

// Whoever sees message 1 sends it first, changed in one of the things that are
// not its ephemeral key, from the dialer's address and with the cookie for that.
// The genuine one is a handshake of its own: it gets its own answer, at once.
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
			w := newNetwork(t, 1)
			a, b := w.node(), w.node()
			b.jobDelay = 20 * time.Millisecond
			var copied []byte
			w.tap = func(from, to netAddr, data []byte) bool {
				switch wire.PacketType(data[0] & 15) {
				case wire.TypeInit:
					copied = append([]byte(nil), data...)
					tt.change(copied)
					clear(wire.InitCookie(copied))
					w.inject(from, to, copied, time.Millisecond)
				case wire.TypeCookie:
					if c, ok := cookie.OpenChallenge(copied, data); ok {
						copy(wire.InitCookie(copied), c[:])
						w.inject(to, from, copied, time.Millisecond)
					}
				}
				return true
			}
			a.dial(b)
			took := w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
			require.Equal(t, 70*time.Millisecond, took, "as without: three round trips and two jobs")
			w.tap = nil
			w.run(6 * time.Second)
			require.Zero(t, b.ep.halves.len())
			w.closeAll()
		})
	}
}

// The Final that has been accepted is answered again, but only as it was: in
// another suite it is of no handshake.
func TestRepeatedFinalInAnotherSuite(t *testing.T) {
	w := newNetwork(t, 10)
	a, b := w.node(), w.node()
	r := w.record()
	w.links = func(from, to netAddr) link { return link{delay: time.Millisecond, cut: from == b.addr && b.up(a)} }
	a.dial(b)
	w.await(time.Second, func() bool { return b.up(a) })
	final := r.of(wire.TypeFinal)[0]
	repeated, unknown := b.handshakes(HandshakeRepeated), b.handshakes(HandshakeUnknown)
	other := append([]byte(nil), final.data...)
	other[1] ^= byte(wire.AESGCM ^ wire.ChaChaPoly)
	w.inject(a.addr, b.addr, other, 0)
	w.run(time.Millisecond)
	require.Equal(t, repeated, b.handshakes(HandshakeRepeated))
	require.Equal(t, unknown+1, b.handshakes(HandshakeUnknown))
	r.replay(final, a.addr)
	w.run(time.Millisecond)
	require.Equal(t, repeated+1, b.handshakes(HandshakeRepeated))
}

// An index comes back even if its handshake ends while a job has it.
func TestHalfOpenEndsWhileBusy(t *testing.T) {
	w := newNetwork(t, 6)
	b := w.node(func(c *Config) { c.MaxHandshakes = 1 })
	b.jobDelay = 10 * time.Second
	f := &flooder{b: b}
	f.begin(v4(1, 1))
	f.begin(v4(2, 1)) // evicts the first
	w.run(6 * time.Second)
	require.Zero(t, b.ep.halves.len())
	w.run(6 * time.Second)
	w.closeAll()
}

// While the worker is stuck, as in an Authorize that waits, evicted handshakes do
// not pile up: with the living there are at most twice MaxHandshakes.
func TestHandshakesOfAStuckWorkerAreBounded(t *testing.T) {
	w := newNetwork(t, 8)
	b := w.node()
	b.jobDelay = 30 * time.Second
	f := &flooder{b: b}
	for i := range 2000 {
		f.begin(v4(i, 1))
		w.run(10 * time.Millisecond)
		require.LessOrEqual(t, b.ep.halves.orphans, 200)
		require.LessOrEqual(t, int(b.ep.epochIDs.next), 200)
	}
	require.NotZero(t, b.handshakes(HandshakeTable))
	w.run(time.Minute)
	require.Zero(t, b.ep.halves.orphans)
	f.begin(v4(1, 1))
	require.Equal(t, 1, b.ep.halves.len())
	w.run(time.Minute)
	w.closeAll()
}

// 5,000 handshakes in a second from as many addresses: the burst of 50 and 200
// of them are begun, and the others cost nothing.
func TestAdmissionRate(t *testing.T) {
	w := newNetwork(t, 7)
	b := w.node(func(c *Config) { c.MaxHandshakes = 10_000 })
	f := &flooder{b: b}
	for i := range 5000 {
		f.begin(v4(i, 1))
		w.run(200 * time.Microsecond)
	}
	require.InDelta(t, 250, b.handshakes(HandshakeStarted), 1)
	// A few are taken for others that have had their turn.
	require.Less(t, b.handshakes(HandshakeAddress), uint64(500))
	require.EqualValues(t, 5000, b.handshakes(HandshakeStarted)+b.handshakes(HandshakeRate)+b.handshakes(HandshakeAddress))
	w.checkAll()
	w.closeAll()
}

// Message 1 without a good cookie allocates nothing and is answered with less
// than it has brought.
func TestInitWithoutCookie(t *testing.T) {
	w := newNetwork(t, 8)
	b := w.node()
	data := make([]byte, wire.InitSize)
	copy(data, wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7}))
	out, now := 0, pipeline.Time(time.Hour)
	allocs := testing.AllocsPerRun(900, func() {
		data[20]++
		now += pipeline.Time(time.Millisecond)
		b.ep.HandleDatagram(data, v4(int(data[20]), 1), now)
		for _, d := range b.ep.Outgoing() {
			out += len(d.Data)
		}
	})
	require.Zero(t, allocs)
	require.Equal(t, 901*wire.CookiePacketSize, out)
	require.Zero(t, b.ep.epochIDs.next)
}
