package conn_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// forgeries returns what an observer can make of a genuine handshake packet.
func forgeries(genuine []byte) map[string][]byte {
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(genuine)) }
	return map[string][]byte{
		"short":       change(func(b []byte) []byte { return b[:len(b)-1] }),
		"header only": change(func(b []byte) []byte { return b[:wire.HeaderSize] }),
		"long":        change(func(b []byte) []byte { return append(b, 0) }),
		"flipped tag": change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		"flipped key": change(func(b []byte) []byte { b[wire.HeaderSize] ^= 1; return b }),
		"low order": change(func(b []byte) []byte {
			clear(b[wire.HeaderSize : wire.HeaderSize+32])
			return b
		}),
		"zeros": change(func(b []byte) []byte { clear(b[wire.HeaderSize:]); return b }),
	}
}

// Forgeries of message 2 or 3 arrive before the genuine one each time it is sent.
// The genuine one completes the handshake.
func TestForgedHandshakeRacedFirst(t *testing.T) {
	for _, kind := range []wire.PacketType{wire.TypeResponse, wire.TypeFinal} {
		for name := range forgeries(make([]byte, 128)) {
			for _, delay := range []time.Duration{0, time.Millisecond} {
				t.Run(name, func(t *testing.T) {
					w := newWorld(t, 1)
					a, b := w.node(), w.node()
					a.JobDelay, b.JobDelay = delay, delay
					w.tap = func(from, to netip.AddrPort, data []byte) bool {
						if wire.PacketType(data[0]&15) == kind {
							for range 3 {
								w.Inject(from, to, forgeries(data)[name], 0)
							}
						}
						return true
					}
					a.dial(b)
					took := w.await(time.Second, func() bool { return bothUp(a, b) })
					require.Less(t, took, 100*time.Millisecond, "the first try succeeds")
					a.push(b, 1, pipeline.Realtime, "hello")
					w.run(time.Second)
					require.Len(t, b.got, 1)
					require.Equal(t, 1, b.Stats().Sessions)
					w.checkAll()
					w.closeAll()
				})
			}
		}
	}
}

// Another machine that sees all that the dialer sends answers each time with a
// key of its own, correctly and before the genuine peer.
func TestAnswerWithAnotherKeyRacedFirst(t *testing.T) {
	w := newWorld(t, 5)
	a, b, other := w.node(), w.node(), w.node()
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		switch from {
		case a.Addr():
			w.Inject(from, other.Addr(), data, time.Millisecond)
		case other.Addr():
			w.Inject(b.Addr(), to, data, time.Millisecond)
			return false
		}
		return true
	}
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	require.NotZero(t, a.Handshakes(conn.HandshakeFailed))
	require.Zero(t, other.count(conn.PeerUp))
	w.closeAll()
}

// A handshake that succeeds takes one admission, and each four forged messages 3
// take another.
func TestAdmissions(t *testing.T) {
	w := newWorld(t, 6)
	a := w.node()
	b := w.node()
	b.Endpoint().LimitAdmissions(2)
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	require.Equal(t, fair.Share, b.Endpoint().Admit(a.Addr().Addr(), w.Now()), "one admission is left, for others")
	require.Equal(t, fair.Granted, b.Endpoint().Admit(netip.MustParseAddr("192.0.2.1"), w.Now()))

	w = newWorld(t, 7)
	a = w.node()
	b = w.node()
	b.Endpoint().LimitAdmissions(5)
	forged := 0
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if wire.PacketType(data[0]&15) != wire.TypeFinal {
			return true
		}
		for range 20 {
			forged++
			bad := bytes.Clone(data)
			bad[len(bad)-1] ^= byte(forged)
			w.Inject(from, to, bad, 0)
		}
		return false
	}
	a.dial(b)
	w.run(time.Second)
	// Of five admissions, two are left for other addresses.
	require.EqualValues(t, 3*conn.FinalTries, b.Handshakes(conn.HandshakeFailed))
	require.NotZero(t, b.Handshakes(conn.HandshakeBusy))
	require.Equal(t, fair.Granted, b.Endpoint().Admit(netip.MustParseAddr("192.0.2.1"), w.Now()))
}

