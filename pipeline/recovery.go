package pipeline

// dropPanicked counts a panic of the stage at c.at in which the current packet or
// message was lost.
func (c *chain) dropPanicked(p *Packet, value any, level int) {
	c.dropRow(p, c.counters.panicRow(c.at), level)
	c.report(c.at, value)
}

// faulted counts a panic of the stage at position at, in the method m, in which
// nothing was lost.
func (c *chain) faulted(at int, m method, value any) {
	c.faults.add(at, m)
	c.report(at, value)
}

// report calls the OnPanic hook. A panic of the hook is counted.
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

// callOnDrop calls the OnDrop hook. A panic of the hook is counted.
func (c *chain) callOnDrop(p *Packet, row int) {
	defer func() {
		if r := recover(); r != nil {
			c.faults.add(len(c.stages), methodOnDrop)
		}
	}()
	c.onDrop(p, row)
}
