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

// leave leaves n that many admissions.
func (n *node) leave(admissions int) {
	n.do(func(e *conn.Endpoint, now pipeline.Time) {
		e.LimitAdmissions(max(2, admissions))
		for i := range 2 - admissions {
			e.Admit(addrOf(200+i, 1).Addr(), now)
		}
	})
}

// A dialer that is asked to wait sends seldom and goes on for longer than one without an
// answer. It connects as soon as its turn has come, without another Init.
func TestDialerWaits(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(), w.node()
	b.leave(0)
	kinds := w.kinds()
	a.dial(b)
	w.run(12 * time.Second)
	require.Equal(t, 1, b.Stats().HandshakesWaiting)
	require.Zero(t, a.count(conn.DialEnded))
	require.InDelta(t, 12*time.Second/conn.WaitRetry, kinds[wire.TypeInit], 4)
	require.Equal(t, kinds[wire.TypeInit], kinds[wire.TypeCookie], "each is answered")
	require.Zero(t, b.Handshakes(conn.HandshakeStarted))
	inits := kinds[wire.TypeInit]
	b.leave(2)
	took := w.await(time.Second, func() bool { return bothUp(a, b) })
	require.LessOrEqual(t, took, 60*time.Millisecond)
	require.LessOrEqual(t, kinds[wire.TypeInit], inits+1)
	require.Zero(t, b.Stats().HandshakesWaiting)
	w.checkAll()
	w.closeAll()
}

// A slot becomes free while a dialer waits for one. Another of the same address whose
// Init comes before the turn of the first does not take the slot: it joins the line.
func TestNewcomerOfTheSameAddressJoinsTheLine(t *testing.T) {
	w := newWorld(t, 1)
	b := w.node(fivePerAddress)
	gateway := addrOf(7, 0).Addr()
	at := func(i int) netip.AddrPort { return netip.AddrPortFrom(gateway, uint16(1000+i)) }
	a := w.nodeAt(at(0), w.newIdentity())
	goesOn := false
	w.tap = func(from, _ netip.AddrPort, data []byte) bool {
		return goesOn || from != a.Addr() || wire.PacketType(data[0]&15) != wire.TypeFinal
	}
	a.dial(b)
	w.run(100 * time.Millisecond)
	f := &initiator{with: b}
	for i := 1; i <= 5; i++ {
		f.begin(at(i))
	}
	require.Equal(t, 5, b.Stats().HandshakesInFlight)
	require.Equal(t, 1, b.Stats().HandshakesWaiting)
	goesOn = true
	w.await(time.Second, func() bool { return b.up(a) })
	w.run(0) // the rest of this turn
	require.Equal(t, 4, b.Stats().HandshakesInFlight)
	f.begin(at(6))
	require.Zero(t, b.Endpoint().HandshakeFrom(at(6)))
	require.Equal(t, 2, b.Stats().HandshakesWaiting)
	w.run(100 * time.Millisecond)
	require.NotZero(t, b.Endpoint().HandshakeFrom(at(5)), "the first of the line")
	require.Zero(t, b.Endpoint().HandshakeFrom(at(6)))
	w.closeAll()
}

// A turn that never comes ends the dial, with an error that says so.
func TestDialerWaitsInVain(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.node(), w.node()
	b.leave(0)
	a.dial(b)
	took := w.await(time.Minute, func() bool { return a.count(conn.DialEnded) > 0 })
	require.Equal(t, conn.WaitLimit*conn.DefaultHandshakeTimeout, took)
	require.ErrorIs(t, a.last(conn.DialEnded).Err, conn.ErrBusy)
	w.run(conn.WaitLife + time.Second)
	require.Zero(t, b.Stats().HandshakesWaiting)
	require.EqualValues(t, 1, b.Handshakes(conn.HandshakeLeft))
	w.checkAll()
	w.closeAll()
}

