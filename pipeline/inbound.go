package pipeline

// Inbound is an immutable chain for received packets, with its counters; see
// [Chain]. Make one with [NewInbound].
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

// Process runs one received packet through an inbound chain, to completion:
// the packet stages, then the message stages once for each message. The
// verdict is the packet's own; its messages are in the counters.
func (c *Inbound) Process(p *Packet) Verdict {
	c.counters.tally[tallyPackets+tallyIn]++
	c.part, c.verdict, c.told = partPacket, Drop, 0
	for !c.proceed(p) {
	}
	return c.verdict
}

// part is how far Process has come with a packet.
type part uint8

const (
	partPacket   part = iota // in the packet stages
	partSplit                // asking the splitter for the next message
	partMessage              // in the message stages
	partSettling             // telling how it ended
)

// proceed takes p on from where a panic has left it, and returns false if there
// was another one: to recover once a packet, and not once a stage or a message,
// is half of what the chain itself costs.
func (c *Inbound) proceed(p *Packet) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			c.resume(p, r)
		}
	}()
	if c.part == partPacket {
		v := c.walk(p, 0, min(c.joint+1, len(c.stages)))
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

// resume counts what a panic has cost, and says where to go on.
func (c *Inbound) resume(p *Packet, value any) {
	switch c.part {
	case partPacket:
		c.part = partSettling
		c.dropPanicked(p, value, tallyPackets)
	case partSplit:
		// The splitter cannot be asked again: the rest of the packet is lost,
		// which its sender sees as a packet that was not received.
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
	}
}

// messages runs those messages of p that are left.
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
		c.counters.tally[tallyMessages+tallyIn]++
		c.finish(p, v, tallyMessages)
	}
	c.part = partSettling
}

// CountMessageDrop counts a message that a stage had held back and now gives
// up, as when its session closes: one in, one dropped with the stage's verdict
// v. It keeps the law of conservation for stages that hold messages.
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

// LastVerdict returns the verdict of the latest packet that an inbound chain was
// given.
func (c *Inbound) LastVerdict() Verdict { return c.verdict }

// walk takes p through the stages from first to before last until one does not
// accept, and leaves in c.at which one that was.
func (c *Inbound) walk(p *Packet, first, last int) Verdict {
	for c.at = first; c.at < last; c.at++ {
		if v := c.stages[c.at].Process(p); v != Accept {
			return v
		}
	}
	return Accept
}
