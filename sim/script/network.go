package script

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra/sim"
)

var linkSettings = map[string]func(*sim.Link, string) error{
	"cut": func(l *sim.Link, v string) error {
		if v != "yes" && v != "no" {
			return fmt.Errorf("%q is neither yes nor no", v)
		}
		l.Cut = v == "yes"
		return nil
	},
	"burst": func(l *sim.Link, v string) error {
		parts := strings.Split(v, "/")
		if len(parts) != 3 {
			return fmt.Errorf("%q is no ENTER/LEAVE/LOSS, such as 0.01/0.2/0.9", v)
		}
		for i, field := range []*float64{&l.Burst.Enter, &l.Burst.Leave, &l.Burst.Loss} {
			f, err := toShare(parts[i])
			if err != nil {
				return err
			}
			*field = f.(float64)
		}
		return nil
	},
	"mtu":           setting(toNumber, func(l *sim.Link) *int { return &l.MTU }),
	"local-mtu":     setting(toNumber, func(l *sim.Link) *int { return &l.LocalMTU }),
	"rate":          setting(toNumber, func(l *sim.Link) *int { return &l.Rate }),
	"queue":         setting(toNumber, func(l *sim.Link) *int { return &l.Queue }),
	"loss":          setting(toShare, func(l *sim.Link) *float64 { return &l.Loss }),
	"dup":           setting(toShare, func(l *sim.Link) *float64 { return &l.Duplicate }),
	"reorder":       setting(toShare, func(l *sim.Link) *float64 { return &l.Reorder }),
	"corrupt":       setting(toShare, func(l *sim.Link) *float64 { return &l.Corrupt }),
	"truncate":      setting(toShare, func(l *sim.Link) *float64 { return &l.Truncate }),
	"delay":         setting(toDuration, func(l *sim.Link) *time.Duration { return &l.Delay }),
	"jitter":        setting(toDuration, func(l *sim.Link) *time.Duration { return &l.Jitter }),
	"reorder-delay": setting(toDuration, func(l *sim.Link) *time.Duration { return &l.ReorderDelay }),
}

// calm is the link of a network without faults.
var calm = sim.Link{Delay: 5 * time.Millisecond}

// link parses a link. Settings that are left out are those of calm.
func (a *args) link() sim.Link {
	l := calm
	settings(a, &l, linkSettings)
	if l.Reorder > 0 && l.ReorderDelay == 0 {
		l.ReorderDelay = 10 * time.Millisecond
	}
	if err := l.Validate(); a.err == nil && err != nil {
		a.fail("%w", err)
	}
	return l
}

func netCommand(a *args) action {
	l := a.link()
	return func(r *run) error {
		r.w.SetDefault(l)
		return nil
	}
}

func linkCommand(both bool) func(a *args) action {
	return func(a *args) action {
		from, to := a.twoNodes()
		l := a.link()
		return func(r *run) error {
			r.setLink(r.named(from), r.named(to), l)
			if both {
				r.setLink(r.named(to), r.named(from), l)
			}
			return nil
		}
	}
}

func (r *run) setLink(from, to *sim.Node, l sim.Link) {
	r.w.SetLink(from, to, l)
	if pair := (wish{from, to}); !slices.Contains(r.links, pair) {
		r.links = append(r.links, pair)
	}
}

func partitionCommand(a *args) action {
	var groups [][]string
	seen := map[string]bool{}
	for len(groups) < 2 || a.more() {
		group := strings.Split(a.next("a group of nodes such as a,b"), ",")
		for _, name := range group {
			a.known(name)
			if a.err == nil && seen[name] {
				a.fail("%s is in two groups", name)
			}
			seen[name] = true
		}
		if a.err != nil {
			return nil
		}
		groups = append(groups, group)
	}
	return func(r *run) error {
		all := make([][]*sim.Node, len(groups))
		for i, group := range groups {
			for _, name := range group {
				all[i] = append(all[i], r.named(name))
			}
		}
		r.w.Partition(all...)
		return nil
	}
}

func healCommand(*args) action {
	return func(r *run) error {
		r.w.Heal()
		return nil
	}
}
