package pipeline

// Outbound is an immutable chain for packets to be sent, with its counters; see
// [Chain]. Make one with [NewOutbound].
type Outbound struct {
	chain
	// joint is the position of the packer, or len(stages).
	joint  int
	packer Packer
	growth int
}

func (c *Outbound) init(stages []Stage) {
	c.chain.init(stages)
	c.joint = len(stages)
	for i, s := range stages {
		if v, ok := s.(Packer); ok {
			c.joint, c.packer = i, v
		}
		if v, ok := s.(Grower); ok {
			c.growth += v.MaxGrowth()
		}
	}
}

// ProcessMessage runs one message through the message stages of an outbound
// chain, up to but without the packer.
func (c *Outbound) ProcessMessage(p *Packet) Verdict {
	c.counters.tally[tallyMessages+tallyIn]++
	return c.run(p, 0, c.joint, tallyMessages)
}

// HasMessageStages reports whether ProcessMessage of an outbound chain has
// anything to do.
func (c *Outbound) HasMessageStages() bool { return c.joint > 0 }

// CountMessage counts one message as accepted by an outbound chain that has no
// message stages, in place of ProcessMessage.
func (c *Outbound) CountMessage() {
	c.counters.tally[tallyMessages+tallyIn]++
	c.counters.tally[tallyMessages+tallyAccepted]++
}

// MaxGrowth returns by how many bytes the message stages of an outbound chain
// may lengthen a message, all together.
func (c *Outbound) MaxGrowth() int { return c.growth }

// PackedSize returns how many bytes the message in hand takes in a packet.
func (c *Outbound) PackedSize(p *Packet) int { return c.packer.Size(p) }

// Pack appends the message in hand to p.Data. The caller has checked that
// PackedSize fits.
func (c *Outbound) Pack(p *Packet) { c.packer.Process(p) }

// ProcessPacket runs a packet through the stages behind the packer of an
// outbound chain.
func (c *Outbound) ProcessPacket(p *Packet) Verdict {
	c.counters.tally[tallyPackets+tallyIn]++
	v := c.run(p, min(c.joint+1, len(c.stages)), len(c.stages), tallyPackets)
	if len(c.settlers) > 0 {
		c.verdict, c.told = v, 0
		for !c.settled(p) {
		}
	}
	return v
}

// run takes p through the stages from first to before last and counts the
// outcome at its level.
func (c *Outbound) run(p *Packet, first, last, level int) (v Verdict) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(p, r, level)
			v = Drop
		}
	}()
	v = c.walk(p, first, last)
	c.finish(p, v, level)
	return v
}

// settled tells the settlers that are left how p has ended, and returns false if
// one of them has panicked.
func (c *Outbound) settled(p *Packet) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			c.told++
			c.report(r)
		}
	}()
	c.settle(p)
	return true
}
