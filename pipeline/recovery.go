package pipeline

import "errors"

// errGoexit replaces the value of a panic when a stage or a hook has called
// runtime.Goexit. The loss is counted like that of a panic, but nothing recovers from
// it: the driver's goroutine ends.
var errGoexit = errors.New("runtime.Goexit")

// cause returns the value that describes why a call of user code did not return, given
// the result of recover.
func cause(recovered any) any {
	if recovered == nil {
		return errGoexit
	}
	return recovered
}

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
	returned := false
	defer func() {
		if !returned {
			_ = recover()
			c.faults.add(len(c.stages), methodOnPanic)
		}
	}()
	c.onPanic(c.names[at], value)
	returned = true
}

// callOnDrop calls the OnDrop hook. A panic of the hook is counted.
func (c *chain) callOnDrop(p *Packet, row int) {
	returned := false
	defer func() {
		if !returned {
			_ = recover()
			c.faults.add(len(c.stages), methodOnDrop)
		}
	}()
	c.onDrop(p, row)
	returned = true
}
