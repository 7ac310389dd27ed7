package pipeline

// dropPanicked counts a panic of the stage at c.at that has cost the packet or
// message in hand.
func (c *chain) dropPanicked(p *Packet, value any, level int) {
	c.dropRow(p, c.counters.panicRow(c.at), level)
	c.report(c.at, value)
}

// faulted counts a panic of the stage at position at, in the method m, that has
// cost nothing.
func (c *chain) faulted(at int, m method, value any) {
	c.faults.add(at, m)
	c.report(at, value)
}

// report calls OnPanic. A panic of the hook is counted and goes no further.
func (c *chain) report(at int, value any) {
	if c.onPanic == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			c.faults.add(len(c.stages), methodOnPanic)
		}
	}()
	c.onPanic(c.names[at], value)
}

// tellDrop calls OnDrop. A panic of the hook is counted and goes no further.
func (c *chain) tellDrop(p *Packet, row int) {
	defer func() {
		if r := recover(); r != nil {
			c.faults.add(len(c.stages), methodOnDrop)
		}
	}()
	c.onDrop(p, row)
}
