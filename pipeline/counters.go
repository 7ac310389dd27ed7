package pipeline

import "sync/atomic"

// Tally counts what became of packets, or of messages. At rest
// In = Accepted + Consumed + all drops of its level.
type Tally struct{ In, Accepted, Consumed uint64 }

// DropCount is the number of drops of one stage for one reason.
type DropCount struct {
	Stage, Reason string
	// Packets and Messages count the drops before and after the packet was
	// taken apart.
	Packets, Messages uint64
}

// Counts is a copy of a chain's counters. Drops has a row for each stage and
// reason, in the order of the chain, with the zero rows.
type Counts struct {
	Packets, Messages Tally
	Drops             []DropCount
}

// counters are written by the chain's goroutine alone, as plain memory, and
// published by flush as atomics: nothing on the packet path costs a lock or an
// atomic operation.
type counters struct {
	labels []DropCount // names only
	base   []int       // per stage: index of its first reason
	size   []int       // per stage: number of its reasons

	tally [6]uint64
	drops []uint64 // packets, then messages
	dirty bool     // drops have changed since the last flush

	published struct {
		tally [6]atomic.Uint64
		drops []atomic.Uint64
	}
}

const (
	tallyPackets  = 0
	tallyMessages = 3

	tallyIn       = 0
	tallyAccepted = 1
	tallyConsumed = 2
)

func newCounters(stages []Stage) *counters {
	c := new(counters)
	for _, s := range stages {
		c.base = append(c.base, len(c.labels))
		names := append([]string{"unspecified"}, s.Reasons()...)
		names = append(names, "panic")
		for _, n := range names {
			c.labels = append(c.labels, DropCount{Stage: s.Name(), Reason: n})
		}
		c.size = append(c.size, len(names))
	}
	c.drops = make([]uint64, 2*len(c.labels))
	c.published.drops = make([]atomic.Uint64, len(c.drops))
	return c
}

// index returns the row of a drop by the stage at position at. A reason that
// the stage has not declared counts as unspecified.
func (c *counters) index(at int, v Verdict) int {
	r := v.reason()
	if r >= c.size[at]-1 {
		r = 0
	}
	return c.base[at] + r
}

func (c *counters) panicIndex(at int) int { return c.base[at] + c.size[at] - 1 }

func (c *counters) drop(row, level int) {
	if level == tallyMessages {
		row += len(c.labels)
	}
	c.drops[row]++
	c.dirty = true
}

func (c *counters) flush() {
	for i, n := range c.tally {
		if n != c.published.tally[i].Load() {
			c.published.tally[i].Store(n)
		}
	}
	if !c.dirty {
		return
	}
	c.dirty = false
	for i, n := range c.drops {
		if n != c.published.drops[i].Load() {
			c.published.drops[i].Store(n)
		}
	}
}

func (c *counters) counts() (out Counts) {
	c.read(&out)
	return out
}

// read keeps the labels that out has from the same chain.
func (c *counters) read(out *Counts) {
	t := &c.published.tally
	out.Packets = Tally{t[0].Load(), t[1].Load(), t[2].Load()}
	out.Messages = Tally{t[3].Load(), t[4].Load(), t[5].Load()}
	if len(out.Drops) != len(c.labels) {
		out.Drops = append([]DropCount(nil), c.labels...)
	}
	for i := range out.Drops {
		out.Drops[i].Packets = c.published.drops[i].Load()
		out.Drops[i].Messages = c.published.drops[i+len(c.labels)].Load()
	}
}

// finish counts the verdict of the stage at which p has ended.
func (c *chain) finish(p *Packet, v Verdict, level int) {
	switch v {
	case Accept:
		c.counters.tally[level+tallyAccepted]++
	case Consumed:
		c.counters.tally[level+tallyConsumed]++
	default:
		row := c.counters.index(c.at, v)
		c.counters.drop(row, level)
		c.dropped(p, row)
	}
}

func (c *chain) dropped(p *Packet, row int) {
	c.lastDrop = row
	if c.onDrop != nil {
		c.onDrop(p, row)
	}
}

func (c *chain) LastDrop() (stage, reason string) {
	if c.lastDrop < 0 {
		return "", ""
	}
	l := c.counters.labels[c.lastDrop]
	return l.Stage, l.Reason
}

func (c *chain) DropLabels() []DropCount { return append([]DropCount(nil), c.counters.labels...) }

func (c *chain) Publish() { c.counters.flush() }

func (c *chain) Counts() Counts { return c.counters.counts() }

func (c *chain) ReadCounts(into *Counts) { c.counters.read(into) }
