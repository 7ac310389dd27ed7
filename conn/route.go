package conn

import (
	"net/netip"
	"time"
	"unique"

	"github.com/intentra/intentra/pipeline"
)

// route is a path: the pair of addresses between which packets travel.
type route struct {
	remote netip.AddrPort
	// local is the zero Addr on a socket that is bound to one address, and until
	// this side has learned it. The system then chooses the source address.
	local netip.Addr
}

// routeOf returns the route by which p came, and by which an answer leaves.
func routeOf(p *pipeline.Packet) route { return route{p.Addr, p.Local} }

// route returns the route for the next packet of s.
//
// The responder always answers from the address that was dialled. The dialer keeps its
// source address as long as its packets are answered. After localDoubt without an
// answer it lets the system choose, because the route to the peer may now leave from
// another address while the old one still exists.
func (s *session) route(now pipeline.Time) route {
	if s.doubtsLocal(now) {
		return route{remote: s.remote}
	}
	return route{s.remote, s.localAddr()}
}

func (s *session) doubtsLocal(now pipeline.Time) bool {
	return s.dialer && s.asked != 0 && now >= later(s.asked, localDoubt)
}

// localAddr returns the local address of the session's path.
func (s *session) localAddr() netip.Addr {
	if s.local == (unique.Handle[netip.Addr]{}) {
		return netip.Addr{}
	}
	return s.local.Value()
}

func (s *session) setRoute(r route) {
	s.remote, s.local = r.remote, unique.Handle[netip.Addr]{}
	if r.local.IsValid() {
		s.local = unique.Make(r.local)
	}
}

// localDoubt is how long packets stay unanswered before a dialer lets the system choose
// its source address. It is less than the default of Config.Unanswered.
const localDoubt = time.Second

// on reports whether p came by the route of s. It adopts the local address if that is
// not known yet. A packet without a local address, which not all systems report, is
// compared by its remote address alone.
func (s *session) on(p *pipeline.Packet) bool {
	if p.Addr != s.remote {
		return false
	}
	local := s.localAddr()
	if p.Local == local || !p.Local.IsValid() {
		return true
	}
	if local.IsValid() {
		return false
	}
	s.setRoute(routeOf(p))
	return true
}
