package pipeline

// finish counts the verdict with which p left the chain at the stage c.at.
func (c *chain) finish(p *Packet, v Verdict, level int) {
	if v == Accept {
		c.counters.tally[level+tallyAccepted]++
		return
	}
	c.refused(p, v, level)
}

// refused is finish for verdicts other than Accept. It is a function of its own so
// that the compiler inlines finish.
func (c *chain) refused(p *Packet, v Verdict, level int) {
	if v == Consumed {
		c.counters.consume(c.at, level)
		return
	}
	c.dropRow(p, c.counters.row(c.at, v), level)
}

// dropRow counts a drop of p in a row.
func (c *chain) dropRow(p *Packet, row, level int) {
	c.counters.drop(row, level)
	c.lastDrop = row
	if c.onDrop != nil {
		c.callOnDrop(p, row)
	}
}

// LastDrop returns the stage and the reason of the latest drop, for tests and
// traces. It is empty before the first.
func (c *chain) LastDrop() (stage, reason string) {
	if c.lastDrop < 0 {
		return "", ""
	}
	l := c.counters.labels[c.lastDrop]
	return l.Stage, l.Reason
}

// DropLabels returns the names of the rows of Counts().Drops. The slice is the
// caller's.
func (c *chain) DropLabels() []DropCount { return append([]DropCount(nil), c.counters.labels...) }

// Publish makes the counters visible to Counts. The loop calls it once a batch.
func (c *chain) Publish() { c.counters.flush() }

// Counts returns the counters as of one Publish, usually the last. It may be called
// from any goroutine.
func (c *chain) Counts() (out Counts) {
	c.ReadCounts(&out)
	return out
}

// ReadCounts is like Counts, but reuses into, which is zero or was filled by the same
// chain before. It allocates only for a zero Counts and for Faults.
func (c *chain) ReadCounts(into *Counts) {
	c.counters.read(into)
	into.Faults = c.faults.list(c.names)
}
