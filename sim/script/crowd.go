package script

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// Ports behind an address that nodes or an adversary share.
const (
	crowdPort  = 10_000
	startsPort = 30_000
	crowdLimit = startsPort - crowdPort
)

func crowdCommand(a *args) action {
	name, n := a.newName(), a.number("how many")
	ip := a.ip()
	var spec nodeSpec
	settings(a, &spec, nodeSettings)
	if a.err == nil && (n < 1 || n > crowdLimit) {
		a.fail("%d is not from 1 to %d", n, crowdLimit)
	}
	if a.err == nil {
		a.check(spec.cfg)
		a.parser.crowds[name] = true
	}
	return func(r *run) error {
		for i := range n {
			node, err := r.node(fmt.Sprintf("%s.%d", name, i+1), netip.AddrPortFrom(ip, uint16(crowdPort+i)), spec)
			if err != nil {
				return err
			}
			r.crowds[name] = append(r.crowds[name], node)
		}
		return nil
	}
}

// ip parses an address without a port.
func (a *args) ip() netip.Addr {
	return a.parsed("an IP address", toIP).(netip.Addr)
}

func toIP(s string) (any, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address such as 192.0.2.1", s)
	}
	return ip, nil
}

// crowdAndNode parses a node or a crowd, and another node.
func (a *args) crowdAndNode() (from, to string) {
	from = a.next("the name of a node or a crowd")
	if !a.parser.crowds[from] {
		a.known(from)
	}
	to = a.node()
	if a.err == nil && from == to {
		a.fail("%s and %s are the same", from, to)
	}
	return from, to
}

// all returns the nodes of a crowd, or the one with the name.
func (r *run) all(name string) []*sim.Node {
	if crowd := r.crowds[name]; crowd != nil {
		return crowd
	}
	return []*sim.Node{r.named(name)}
}

// startsSpec holds the settings of starts.
type startsSpec struct {
	every, delay time.Duration
	from         netip.Addr
	count        int
}

var startsSettings = map[string]func(*startsSpec, string) error{
	"every": setting(toDuration, func(s *startsSpec) *time.Duration { return &s.every }),
	"from":  setting(toIP, func(s *startsSpec) *netip.Addr { return &s.from }),
	"count": setting(toNumber, func(s *startsSpec) *int { return &s.count }),
	"delay": setting(toDuration, func(s *startsSpec) *time.Duration { return &s.delay }),
}

func startsCommand(a *args) action {
	to := a.node()
	spec := startsSpec{delay: calm.Delay}
	settings(a, &spec, startsSettings)
	if a.err == nil && (spec.every <= 0 || !spec.from.IsValid()) {
		a.fail("every or from is missing")
	}
	return func(r *run) error {
		s := &starter{startsSpec: spec, r: r, target: r.named(to), begun: map[netip.AddrPort][]byte{}}
		r.w.Tap(s.hear)
		s.stop = r.w.Every(spec.every, s.start)
		r.starters = append(r.starters, s)
		return nil
	}
}

// starter is an adversary that starts handshakes from its address, answers the
// challenges, and does nothing more.
type starter struct {
	startsSpec
	r      *run
	target *sim.Node
	begun  map[netip.AddrPort][]byte // the latest Init from each port
	number int
	stop   func()
}

func (s *starter) start() {
	if s.count > 0 && s.number >= s.count {
		s.stop()
		return
	}
	s.number++
	from := netip.AddrPortFrom(s.from, uint16(startsPort+s.number%(1<<16-startsPort)))
	init := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: uint32(s.number)})
	init = append(init, make([]byte, wire.InitSize-wire.HeaderSize)...)
	// Almost any 32 bytes are a public key.
	for i := range 4 {
		binary.LittleEndian.PutUint64(init[wire.HeaderSize+8*i:], s.r.w.Rand().Uint64())
	}
	s.begun[from] = init
	s.r.w.Inject(from, s.target.Addr(), init, s.delay)
}

// hear answers challenges of the target.
func (s *starter) hear(d sim.Datagram) (pass sim.Action) {
	init := s.begun[d.To]
	if init == nil || d.Type() != wire.TypeCookie {
		return pass
	}
	if c, ok := cookie.OpenChallenge(init, d.Data); ok && c != ([wire.CookieSize]byte{}) {
		copy(wire.InitCookie(init), c[:])
		s.r.w.Inject(d.To, d.From, init, 2*s.delay)
	}
	return pass
}
