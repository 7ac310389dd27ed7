package script

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// probeAgain is the time after which a probe is repeated, in case its session has
// ended.
const probeAgain = 5 * time.Second

// leastDecide is the least time that outcomes get: an acknowledgement may take 200 ms, and a
// question for it a few round trips.
const leastDecide = 10 * time.Second

// probeChannel is the channel of the probes of settle.
const probeChannel = 1<<32 - 1

func settleCommand(a *args) action {
	d := a.duration("how long")
	return func(r *run) error { return r.settle(d) }
}

// settle ends all faults, and waits until all wishes are fulfilled and all
// messages delivered.
func (r *run) settle(d time.Duration) error {
	r.stopLoads()
	r.w.SetDefault(calm)
	for _, l := range r.links {
		r.w.SetLink(l.from, l.to, calm)
	}
	r.w.Heal()
	for _, n := range r.order {
		n.Resume()
		n.JobDelay, n.LookupDelay = 0, 0
		r.w.SetAddress(n.Key())
		if !slices.ContainsFunc(n.Addrs(), func(a netip.AddrPort) bool { return a.Addr().Is4() }) {
			if err := n.AddAddr(r.newAddr()); err != nil {
				return err
			}
		}
		if !n.Running() {
			if err := r.restart(n); err != nil {
				return err
			}
		}
	}
	end := r.w.Elapsed() + d
	ok, err := r.until(d, func() bool { return r.apart() == nil })
	if err == nil && !ok {
		w := r.apart()
		err = fmt.Errorf("%w: %s dials %s, and they are not connected in both directions within %v",
			sim.ErrUnsettled, w.from.Name(), w.to.Name(), d)
	}
	if err != nil {
		return err
	}
	if err := r.probe(end - r.w.Elapsed()); err != nil {
		return err
	}
	ok, err = r.until(end-r.w.Elapsed(), func() bool { return r.w.Undelivered() == nil })
	if err == nil && !ok {
		err = fmt.Errorf("settle: %w within %v", r.w.Undelivered(), d)
	}
	if err != nil {
		return err
	}
	ok, err = r.until(max(end-r.w.Elapsed(), leastDecide), func() bool { return r.w.Undecided() == nil })
	if err == nil && !ok {
		err = fmt.Errorf("settle: %w within %v", r.w.Undecided(), d)
	}
	return err
}

// apart returns a wish that is not fulfilled although the second node allows the
// first.
func (r *run) apart() *wish {
	for i := range r.wishes {
		if w := &r.wishes[i]; r.willing(*w) && !(w.from.Connected(w.to.Key()) && w.to.Connected(w.from.Key())) {
			// until calls this before each step: check the unfulfilled wish
			// first.
			r.wishes[0], r.wishes[i] = r.wishes[i], r.wishes[0]
			return &r.wishes[0]
		}
	}
	return nil
}

func (r *run) willing(w wish) bool {
	allow := r.allow[w.to]
	return allow == nil || slices.Contains(allow, w.from.Name())
}

// probe sends a Reliable message in both directions of each wish, and waits for
// them for at most d.
func (r *run) probe(d time.Duration) error {
	r.probes = map[wish]bool{}
	for _, w := range r.wishes {
		if r.willing(w) {
			r.probes[w], r.probes[wish{w.to, w.from}] = false, false
		}
	}
	again := func() {
		for _, w := range r.probePairs() {
			if !r.probes[w] {
				w.from.Send(w.to.Key(), intentra.Message{Channel: probeChannel, Intent: intentra.Reliable, Payload: []byte{loadMark}})
			}
		}
	}
	again()
	stop := r.w.Every(probeAgain, again)
	defer stop()
	ok, err := r.until(d, func() bool { return len(r.unprobed()) == 0 })
	if err == nil && !ok {
		left := r.unprobed()
		err = fmt.Errorf("%w: settle: a Reliable message from %s to %s has not arrived within %v", ErrExpectation, left[0].from.Name(), left[0].to.Name(), d)
	}
	return err
}

// probePairs lists the pairs in the order of the wishes.
func (r *run) probePairs() (all []wish) {
	for _, w := range r.wishes {
		for _, x := range []wish{w, {w.to, w.from}} {
			if _, ok := r.probes[x]; ok && !slices.Contains(all, x) {
				all = append(all, x)
			}
		}
	}
	return all
}

func (r *run) unprobed() (all []wish) {
	for _, w := range r.probePairs() {
		if !r.probes[w] {
			all = append(all, w)
		}
	}
	return all
}

// probed records a message, if it is a probe.
func (r *run) probed(to *sim.Node, from intentra.PublicKey, m intentra.Message) {
	if m.Channel == probeChannel && r.probes != nil {
		r.probes[wish{r.w.Named(r.names[from]), to}] = true
	}
}
