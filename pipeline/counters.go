package pipeline

import "sync/atomic"

// Tally counts packets or messages by outcome. Between packets,
// In = Accepted + Consumed + the sum of all drops of the same level.
type Tally struct{ In, Accepted, Consumed uint64 }

// DropCount is the number of drops of one stage for one reason.
type DropCount struct {
	Stage, Reason string
	// Packets counts the whole packets that were dropped, Messages the single
	// messages.
	Packets, Messages uint64
}

// ConsumedCount is the number of packets and messages that one stage consumed.
type ConsumedCount struct {
	Stage             string
	Packets, Messages uint64
}

// Counts is a copy of a chain's counters. Drops has a row for each stage and
// reason, in the order of the chain, including the rows that are zero. Consumed has
// a row for each stage, whose sums are those of the tallies.
type Counts struct {
	Packets, Messages Tally
	Drops             []DropCount
	Consumed          []ConsumedCount
	// Faults lists the failures of stages in which no packet and no message was
	// lost. It is nil if there were none.
	Faults []Fault `json:",omitempty"`
}

// Reasons that the chain adds to those of each stage.
const (
	reasonUnspecified = "unspecified" // Drop, or an undeclared verdict
	reasonTooLarge    = "too_large"   // packers: the message fits in no packet
	reasonBadData     = "bad_data"    // outbound: see Outbound
	reasonPanic       = "panic"
)

// builtinReasons returns the reasons that the chain adds to those of m.
func builtinReasons(m *member, out bool) []string {
	switch {
	case out && m.packs():
		return []string{reasonUnspecified, reasonTooLarge, reasonBadData, reasonPanic}
	case out:
		return []string{reasonUnspecified, reasonBadData, reasonPanic}
	}
	return []string{reasonUnspecified, reasonPanic}
}

// counters are plain memory that only the chain's goroutine writes. flush publishes
// them as atomics, so the packet path needs no lock and no atomic operation.
type counters struct {
	labels   []DropCount // names only
	base     []int       // per stage: the row of its first reason, unspecified
	declared []int       // per stage: number of its own reasons, which follow

	stages   []string
	tally    [6]uint64
	drops    []uint64 // packets, then messages
	consumed []uint64 // by stage: packets, then messages
	dirty    bool     // drops or consumed have changed since the last flush

	published struct {
		// edition is odd while flush writes, so that read can tell whether all that it
		// has read is of one moment.
		edition  atomic.Uint64
		tally    [6]atomic.Uint64
		drops    []atomic.Uint64
		consumed []atomic.Uint64
	}
}

// readAttempts bounds how often read begins again because flush has written at the
// same time.
const readAttempts = 10_000

const (
	tallyPackets  = 0
	tallyMessages = 3

	tallyIn       = 0
	tallyAccepted = 1
	tallyConsumed = 2
)

func newCounters(members []member, out bool) *counters {
	c := new(counters)
	for i := range members {
		m := &members[i]
		c.stages = append(c.stages, m.name)
		c.base = append(c.base, len(c.labels))
		c.declared = append(c.declared, len(m.reasons))
		builtin := builtinReasons(m, out)
		names := append(append(builtin[:1:1], m.reasons...), builtin[1:]...)
		for _, n := range names {
			c.labels = append(c.labels, DropCount{Stage: m.name, Reason: n})
		}
	}
	c.base = append(c.base, len(c.labels))
	c.drops = make([]uint64, 2*len(c.labels))
	c.published.drops = make([]atomic.Uint64, len(c.drops))
	c.consumed = make([]uint64, 2*len(c.stages))
	c.published.consumed = make([]atomic.Uint64, len(c.consumed))
	return c
}

// row returns the row of a drop by the stage at position at. A reason that the
// stage has not declared counts as unspecified.
func (c *counters) row(at int, v Verdict) int {
	r := v.reason()
	if r > c.declared[at] {
		r = 0
	}
	return c.base[at] + r
}

// The rows of builtinReasons, which are the last rows of a stage.
func (c *counters) panicRow(at int) int    { return c.base[at+1] - 1 }
func (c *counters) badDataRow(at int) int  { return c.base[at+1] - 2 }
func (c *counters) tooLargeRow(at int) int { return c.base[at+1] - 3 }

func (c *counters) drop(row, level int) {
	if level == tallyMessages {
		row += len(c.labels)
	}
	c.drops[row]++
	c.dirty = true
}

// consume counts a packet or message that the stage at position at consumed.
func (c *counters) consume(at, level int) {
	c.tally[level+tallyConsumed]++
	if level == tallyMessages {
		at += len(c.stages)
	}
	c.consumed[at]++
	c.dirty = true
}

func (c *counters) flush() {
	c.published.edition.Add(1)
	copyChanged(c.published.tally[:], c.tally[:])
	if c.dirty {
		c.dirty = false
		copyChanged(c.published.drops, c.drops)
		copyChanged(c.published.consumed, c.consumed)
	}
	c.published.edition.Add(1)
}

func copyChanged(to []atomic.Uint64, from []uint64) {
	for i, n := range from {
		if n != to[i].Load() {
			to[i].Store(n)
		}
	}
}

// read reuses the slices of out if they are of the same chain. The counts are of one
// moment unless flush interferes readAttempts times in a row.
func (c *counters) read(out *Counts) {
	for range readAttempts {
		if c.readOnce(out) {
			return
		}
	}
}

// readOnce reports whether the counts that it has read are of one moment.
func (c *counters) readOnce(out *Counts) bool {
	before := c.published.edition.Load()
	c.copyTo(out)
	return before%2 == 0 && c.published.edition.Load() == before
}

func (c *counters) copyTo(out *Counts) {
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
	if len(out.Consumed) != len(c.stages) {
		out.Consumed = make([]ConsumedCount, len(c.stages))
		for i, name := range c.stages {
			out.Consumed[i].Stage = name
		}
	}
	for i := range out.Consumed {
		out.Consumed[i].Packets = c.published.consumed[i].Load()
		out.Consumed[i].Messages = c.published.consumed[i+len(c.stages)].Load()
	}
}
