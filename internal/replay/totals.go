package replay

import (
	"fmt"
	"slices"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
)

// ended compares the totals.
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
				was[name] = is[name] // once
			}
		}
	}
	if n := len(f.random.rest); n > 0 {
		f.differ("random", fmt.Sprintf("%d bytes drawn", len(f.o.Keys.Random)), fmt.Sprint(len(f.o.Keys.Random)-n))
	}
}

// totals are the counters by name, without those that are zero.
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

func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
