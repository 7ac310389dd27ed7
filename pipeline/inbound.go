package pipeline

// Inbound is an immutable chain for received packets, with its counters; see
// [Chain]. It is built by [NewInbound].
type Inbound struct {
	chain
	// joint is the position of the splitter, or len(stages).
	joint    int
	splitter Splitter
	part     part
}

func (c *Inbound) init(members []member) {
	c.chain.init(members, false)
	c.joint = len(members)
	for i, s := range c.stages {
		if v, ok := s.(Splitter); ok {
			c.joint, c.splitter = i, v
		}
	}
}

// Process runs one received packet through the chain, to completion: the packet
// stages, then the message stages once for each message. It returns the verdict on
// the packet; the verdicts on its messages are only counted.
func (c *Inbound) Process(p *Packet) Verdict {
	c.counters.tally[tallyPackets+tallyIn]++
	c.part, c.verdict, c.told = partPacket, Drop, 0
	for !c.proceed(p) {
	}
	return c.verdict
}

// part is the part of Process that is running.
type part uint8

const (
	partPacket   part = iota // the packet stages
	partSplit                // Splitter.Next
	partMessage              // the message stages
	partSettling             // the settlers
	partCounted              // between two parts; the hook OnDrop may run
)

// proceed continues with p where the last panic left it, and returns false if there
// is another one. After runtime.Goexit, which nothing stops, it counts the loss and
// does not return. Recovering once for each packet, and not for each stage or
// message, halves the cost of the chain.
func (c *Inbound) proceed(p *Packet) (done bool) {
	defer func() {
		if !done {
			c.resume(p, cause(recover()))
		}
	}()
	if c.part == partPacket {
		v := c.walk(p, 0, min(c.joint+1, len(c.stages)))
		c.part = partCounted
		c.finish(p, v, tallyPackets)
		c.verdict, c.part = v, partSettling
		if v == Accept && c.splitter != nil {
			c.part = partSplit
		}
	}
	if c.part == partSplit {
		c.messages(p)
	}
	c.settle(p)
	return true
}

// resume counts what was lost in a panic, and sets where proceed continues.
func (c *Inbound) resume(p *Packet, value any) {
	switch c.part {
	case partPacket:
		c.part = partSettling
		c.dropPanicked(p, value, tallyPackets)
	case partSplit:
		// The splitter cannot be called again, so the rest of the packet is lost.
		// Unacknowledged, its Reliable messages are sent again.
		c.part = partSettling
		p.LeaveUnacknowledged()
		c.counters.tally[tallyMessages+tallyIn]++
		c.dropPanicked(p, value, tallyMessages)
	case partMessage:
		c.part = partSplit
		c.counters.tally[tallyMessages+tallyIn]++
		c.dropPanicked(p, value, tallyMessages)
	case partSettling:
		c.settlePanicked(value)
	case partCounted:
		// The hook has called runtime.Goexit, which callOnDrop has counted.
	}
}

// messages runs the remaining messages of p.
func (c *Inbound) messages(p *Packet) {
	for {
		c.at, c.part = c.joint, partSplit
		v, ok := c.splitter.Next(p)
		if !ok {
			break
		}
		c.part = partMessage
		if v == Accept {
			v = c.walk(p, c.joint+1, len(c.stages))
		}
		c.part = partCounted
		c.counters.tally[tallyMessages+tallyIn]++
		c.finish(p, v, tallyMessages)
	}
	c.part = partSettling
}

// CountMessageDrop counts n messages that a stage held back and now drops, as when
// their session closes: n in, n dropped by the stage with verdict v. So counts stay
// conserved with stages that hold messages.
func (c *Inbound) CountMessageDrop(stage string, v Verdict, n int) {
	for i := range c.stages {
		if c.names[i] == stage {
			for range n {
				c.counters.tally[tallyMessages+tallyIn]++
				c.counters.drop(c.counters.row(i, v), tallyMessages)
			}
		}
	}
}

// LastVerdict returns the verdict on the last packet.
func (c *Inbound) LastVerdict() Verdict { return c.verdict }

// walk passes p through the stages from first up to, but not including, last, until
// one does not accept; c.at is then its position.
func (c *Inbound) walk(p *Packet, first, last int) Verdict {
	for c.at = first; c.at < last; c.at++ {
		if v := c.stages[c.at].Process(p); v != Accept {
			return v
		}
	}
	return Accept
}
