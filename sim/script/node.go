package script

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// mostDrift is the largest drift of a node, in millionths: the bound of ages holds up to
// that.
const mostDrift = 100

// nodeSpec holds the settings of a node.
type nodeSpec struct {
	cfg      intentra.Config
	jobDelay time.Duration
	buffer   int
	drift    int
	allow    []string // names; nil: everybody
}

var nodeSettings = map[string]func(*nodeSpec, string) error{
	"job":         setting(toDuration, func(s *nodeSpec) *time.Duration { return &s.jobDelay }),
	"send-buffer": setting(toNumber, func(s *nodeSpec) *int { return &s.buffer }),
	"drift": func(s *nodeSpec, v string) (err error) {
		if s.drift, err = strconv.Atoi(v); err != nil || s.drift < -mostDrift || s.drift > mostDrift {
			return fmt.Errorf("%q is no drift from -%d to %d millionths", v, mostDrift, mostDrift)
		}
		return nil
	},
	"allow": func(s *nodeSpec, v string) error {
		s.allow = strings.Split(v, ",")
		return nil
	},
	"suite": func(s *nodeSpec, v string) error {
		switch v {
		case "aesgcm":
			s.cfg.Suite = intentra.AESGCM
		case "chachapoly":
			s.cfg.Suite = intentra.ChaChaPoly
		default:
			return fmt.Errorf("%q is no suite; there are aesgcm, chachapoly", v)
		}
		return nil
	},
	"roaming": func(s *nodeSpec, v string) error {
		if v != "yes" && v != "no" {
			return fmt.Errorf("%q is neither yes nor no", v)
		}
		s.cfg.ForbidRoaming = v == "no"
		return nil
	},
	"rekey":          number(func(c *intentra.Config) *int { return &c.RekeyAfterPackets }),
	"datagram":       number(func(c *intentra.Config) *int { return &c.MaxDatagram }),
	"message":        number(func(c *intentra.Config) *int { return &c.MaxMessage }),
	"max-peers":      number(func(c *intentra.Config) *int { return &c.MaxPeers }),
	"max-handshakes": number(func(c *intentra.Config) *int { return &c.MaxHandshakes }),
	"per-address":    number(func(c *intentra.Config) *int { return &c.MaxHandshakesPerAddress }),
	"rate":           number(func(c *intentra.Config) *int { return &c.PeerRate }),
	"bandwidth":      number(func(c *intentra.Config) *int { return &c.PeerBandwidth }),
	"burst":          number(func(c *intentra.Config) *int { return &c.PeerBurst }),
	"messages":       number(func(c *intentra.Config) *int { return &c.PeerMessageRate }),
	"bytes":          number(func(c *intentra.Config) *int { return &c.PeerByteRate }),
	"window":         number(func(c *intentra.Config) *int { return &c.ReplayWindow }),
	"queue":          number(func(c *intentra.Config) *int { return &c.SendQueueMessages }),
	"reliable-queue": number(func(c *intentra.Config) *int { return &c.ReliableQueueMessages }),
	"rekey-after":    period(func(c *intentra.Config) *time.Duration { return &c.RekeyAfter }),
	"idle":           period(func(c *intentra.Config) *time.Duration { return &c.IdleTimeout }),
	"forget":         period(func(c *intentra.Config) *time.Duration { return &c.ForgetAfter }),
	"keepalive":      period(func(c *intentra.Config) *time.Duration { return &c.KeepAlive }),
	"unanswered":     period(func(c *intentra.Config) *time.Duration { return &c.Unanswered }),
	"handshake":      period(func(c *intentra.Config) *time.Duration { return &c.HandshakeTimeout }),
}

func number(field func(*intentra.Config) *int) func(*nodeSpec, string) error {
	return setting(toNumber, func(s *nodeSpec) *int { return field(&s.cfg) })
}

func period(field func(*intentra.Config) *time.Duration) func(*nodeSpec, string) error {
	return setting(toDuration, func(s *nodeSpec) *time.Duration { return field(&s.cfg) })
}

func seedCommand(a *args) action {
	word := a.next("a number")
	first, last, ranged := strings.Cut(word, "..")
	if !ranged {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 64)
	to, err2 := strconv.ParseUint(last, 10, 64)
	if a.err == nil && (err != nil || err2 != nil || from > to) {
		a.fail("%q is neither a number from 0 to 2^64-1 nor a range such as 1..20", word)
	}
	if a.err == nil && a.parser.begun {
		a.fail("it is not the first step")
	}
	a.parser.script.Seed, a.parser.script.LastSeed = from, to
	return func(*run) error { return nil }
}

func nodeCommand(a *args) action {
	name := a.newName()
	var spec nodeSpec
	settings(a, &spec, nodeSettings)
	if a.err == nil {
		a.check(spec.cfg)
		a.parser.nodes[name] = true
	}
	return func(r *run) error {
		_, err := r.node(name, netip.AddrPort{}, spec)
		return err
	}
}

// check rejects a configuration that no node can have, so that the error names
// its line.
func (a *args) check(cfg intentra.Config) {
	cfg.Key = intentra.PrivateKey{1}
	if _, err := cfg.Core(); err != nil {
		a.fail("%w", err)
	}
}

func (r *run) node(name string, addr netip.AddrPort, spec nodeSpec) (*sim.Node, error) {
	cfg := spec.cfg
	cfg.Authorize = func(_ context.Context, h intentra.Handshake) bool {
		return spec.allow == nil || slices.Contains(spec.allow, r.names[h.Key])
	}
	cfg.OnDelivery = func(intentra.Delivery) {} // the audit counts outcomes
	n, err := r.w.Node(name, addr, cfg)
	if err != nil {
		return nil, err
	}
	n.JobDelay, n.SendBuffer = spec.jobDelay, spec.buffer
	if spec.drift != 0 {
		n.SetDrift(spec.drift)
	}
	r.names[n.Key()], r.allow[n] = name, spec.allow
	r.order = append(r.order, n)
	return n, nil
}

// named returns the node with the name, which the parser has checked.
func (r *run) named(name string) *sim.Node { return r.w.Named(name) }
