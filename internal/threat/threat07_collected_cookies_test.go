package threat

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// cookieCollector is a rawDialer that collects cookies and uses them later.
type cookieCollector struct {
	*rawDialer
	port int
}

// fetch begins a handshake and returns message 1 with its cookie.
func (h *cookieCollector) fetch() (init []byte, from netip.AddrPort) {
	h.port++
	from = v4(h.port, h.port)
	at := h.begin(from)
	h.s.run(2 * reach)
	value, ok := cookie.OpenChallenge(at.init, at.challenge)
	require.True(h.s.t, ok)
	init = bytes.Clone(at.init)
	copy(wire.InitCookie(init), value[:])
	return init, from
}

// accepted sends message 1 and reports whether the hub accepts its cookie. If so,
// the hub answers with message 2, otherwise with another challenge.
func (h *cookieCollector) accepted(init []byte, from netip.AddrPort) bool {
	at := &attempt{}
	h.attempts[from] = at
	h.send(from, init)
	h.s.run(2 * reach)
	require.True(h.s.t, (at.response == nil) != (at.challenge == nil), "want a Response or a challenge")
	return at.response != nil
}

// collectedCookie is a message 1 with its cookie.
type collectedCookie struct {
	init []byte
	from netip.AddrPort
	made time.Duration // time at which it was fetched
	dead time.Duration // age at which it was first rejected, or 0
}

// A cookie is valid only for its address, port and message, for at least 5 s and
// less than 125 s. It does not become valid again under later secrets, and expires
// even if no cookie is requested or checked in between. However many cookies one
// address has, it gets five slots.
func TestThreat07CollectedCookies(t *testing.T) {
	var h *cookieCollector
	s, baseline, attacked := underAttack(t, 7, func(s *scene) {
		h = &cookieCollector{rawDialer: newRawDialer(s, 7)}
		h.idle = true
	})
	others := threat07Elsewhere(t, h)
	ages := threat07Ages(t, h)
	silent := threat07Silence(t, h)

	// Collect cookies for one minute, for different ports of one address, and use all
	// of them at once.
	const many = 60
	var all []collectedCookie
	s.run(10 * time.Second)
	before := s.hub.Stats()
	for i := range many {
		from := v4(60_000, 1+i)
		at := h.begin(from)
		s.run(time.Second)
		value, ok := cookie.OpenChallenge(at.init, at.challenge)
		require.True(t, ok)
		copy(wire.InitCookie(at.init), value[:])
		all = append(all, collectedCookie{init: at.init, from: from})
	}
	for _, c := range all {
		h.send(c.from, c.init)
	}
	s.run(2 * reach)
	atOnce := s.hub.Stats().Handshakes[conn.HandshakeStarted] - before.Handshakes[conn.HandshakeStarted]
	require.LessOrEqual(t, atOnce, uint64(28), "half of the burst, and a token every 5 ms")
	s.run(time.Second)
	after := s.hub.Stats()
	begun := after.Handshakes[conn.HandshakeStarted] - before.Handshakes[conn.HandshakeStarted]
	waited := after.Handshakes[conn.HandshakeWaiting] - before.Handshakes[conn.HandshakeWaiting]
	require.EqualValues(t, begun, after.HandshakesInFlight)
	require.NotZero(t, waited, "they begin no faster than those of a single dialer")
	again := after.CookiesSent - before.CookiesSent - many - waited
	require.EqualValues(t, many, begun+again, "the others are challenged, because they are too old")

	require.Zero(t, closes(s.hub.Stats()))
	require.Equal(t, len(s.peers), s.hub.Stats().Sessions)
	require.Equal(t, baseline, attacked)
	report(t, 7, "%d cookies from elsewhere or for another message: none accepted; accepted at ages up to %v and refused from %v on, never valid again over two rotations, none after %v of silence; %d collected ones at once: %d begun at once, %d in turn; honest delivery %s without, %s with",
		others, ages[0], ages[1], silent, many, atOnce, waited, percent(baseline), percent(attacked))
}

// threat07Silence fetches cookies and uses each after a silence in which its secret
// expires but no other cookie is requested or checked. It returns the shortest
// silence.
func threat07Silence(t *testing.T, h *cookieCollector) time.Duration {
	silences := []time.Duration{126 * time.Second, 250 * time.Second, 10 * time.Minute}
	for _, d := range silences {
		init, from := h.fetch()
		h.s.run(d)
		require.False(t, h.accepted(init, from), "after %v of silence", d)
	}
	return silences[0]
}

// threat07Elsewhere tries fresh cookies with other addresses or messages, and
// returns their number.
func threat07Elsewhere(t *testing.T, h *cookieCollector) (tried int) {
	for _, c := range []struct {
		name   string
		change func(init []byte, from netip.AddrPort) ([]byte, netip.AddrPort)
		want   bool
	}{
		{"unchanged", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) { return b, a }, true},
		{"another port", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			return b, netip.AddrPortFrom(a.Addr(), a.Port()+1000)
		}, false},
		{"another address", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			return b, netip.AddrPortFrom(a.Addr().Next(), a.Port())
		}, false},
		{"IPv6 address with the same last bytes", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			return b, v6(1, 0xffff_c612_0000)
		}, false},
		{"another sender index", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) { b[8]++; return b, a }, false},
		{"another suite", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			b[1] = byte(wire.ChaChaPoly)
			return b, a
		}, false},
		{"another key", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			b[wire.HeaderSize]++
			return b, a
		}, false},
		{"other padding", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			b[wire.InitSize-wire.CookieSize-1]++
			return b, a
		}, false},
		{"flipped bit of the cookie", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			wire.InitCookie(b)[15] ^= 1
			return b, a
		}, false},
	} {
		require.Equal(t, c.want, h.accepted(c.change(h.fetch())), c.name)
		if !c.want {
			tried++
		}
	}
	return tried
}

// threat07Ages fetches a cookie every four seconds over more than two lifetimes of a
// secret, and tries them repeatedly. It returns the greatest age at which a cookie was
// accepted and the lowest at which one was rejected.
func threat07Ages(t *testing.T, h *cookieCollector) (ages [2]time.Duration) {
	var all []*collectedCookie
	ages[1] = time.Hour
	begin := h.s.Elapsed()
	for h.s.Elapsed() < begin+400*time.Second {
		next := h.s.Elapsed() + 4*time.Second
		if h.s.Elapsed() < begin+260*time.Second {
			init, from := h.fetch()
			all = append(all, &collectedCookie{init: init, from: from, made: h.s.Elapsed()})
		}
		// Try young, old and rejected cookies.
		for _, c := range all {
			age := h.s.Elapsed() - c.made
			if age > 140*time.Second || age > 10*time.Second && age < 100*time.Second && c.dead == 0 {
				continue
			}
			ok := h.accepted(c.init, c.from)
			require.False(t, ok && c.dead != 0, "rejected at age %v, accepted at age %v", c.dead, age)
			if ok {
				require.Less(t, age, 125*time.Second)
				ages[0] = max(ages[0], age)
				continue
			}
			require.Greater(t, age, 5*time.Second)
			c.dead = age
			ages[1] = min(ages[1], age)
		}
		h.s.run(max(next-h.s.Elapsed(), 0))
	}
	require.Greater(t, ages[0], 120*time.Second, "lifetime of the first cookies of a secret")
	require.Less(t, ages[1], 15*time.Second, "lifetime of the last cookies of a secret")
	return ages
}
