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

// cookieCollector is a rawDialer that keeps the cookies that it gets, and uses them later, in
// any way.
type cookieCollector struct {
	*rawDialer
	port int
}

// fetch begins a handshake and keeps the message 1 with its cookie.
func (h *cookieCollector) fetch() (init []byte, from netip.AddrPort) {
	h.port++
	from = v4(h.port, h.port)
	at := h.begin(from)
	h.s.run(2 * reach)
	baked, ok := cookie.OpenChallenge(at.init, at.challenge)
	require.True(h.s.t, ok)
	init = bytes.Clone(at.init)
	copy(wire.InitCookie(init), baked[:])
	return init, from
}

// accepted sends message 1, and says whether the hub takes its cookie: the
// answer is message 2 then, and another challenge if not.
func (h *cookieCollector) accepted(init []byte, from netip.AddrPort) bool {
	at := &call{}
	h.calls[from] = at
	h.send(from, init)
	h.s.run(2 * reach)
	require.True(h.s.t, (at.response == nil) != (at.challenge == nil), "one answer, of either kind")
	return at.response != nil
}

// collectedCookie is a message 1 with its cookie.
type collectedCookie struct {
	init []byte
	from netip.AddrPort
	made time.Duration // when
	dead time.Duration // the age at which it was found not to work any more
}

// A cookie works for its own address, port and message alone. It does so for 5 s
// at least and less than 125 s, and does not come back to life with the secrets
// that follow, nor outlive its own because nobody asks; and however many there
// are, they buy no more than five slots.
func TestThreat07CollectedCookies(t *testing.T) {
	var h *cookieCollector
	s, baseline, attacked := underAttack(t, 7, func(s *scene) {
		h = &cookieCollector{rawDialer: newRawDialer(s, 7)}
		h.idle = true
	})
	others := threat07Elsewhere(t, h)
	ages := threat07Ages(t, h)
	silent := threat07Silence(t, h)

	// All that it has got in a minute, from the ports of one address, at once.
	const many = 60
	var all []collectedCookie
	s.run(10 * time.Second)
	before := s.hub.Stats()
	for i := range many {
		from := v4(60_000, 1+i)
		at := h.begin(from)
		s.run(time.Second)
		baked, ok := cookie.OpenChallenge(at.init, at.challenge)
		require.True(t, ok)
		copy(wire.InitCookie(at.init), baked[:])
		all = append(all, collectedCookie{init: at.init, from: from})
	}
	for _, c := range all {
		h.send(c.from, c.init)
	}
	s.run(time.Second)
	after := s.hub.Stats()
	require.Equal(t, 5, after.HandshakesInFlight)
	require.EqualValues(t, 5, after.Handshakes[conn.HandshakeStarted]-before.Handshakes[conn.HandshakeStarted])
	refused := after.Handshakes[conn.HandshakeAddress] - before.Handshakes[conn.HandshakeAddress]
	again := after.CookiesSent - before.CookiesSent - many
	require.EqualValues(t, many-5, refused+again, "the rest is refused, and those that are too old are challenged")

	require.Zero(t, closes(s.hub.Stats()))
	require.Equal(t, len(s.peers), s.hub.Stats().Sessions)
	require.Equal(t, baseline, attacked)
	report(t, 7, "%d cookies from elsewhere or for another message: none accepted; accepted at ages up to %v and refused from %v on, never revived over two rotations, none after %v of silence; %d collectedCookie ones at once: 5 begun, address %d; honest delivery %s without, %s with",
		others, ages[0], ages[1], silent, many, refused, percent(baseline), percent(attacked))
}

// threat07Silence fetches cookies and uses each as the first who has anything to
// do with cookies after a while, in which the secret that it was made of should
// have expired, but nobody has asked for another. It returns the shortest.
func threat07Silence(t *testing.T, h *cookieCollector) time.Duration {
	silences := []time.Duration{126 * time.Second, 250 * time.Second, 10 * time.Minute}
	for _, d := range silences {
		init, from := h.fetch()
		h.s.run(d)
		require.False(t, h.accepted(init, from), "after %v of silence", d)
	}
	return silences[0]
}

// threat07Elsewhere tries fresh cookies where they do not belong, and returns
// how many.
func threat07Elsewhere(t *testing.T, h *cookieCollector) (tried int) {
	for _, c := range []struct {
		name string
		bend func(init []byte, from netip.AddrPort) ([]byte, netip.AddrPort)
		want bool
	}{
		{"as it is", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) { return b, a }, true},
		{"another port", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			return b, netip.AddrPortFrom(a.Addr(), a.Port()+1000)
		}, false},
		{"another address", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			return b, netip.AddrPortFrom(a.Addr().Next(), a.Port())
		}, false},
		{"IPv6 with the same end", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
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
		{"a flipped bit of it", func(b []byte, a netip.AddrPort) ([]byte, netip.AddrPort) {
			wire.InitCookie(b)[15] ^= 1
			return b, a
		}, false},
	} {
		require.Equal(t, c.want, h.accepted(c.bend(h.fetch())), c.name)
		if !c.want {
			tried++
		}
	}
	return tried
}

// threat07Ages fetches a cookie every four seconds, for longer than two secrets
// live, tries each of them every four seconds from then on, and returns the
// greatest age at which one has been accepted and the least at which one has not.
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
		// In between they are left alone, unless they have died.
		for _, c := range all {
			age := h.s.Elapsed() - c.made
			if age > 140*time.Second || age > 10*time.Second && age < 100*time.Second && c.dead == 0 {
				continue
			}
			ok := h.accepted(c.init, c.from)
			require.False(t, ok && c.dead != 0, "dead at %v, alive again at %v", c.dead, age)
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
	require.Greater(t, ages[0], 120*time.Second, "of the first cookies of a secret")
	require.Less(t, ages[1], 15*time.Second, "of the last ones")
	return ages
}