// Before each genuine message 2 or 3 arrive more forgeries than may wait for the
// worker; they still wait when it arrives, and others follow it. It is tried in
// the end.
func TestForgeriesCannotKeepTheGenuineOneOut(t *testing.T) {
	for name, kind := range map[string]wire.PacketType{"message 2": wire.TypeResponse, "message 3": wire.TypeFinal} {
		t.Run(name, func(t *testing.T) {
			seeds(t, 20, func(t *testing.T, seed uint64) {
				w := newWorld(t, seed)
				a, b := w.node(), w.node()
				a.JobDelay, b.JobDelay = 20*time.Millisecond, 20*time.Millisecond
				forged := uint32(0)
				w.tap = func(from, to netip.AddrPort, data []byte) bool {
					if wire.PacketType(data[0]&15) != kind {
						return true
					}
					for i := range 10 {
						bad := bytes.Clone(data)
						forged++
						binary.BigEndian.PutUint32(bad[wire.HeaderSize:], forged)
						w.Inject(from, to, bad, time.Duration(i)*time.Millisecond)
					}
					return true
				}
				a.dial(b)
				w.await(5*time.Second, func() bool { return bothUp(a, b) })
				w.checkAll()
			})
		})
	}
}

// An attacker that has not seen message 1 cannot forge a challenge for it.
func TestForgedCookieOffPath(t *testing.T) {
	w := newWorld(t, 2)
	a, b := w.node(), w.node()
	r := w.Record(1 << 16)
	w.cut(true)
	a.dial(b)
	w.run(time.Millisecond)
	init := r.Kept(wire.TypeInit)[0].Data
	other := bytes.Clone(init)
	other[20] ^= 1
	for range 100 {
		w.Inject(b.Addr(), a.Addr(), cookie.AppendChallenge(nil, other, [wire.CookieSize]byte{1}), 0)
	}
	w.cut(false)
	w.await(time.Second, func() bool { return a.up(b) })
	require.EqualValues(t, 100, a.Handshakes(conn.HandshakeBadCookie))
	require.EqualValues(t, 1, a.Handshakes(conn.HandshakeCookie))
}

// An observer can forge a challenge. Wrong cookies, before and after the genuine
// one, delay the dial and have no other effect.
func TestForgedCookieOnPath(t *testing.T) {
	for _, tt := range []struct {
		n     int
		delay time.Duration
	}{{1, 0}, {3, 0}, {20, 0}, {1, 11 * time.Millisecond}, {2, 11 * time.Millisecond}, {3, 11 * time.Millisecond}, {4, 11 * time.Millisecond}, {20, 11 * time.Millisecond}} {
		n := tt.n
		w := newWorld(t, 3)
		a, b := w.node(), w.node()
		made := 0
		w.tap = func(from, to netip.AddrPort, data []byte) bool {
			if wire.PacketType(data[0]&15) == wire.TypeInit {
				for range n {
					made++
					w.Inject(to, from, cookie.AppendChallenge(nil, data, [wire.CookieSize]byte{byte(made), byte(made >> 8)}), tt.delay)
				}
			}
			return true
		}
		kinds := w.kinds()
		a.dial(b)
		took := w.await(5*time.Second, func() bool { return bothUp(a, b) })
		require.LessOrEqual(t, kinds[wire.TypeInit], 6+int(took/(100*time.Millisecond)), "messages 1 sent")
		w.closeAll()
	}
}

// Wrong cookies arrive once, before and after the genuine one: each cookie in the
// store is tried in turn.
func TestForgedCookiesTakeTurns(t *testing.T) {
	w := newWorld(t, 8)
	a, b := w.node(), w.node()
	inits := 0
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if wire.PacketType(data[0]&15) != wire.TypeInit {
			return true
		}
		if inits++; inits > 1 {
			return true
		}
		for i := range 5 {
			delay := time.Duration(i/4) * 11 * time.Millisecond
			w.Inject(to, from, cookie.AppendChallenge(nil, data, [wire.CookieSize]byte{byte(i)}), delay)
		}
		return true
	}
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
}

