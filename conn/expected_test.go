package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// garbage makes packets of an unknown index arrive at n, perSecond of them at
// random intervals, with sources of one address and any port. It begins with more
// at once than an address may send.
func (n *node) garbage(of netip.Addr, perSecond int) {
	clean := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: 0xfffffff})
	clean = append(clean, make([]byte, 16)...)
	buf, i := make([]byte, len(clean)), 0
	send := func() {
		i++
		copy(buf, clean)
		n.Do(func(e *conn.Endpoint, now pipeline.Time) {
			e.HandleDatagram(wire.Datagram{Data: buf, Addr: netip.AddrPortFrom(of, uint16(i))}, now)
		})
	}
	for range 2000 {
		send()
	}
	var tick func()
	tick = func() {
		send()
		n.w.After(time.Second/time.Duration(perSecond)*time.Duration(800+n.w.Rand().IntN(400))/1000, tick)
	}
	tick()
}

// Garbage with the dialer's address at the responder, or with the responder's at
// the dialer, does not delay a handshake between the two.
func TestGarbageInAnothersNameDelaysNoHandshake(t *testing.T) {
	for _, perSecond := range []int{20_000, 100_000} {
		seeds(t, 5, func(t *testing.T, seed uint64) {
			for _, atDialer := range []bool{false, true} {
				w := newWorld(t, seed)
				a, b := w.node(), w.node()
				at, of := b, a
				if atDialer {
					at, of = a, b
				}
				at.garbage(of.Addr().Addr(), perSecond)
				w.run(137 * time.Microsecond)
				a.dial(b)
				took := w.await(6*time.Second, func() bool { return bothUp(a, b) })
				require.Equal(t, 30*time.Millisecond, took, "as without the garbage")
				require.NotZero(t, at.drops("ratelimit/address_rate"))
			}
		})
	}
}

// Only packets that a handshake waits for pass the rate limit of their address,
// and only from the port of the handshake.
func TestOnlyWhatAHandshakeWaitsForIsExpected(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node()
	size := map[wire.PacketType]int{
		wire.TypeResponse: wire.ResponseSize, wire.TypeFinal: wire.FinalSize, wire.TypeCookie: wire.CookiePacketSize,
	}
	// passes reports whether the packet passes the rate limit of its address,
	// which is used up.
	passes := func(n *node, h wire.Header, from netip.AddrPort) bool {
		p := wire.AppendHeader(nil, h)
		p = append(p, make([]byte, size[h.Type]-len(p))...)
		before := n.drops("ratelimit/address_rate")
		n.Do(func(e *conn.Endpoint, now pipeline.Time) {
			for n.drops("ratelimit/address_rate") == before {
				e.HandleDatagram(wire.Datagram{Data: make([]byte, 1), Addr: from}, now)
			}
			e.HandleDatagram(wire.Datagram{Data: p, Addr: from}, now)
		})
		return n.drops("ratelimit/address_rate") == before+1
	}
	check := func(n *node, index uint32, from netip.AddrPort, awaited ...wire.PacketType) {
		t.Helper()
		for kind := range size {
			want := false
			for _, k := range awaited {
				want = want || k == kind
			}
			h := wire.Header{Type: kind, Suite: wire.AESGCM, Receiver: index}
			require.Equal(t, want, passes(n, h, from), kind)
			require.False(t, passes(n, h, netip.AddrPortFrom(from.Addr(), from.Port()+1)), "another port")
			h.Suite = wire.ChaChaPoly
			require.False(t, passes(n, h, from), "another suite")
			h.Suite, h.Receiver = wire.AESGCM, index^1<<20
			require.False(t, passes(n, h, from), "another generation")
			h.Receiver = index + 1
			require.False(t, passes(n, h, from), "another number")
		}
	}

	a.dial(b)
	dialer := a.peer(b).DialIndex()
	check(a, dialer, b.Addr(), wire.TypeResponse, wire.TypeCookie)
	answered := func() bool {
		h, _ := b.Endpoint().OldestHandshake()
		return h.Answered
	}
	w.await(time.Second, answered)
	h, _ := b.Endpoint().OldestHandshake()
	responder := h.Index
	check(b, responder, a.Addr(), wire.TypeFinal)
	check(a, dialer, b.Addr(), wire.TypeResponse, wire.TypeCookie)

	w.await(time.Second, func() bool { return bothUp(a, b) })
	check(a, dialer, b.Addr())
	check(b, responder, a.Addr())
}

// First messages with a dialer's address and without a cookie delay its
// challenge, a limit that docs/THREATMODEL.md states. A flood from another
// address delays no dialer.
func TestFirstMessagesWithADialersAddress(t *testing.T) {
	if race.Enabled {
		t.Skip("millions of packets in one goroutine, which the race detector makes slow")
	}
	for _, tt := range []struct {
		perSecond int
		own       bool
		least     int // of 20
	}{{20_000, true, 20}, {100_000, true, 5}, {100_000, false, 20}} {
		up, slowest := 0, time.Duration(0)
		for seed := range uint64(20) {
			w := newWorld(t, seed)
			a, b := w.node(), w.node()
			name := addrOf(1, 1).Addr()
			if tt.own {
				name = a.Addr().Addr()
			}
			first, i := new(conn.Initiator).Init(), 0
			var tick func()
			tick = func() {
				i++
				b.Do(func(e *conn.Endpoint, now pipeline.Time) {
					e.HandleDatagram(wire.Datagram{Data: first, Addr: netip.AddrPortFrom(name, uint16(i))}, now)
					e.Outgoing()
				})
				w.After(time.Second/time.Duration(tt.perSecond)*time.Duration(800+w.Rand().IntN(400))/1000, tick)
			}
			tick()
			w.run(time.Second / 2)
			a.dial(b)
			took := w.until(6*time.Second, func() bool { return bothUp(a, b) || a.count(conn.DialEnded) > 0 })
			if bothUp(a, b) {
				up++
				slowest = max(slowest, took)
			}
		}
		t.Logf("%d a second, with the dialer's address: %v, %d of 20 dials succeeded, the last after %v", tt.perSecond, tt.own, up, slowest)
		require.GreaterOrEqual(t, up, tt.least)
	}
}