// A dialer keeps its place although every other of its Inits is lost, and one that is
// silent for longer than that loses it.
func TestDialerKeepsItsPlace(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.node(), w.node()
	b.leave(0)
	a.dial(b)
	w.run(time.Second)
	n := 0
	w.tap = func(from, _ netip.AddrPort, data []byte) bool {
		if from == a.Addr() && wire.PacketType(data[0]&15) == wire.TypeInit {
			n++
		}
		return n%2 == 0
	}
	w.run(10 * time.Second)
	require.Equal(t, 1, b.Stats().HandshakesWaiting)
	require.Zero(t, b.Handshakes(conn.HandshakeLeft))
	require.EqualValues(t, 1, b.Handshakes(conn.HandshakeWaiting))
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool { return from != a.Addr() }
	w.run(conn.WaitLife + 200*time.Millisecond)
	require.EqualValues(t, 1, b.Handshakes(conn.HandshakeLeft))
	w.closeAll()
}

// An observer of Init asks the dialer to wait, all the time. That delays the Init that
// replaces a lost one by no more than conn.WaitRetry, and a dial without an answer
// ends after WaitLimit timeouts. Without a cookie there is nothing to wait for.
func TestForgedRequestsToWait(t *testing.T) {
	w := newWorld(t, 4)
	a, b := w.node(), w.node()
	var sent []pipeline.Time
	var init []byte
	responses := 0
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		switch wire.PacketType(data[0] & 15) {
		case wire.TypeInit:
			sent, init = append(sent, w.Now()), append(init[:0], data...)
		case wire.TypeResponse:
			responses++
			return responses > 4
		}
		return true
	}
	stop := w.Every(time.Millisecond, func() {
		if init != nil {
			w.Inject(b.Addr(), a.Addr(), cookie.AppendChallenge(nil, init, [wire.CookieSize]byte{}), 0)
		}
	})
	a.dial(b)
	w.await(4*time.Second, func() bool { return bothUp(a, b) })
	require.Equal(t, 5, responses)
	for i := 1; i < len(sent); i++ {
		require.LessOrEqual(t, time.Duration(sent[i]-sent[i-1]), conn.WaitRetry*6/5)
	}
	stop()
	require.Zero(t, b.Handshakes(conn.HandshakeWaiting))

	// Nothing else comes: no cookie either.
	w.tap = func(from, _ netip.AddrPort, data []byte) bool { init = append(init[:0], data...); return false }
	c, d := w.node(), w.node()
	stop = w.Every(time.Millisecond, func() {
		if len(init) == wire.InitSize {
			w.Inject(d.Addr(), c.Addr(), cookie.AppendChallenge(nil, init, [wire.CookieSize]byte{}), 0)
		}
	})
	c.dial(d)
	took := w.await(time.Minute, func() bool { return c.count(conn.DialEnded) > 0 })
	require.Equal(t, conn.DefaultHandshakeTimeout, took)
	require.ErrorIs(t, c.last(conn.DialEnded).Err, conn.ErrNoAnswer)
	stop()
}

// With few slots for an address, handshakes of long round trips keep theirs, and
// the others wait for them.
func TestHandshakesThatGoOnKeepTheirSlots(t *testing.T) {
	for name, limit := range map[string]func(*conn.Config){
		"of an address": func(c *conn.Config) { c.MaxHandshakesPerAddress = 4 },
		"in all":        func(c *conn.Config) { c.MaxHandshakes = 4 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 5)
			w.setLink(sim.Link{Delay: 350 * time.Millisecond})
			b := w.node(limit)
			var crowd []*node
			for i := range 20 {
				n := w.nodeAt(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(1000+i)), w.newIdentity())
				n.dial(b)
				crowd = append(crowd, n)
			}
			w.await(10*time.Second, func() bool {
				for _, n := range crowd {
					if !bothUp(n, b) {
						return false
					}
				}
				return true
			})
			require.Zero(t, b.Handshakes(conn.HandshakeEvicted))
			require.EqualValues(t, 20, b.Handshakes(conn.HandshakeStarted))
			require.EqualValues(t, 16, b.Handshakes(conn.HandshakeWaiting))
			w.checkAll()
			w.closeAll()
		})
	}
}