// For each message 1, eight wrong cookies arrive before the genuine one, after
// it, or on both sides, new each time or the same; or many arrive before it. The
// dial succeeds within its one attempt almost always, and sends at most twice as
// often.
func TestForgedCookiesOnBothSides(t *testing.T) {
	const dials = 40
	for _, tt := range []struct {
		name     string
		n, after int
		same     bool
	}{
		{"before", 8, 0, false}, {"one after", 8, 1, false}, {"half after", 8, 4, false},
		{"half after, the same", 8, 4, true}, {"all but one after", 8, 7, false},
		{"all but one after, the same", 8, 7, true}, {"many before", 200, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := 0
			for seed := range uint64(dials) {
				w := newWorld(t, seed)
				a, b := w.node(), w.node()
				made := 0
				w.tap = func(from, to netip.AddrPort, data []byte) bool {
					if wire.PacketType(data[0]&15) != wire.TypeInit {
						return true
					}
					for i := range tt.n {
						delay := time.Duration(0)
						if i >= tt.n-tt.after {
							delay = 11 * time.Millisecond
						}
						made++
						c := [wire.CookieSize]byte{byte(made), byte(made >> 8), 1}
						if tt.same {
							c = [wire.CookieSize]byte{byte(i), 0, 1}
						}
						w.Inject(to, from, cookie.AppendChallenge(nil, data, c), delay)
					}
					return true
				}
				kinds := w.kinds()
				a.dial(b)
				took := w.until(6*time.Second, func() bool { return bothUp(a, b) || a.count(conn.DialEnded) > 0 })
				if a.up(b) {
					up++
				}
				require.LessOrEqual(t, kinds[wire.TypeInit], 6+2*int(took/(80*time.Millisecond)))
			}
			t.Logf("%d of %d dials succeeded", up, dials)
			require.GreaterOrEqual(t, up, dials-1)
		})
	}
}

// Without wrong cookies the retry timer keeps its usual pace, however often the
// genuine one arrives and whatever is lost.
func TestGenuineCookieIsNotContested(t *testing.T) {
	w := newWorld(t, 9)
	w.setLink(sim.Link{Delay: 5 * time.Millisecond, Jitter: 300 * time.Millisecond, Loss: 0.2, Duplicate: 0.5})
	a, b := w.node(), w.node()
	var inits []pipeline.Time
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if wire.PacketType(data[0]&15) == wire.TypeInit {
			inits = append(inits, w.Now())
		}
		return wire.PacketType(data[0]&15) != wire.TypeResponse
	}
	a.dial(b)
	w.await(6*time.Second, func() bool { return a.count(conn.DialEnded) > 0 })
	require.Greater(t, len(inits), 20)
	fast := 0
	for i := range inits[1:] {
		if inits[i+1]-inits[i] < pipeline.Time(conn.FirstRetry*4/5) {
			fast++
		}
	}
	require.LessOrEqual(t, fast, 1, "fast retries: the first cookie is sent back at once")
}

// A forged Data packet has no effect, whatever its index.
func TestForgedData(t *testing.T) {
	w := newWorld(t, 4)
	a, b := w.pair()
	s := b.session(a)
	remote := b.peer(a).Addr()
	r := w.Record(1 << 16)
	a.push(b, 1, pipeline.Realtime, "one")
	w.run(time.Second)
	genuine := r.Kept(wire.TypeData)[0]
	forged := b.drops("aead/forged")
	for i := range len(genuine.Data) * 8 {
		data := bytes.Clone(genuine.Data)
		data[i/8] ^= 1 << (i % 8)
		w.Inject(a.Addr(), b.Addr(), data, 0)
		w.Inject(netip.MustParseAddrPort("203.0.113.9:9"), b.Addr(), data, 0)
	}
	w.run(time.Second)
	require.Greater(t, b.drops("aead/forged"), forged+uint64(len(genuine.Data)*8))
	require.Len(t, b.got, 1)
	require.Equal(t, remote, b.peer(a).Addr())
	require.False(t, s.HasPath())
	require.Zero(t, b.Stats().Strikes)
	a.push(b, 1, pipeline.Realtime, "two")
	w.run(time.Second)
	require.Len(t, b.got, 2)
	w.checkAll()
}

// Packets that fail to open count against the keys that they name, however many others the
// endpoint receives.
func TestForgedPacketsCountAgainstTheirKeys(t *testing.T) {
	const n = 7
	w := newWorld(t, 1)
	a, b := w.pair()
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if to == b.Addr() && wire.PacketType(data[0]&15) == wire.TypeData {
			for range n {
				w.Inject(from, to, forgeries(data)["flipped tag"], 0)
			}
			w.tap = nil
		}
		return true
	}
	a.push(b, 1, pipeline.Realtime, "hello")
	w.run(time.Second)
	for range 100 {
		a.push(b, 1, pipeline.Realtime, "hello")
	}
	w.run(time.Second)
	require.Len(t, b.got, 101)
	require.True(t, b.Endpoint().Forged(b.peer(a), n))
	require.False(t, b.Endpoint().Forged(b.peer(a), n+1))
	require.False(t, a.Endpoint().Forged(a.peer(b), 1))
}
