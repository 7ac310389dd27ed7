package sim

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Datagram is a datagram as an observer on the wire sees it.
type Datagram struct {
	At       pipeline.Time // when it was sent
	From, To netip.AddrPort
	Data     []byte
	Fragment bool // see wire.Datagram
}

// Type returns the packet type in the first byte, or zero for an empty datagram.
func (d Datagram) Type() wire.PacketType {
	if len(d.Data) == 0 {
		return 0
	}
	return wire.PacketType(d.Data[0] & 15)
}

// Action is what a tap does with a datagram. The zero value passes it on.
type Action struct {
	// Drop drops it.
	Drop bool
	// Data, if not nil, replaces its bytes, and is copied. From and To, if valid,
	// replace its addresses.
	Data     []byte
	From, To netip.AddrPort
	// Delay is added to the delay of the link.
	Delay time.Duration
}

type tapped struct{ see func(Datagram) Action }

// Tap adds an adversary or an observer on the wire. see is called with every
// datagram that a node sends, as the taps before it have left it, and decides
// what happens to it. Injected datagrams pass no tap. Data is valid until see
// returns and must not be changed. remove removes the tap.
func (w *World) Tap(see func(d Datagram) Action) (remove func()) {
	w.checked()
	need(see != nil, "Tap", "a function")
	t := &tapped{see}
	w.taps = append(w.taps, t)
	return func() { w.untap(t) }
}

// untap does not change the old slice, which may be in use.
func (w *World) untap(gone *tapped) {
	var left []*tapped
	for _, t := range w.taps {
		if t != gone {
			left = append(left, t)
		}
	}
	w.taps = left
}

// send puts a datagram of a node on the wire, unless the node has no address of the
// destination's family. It returns false if the node's kernel refuses the datagram as
// larger than Link.LocalMTU.
func (w *World) send(n *Node, out wire.Datagram) bool {
	from, ok := n.source(out)
	d := Datagram{At: w.now, From: from, To: out.Addr, Data: out.Data, Fragment: out.Fragment}
	r := w.route(n, w.byAddr[unmapped(d.To)])
	switch {
	case !ok:
		r.refused(w, &d, &r.stats.Unreachable)
		return true
	case !d.fits(r.link(w).LocalMTU):
		r.refused(w, &d, &r.stats.TooLarge)
		return false
	}
	w.trace.sent(w.now, from, out.Addr, out.Data)
	var extra time.Duration
	for _, t := range w.taps {
		a := t.see(d)
		if a.Drop {
			w.tapDrops++
			return true
		}
		if a.Data != nil {
			d.Data = a.Data
		}
		if a.From.IsValid() {
			d.From = a.From
		}
		if a.To.IsValid() {
			d.To = a.To
		}
		extra += max(a.Delay, 0)
	}
	w.route(n, w.byAddr[unmapped(d.To)]).carry(w, d, extra)
	return true
}

// Inject makes a datagram arrive at to after delay, as if it came from from, past
// all links and taps. data is copied and may hold anything; so may from be any
// address, except that the event loop of a real Transport would reject some.
func (w *World) Inject(from, to netip.AddrPort, data []byte, delay time.Duration) {
	w.checked()
	r := &w.injected
	r.stats.Sent++
	r.stats.SentBytes += uint64(len(data))
	w.launch(r, from, unmapped(to), data, max(delay, 0))
}
