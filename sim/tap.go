package sim

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Datagram is a datagram as somebody on the wire sees it.
type Datagram struct {
	At       pipeline.Time // when it was sent
	From, To netip.AddrPort
	Data     []byte
}

// Type returns the packet type that the first byte claims, zero if there is
// none.
func (d Datagram) Type() wire.PacketType {
	if len(d.Data) == 0 {
		return 0
	}
	return wire.PacketType(d.Data[0] & 15)
}

// Action is what a tap does with a datagram. The zero value lets it pass.
type Action struct {
	// Drop takes it off the wire.
	Drop bool
	// Data, if not nil, goes on in its place; it is copied. From and To do, if
	// valid: who forwards a datagram from elsewhere, or diverts it.
	Data     []byte
	From, To netip.AddrPort
	// Delay holds it up, beside what the link does.
	Delay time.Duration
}

type tapped struct{ see func(Datagram) Action }

// Tap sets an adversary on the wire, or an observer: it sees every datagram
// that a node sends, as the taps before it have left it, and says what becomes
// of it. What is injected passes no tap. Data is good until see returns, and
// not to be written to. Remove takes the tap away.
func (w *World) Tap(see func(d Datagram) Action) (remove func()) {
	need(see != nil, "Tap", "a function")
	t := &tapped{see}
	w.taps = append(w.taps, t)
	return func() { w.untap(t) }
}

// untap leaves the old slice as it is, in case it is being gone through.
func (w *World) untap(gone *tapped) {
	var left []*tapped
	for _, t := range w.taps {
		if t != gone {
			left = append(left, t)
		}
	}
	w.taps = left
}

// send takes a datagram from a node to the wire.
func (w *World) send(n *Node, to netip.AddrPort, data []byte) {
	w.trace.sent(w.now, n.addr, to, data)
	d := Datagram{At: w.now, From: n.addr, To: to, Data: data}
	var extra time.Duration
	for _, t := range w.taps {
		a := t.see(d)
		if a.Drop {
			w.tapDrops++
			return
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
}

// Inject has a datagram arrive at to after delay, as if it came from from,
// whatever links and taps do. data is copied, and may be what no endpoint
// would send. So may from be, but for what to's own loop would see of it.
func (w *World) Inject(from, to netip.AddrPort, data []byte, delay time.Duration) {
	r := &w.injected
	r.stats.Sent++
	r.stats.SentBytes += uint64(len(data))
	w.launch(r, from, unmapped(to), data, max(delay, 0))
}
