package threat

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
)

// rotator is a rawDialer that owns a network and uses a new address of it for each
// packet.
type rotator struct {
	*rawDialer
	at    func(i int) netip.AddrPort
	used  int
	begun []netip.AddrPort
}

func (r *rotator) next() netip.AddrPort {
	r.used++
	return r.at(r.used)
}

// tick begins n handshakes. It also requests whatever else is limited by address:
// four times as many challenges, and as many repeats of earlier handshakes.
func (r *rotator) tick(n int) {
	for range n {
		from := r.next()
		r.begun = append(r.begun, from)
		at := r.begin(from)
		for range 4 {
			r.send(r.next(), at.init) // the challenge is discarded
		}
		earlier := r.begun[max(0, len(r.begun)-100)]
		r.send(earlier, r.attempts[earlier].init)
	}
}

// limits is the outcome of an attack at each limit that counts addresses.
type limits struct {
	inFlight           int // maximum
	begun, waiting     uint64
	challenged, share  uint64
	addressRate        uint64
	baseline, attacked float64
}

func (l limits) String() string {
	return fmt.Sprintf("at most %d in flight, %d begun, %d had to wait, %d challenges, cookie/reply_share %d, ratelimit/address_rate %d",
		l.inFlight, l.begun, l.waiting, l.challenged, l.share, l.addressRate)
}

// An attacker that rotates the addresses of an IPv6 /64 gets exactly as much as a
// single address at every limit, and newcomers from the neighbouring /64 connect
// at their first attempt. An attacker with another /64 for each packet gets more.
func TestThreat06IPv6AddressRotation(t *testing.T) {
	const network = 1 << 16
	one, _ := rotate(t, func(i int) netip.AddrPort { return netip.AddrPortFrom(v6(network, 1).Addr(), uint16(i)) })
	rotated, newcomers := rotate(t, func(i int) netip.AddrPort { return v6(network, uint64(i)*0x9e3779b97f4a7c15) })
	require.Equal(t, one, rotated)
	require.Greater(t, rotated.inFlight, 5)
	require.NotZero(t, rotated.waiting)
	require.NotZero(t, rotated.share)
	require.NotZero(t, rotated.addressRate)
	took := slowest(t, newcomers)
	require.Less(t, took, 100*time.Millisecond)

	elsewhere, _ := rotate(t, func(i int) netip.AddrPort { return v6(uint64(network+1000+i), 1) })

	limited := func(hub *intentra.Config) { hub.MaxHandshakesPerAddress = 5 }
	five, _ := rotate(t, func(i int) netip.AddrPort { return v6(network, uint64(i)*0x9e3779b97f4a7c15) }, limited)
	require.Equal(t, 5, five.inFlight)
	many, _ := rotate(t, func(i int) netip.AddrPort { return v6(uint64(network+1000+i), 1) }, limited)
	require.Greater(t, many.inFlight, 10*five.inFlight, "different networks do not share a limit")
	report(t, 6, "rotating a /64: %v; one address: the same; another /64 each time: at most %d in flight; with five slots for an address at most %d, and %d; %d newcomers from the neighbouring /64 up within %v; honest delivery %s without, %s with",
		rotated, elsewhere.inFlight, five.inFlight, many.inFlight, len(newcomers), took, percent(rotated.baseline), percent(rotated.attacked))
}

// rotate attacks the hub from the addresses that at returns.
func rotate(t *testing.T, at func(i int) netip.AddrPort, change ...func(hub *intentra.Config)) (l limits, newcomers []*newcomer) {
	s, baseline, attacked := underAttack(t, 6, func(s *scene) {
		r := &rotator{rawDialer: newRawDialer(s, 6), at: at}
		lasts := max(time.Duration(size(int(2*time.Second))), 500*time.Millisecond)
		pending := func() bool { return len(newcomers) > 0 && !newcomers[len(newcomers)-1].up }
		stop := s.Every(time.Millisecond, func() {
			r.tick(3)
			if !pending() {
				l.inFlight = max(l.inFlight, s.hub.Stats().HandshakesInFlight)
			}
		})
		s.After(lasts, stop)
		for i := range 3 {
			s.After(lasts*time.Duration(i+1)/4, func() {
				newcomers = append(newcomers, s.arrive(fmt.Sprintf("newcomer%d", i), v6(1<<16+1, uint64(i+1))))
			})
		}
	}, change...)
	stats := s.hub.Stats()
	honest := uint64(len(s.peers) + len(newcomers))
	l.begun = stats.Handshakes[conn.HandshakeStarted] - honest
	l.waiting = stats.Handshakes[conn.HandshakeWaiting]
	l.challenged = stats.CookiesSent - honest
	l.share = s.hub.Drops("cookie", "reply_share")
	l.addressRate = s.hub.Drops("ratelimit", "address_rate")
	l.baseline, l.attacked = baseline, attacked
	require.Equal(t, baseline, attacked)
	return l, newcomers
}
