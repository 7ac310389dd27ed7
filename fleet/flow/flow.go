// Package flow counts what was lost, reordered and duplicated between two hubs, from
// sequence numbers. It has no clock.
package flow

// window is how far behind the newest number a late one is still recognized.
const window = 64

// Counts are the counters of flows. All of them only grow.
type Counts struct {
	// Received counts numbers that came, and InOrder those that followed the one before.
	Received, InOrder uint64
	// Missing counts numbers that were skipped, and Reordered those of them that came
	// later. Missing minus Reordered is what was lost.
	Missing, Reordered uint64
	// Duplicate counts numbers that had come before, or that are so old that this is no
	// longer known.
	Duplicate uint64
}

// Add adds the counts of another flow.
func (c *Counts) Add(o Counts) {
	c.Received += o.Received
	c.InOrder += o.InOrder
	c.Missing += o.Missing
	c.Reordered += o.Reordered
	c.Duplicate += o.Duplicate
}

// Verdict says what a number is.
type Verdict uint8

// The verdicts of [Tracker.Receive].
const (
	// Next is the number after the newest, or the first one.
	Next Verdict = iota
	// Gap is a number beyond the next one: those in between are missing.
	Gap
	// Late is a number that was missing.
	Late
	// Repeated is a number that has come before, or an old one.
	Repeated
)

// Tracker follows the sequence numbers of one flow, which start at one and increase by
// one. The zero Tracker accepts any number as the first.
type Tracker struct {
	begun  bool
	newest uint64
	seen   uint64 // bit i: newest-i has come
}

// Begin says that the next number will be seq+1, unless a number beyond that has come
// already.
func (t *Tracker) Begin(seq uint64) {
	if !t.begun || seq > t.newest {
		*t = Tracker{begun: true, newest: seq, seen: ^uint64(0)}
	}
}

// Begun reports whether a number has come, or Begin was called.
func (t *Tracker) Begun() bool { return t.begun }

// Newest returns the highest number so far.
func (t *Tracker) Newest() uint64 { return t.newest }

// Receive counts a number in c and says what it is.
func (t *Tracker) Receive(seq uint64, c *Counts) Verdict {
	c.Received++
	if !t.begun {
		t.Begin(seq)
		c.InOrder++
		return Next
	}
	if seq > t.newest {
		ahead := seq - t.newest
		t.newest = seq
		t.seen = t.seen<<ahead | 1 // a shift of 64 or more gives zero, as it should
		if ahead == 1 {
			c.InOrder++
			return Next
		}
		c.Missing += ahead - 1
		return Gap
	}
	behind := t.newest - seq
	if behind >= window || t.seen>>behind&1 == 1 {
		c.Duplicate++
		return Repeated
	}
	t.seen |= 1 << behind
	c.Reordered++
	return Late
}
