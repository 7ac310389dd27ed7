package replay

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// received replays a datagram and compares its outcome.
func (f *full) received(p *journal.Packet, e *journal.Entry) {
	f.res.Received++
	// The core decrypts in place: give it a copy.
	f.core.HandleDatagram(wire.Datagram{Data: slices.Clone(p.Data), Addr: e.Addr, Local: e.Local}, e.At)
	f.outcome.Verdict, f.outcome.Dropped = journal.Verdict(f.core.Inbound().LastVerdict(), f.labels, f.drops)
	f.res.Delivered += f.outcome.Delivered
	if !f.outcome.Equal(e.Outcome) {
		f.differ("verdict", describe(e.Outcome), describe(f.outcome))
	}
	if f.o.Packet != nil {
		f.o.Packet(Packet{
			Number: p.Number, Time: p.Time, From: e.Addr, To: p.To, Data: p.Data, Recorded: e.Outcome, Replayed: f.outcome,
		})
	}
}

// describe returns the outcome with the checksum of the messages delivered, which
// may be all that differs.
func describe(o journal.Outcome) string {
	if o.Delivered == 0 {
		return o.String()
	}
	return fmt.Sprintf("%s (checksum %08x)", o, o.Sum)
}

// sent compares a recorded datagram with the next one that the core sends.
func (f *full) sent(e *journal.Entry) {
	f.res.Sent++
	recorded := wire.Datagram{Data: e.Data, Addr: e.Addr, Local: e.Local}
	if len(f.waiting) == 0 {
		f.differ("sent", show(recorded), "nothing")
		return
	}
	d := f.waiting[0]
	f.waiting = f.waiting[1:]
	if d.Addr != e.Addr || d.Local != e.Local || !bytes.Equal(d.Data, e.Data) {
		f.differ("sent", show(recorded), show(d))
	}
}

// unrecorded reports the datagrams that the core has sent and the recorded one has
// not.
func (f *full) unrecorded() {
	for _, d := range f.waiting {
		f.differ("sent", "nothing", show(d))
	}
	f.waiting = nil
}

func show(d wire.Datagram) string {
	from := ""
	if d.Local.IsValid() {
		from = " from " + d.Local.String()
	}
	return fmt.Sprintf("%d bytes%s to %s (%x...)", len(d.Data), from, d.Addr, d.Data[:min(len(d.Data), 24)])
}

// ended compares the totals at the end of a recording.
func (f *full) ended(end *journal.End) {
	f.res.Whole = true
	if end == nil {
		return
	}
	for _, c := range []struct {
		name     string
		recorded pipeline.Counts
		chain    pipeline.Chain
	}{{"inbound", end.Inbound, f.core.Inbound()}, {"outbound", end.Outbound, f.core.Outbound()}} {
		c.chain.Publish()
		was, is := totals(c.recorded), totals(c.chain.Counts())
		for _, name := range append(keys(was), keys(is)...) {
			if was[name] != is[name] {
				f.differ("total", fmt.Sprintf("%s %s %d", c.name, name, was[name]), fmt.Sprint(is[name]))
				was[name] = is[name] // report it once
			}
		}
	}
	drawn := len(f.o.Keys.Random)
	if n := len(f.random.rest); n > 0 {
		f.differ("random", fmt.Sprintf("%d bytes drawn", drawn), fmt.Sprint(drawn-n))
	}
	if f.random.over {
		f.differ("random", fmt.Sprintf("%d bytes drawn", drawn), "more")
	}
}

// totals returns the non-zero counters by name.
func totals(c pipeline.Counts) map[string]uint64 {
	all := map[string]uint64{}
	add := func(name string, n uint64) {
		if n > 0 {
			all[name] += n
		}
	}
	for level, t := range map[string]pipeline.Tally{"packets": c.Packets, "messages": c.Messages} {
		add(level, t.In)
		add(level+" accepted", t.Accepted)
		add(level+" consumed", t.Consumed)
	}
	for _, d := range c.Drops {
		add("packets dropped "+d.Stage+"/"+d.Reason, d.Packets)
		add("messages dropped "+d.Stage+"/"+d.Reason, d.Messages)
	}
	return all
}

// keys returns the keys of m in order.
func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
