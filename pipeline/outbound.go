package pipeline

// Outbound is an immutable chain for outgoing packets, with its counters; see
// [Chain]. It is built by [NewOutbound].
//
// For each message the driver calls ProcessMessage, if there are message stages,
// and then Pack, or DropTooLarge if the message fits in no packet; for each packet
// it calls ProcessPacket. The capacity of p.Data is the largest size of the packet.
// If a stage replaces p.Data, shortens it, appends beyond its capacity, or appends
// although it is a message stage, the current packet or message is dropped and
// counted under the stage as "bad_data", and p.Data is restored.
type Outbound struct {
	chain
	// joint is the position of the packer, or len(stages).
	joint  int
	packer Packer
	growth int
	inHand bool // ProcessMessage has counted the message that is packed next

	panicked any // the packer's panic, until it is reported
}

func (c *Outbound) init(members []member) {
	c.chain.init(members, true)
	c.joint = len(members)
	for i := range members {
		if v, ok := members[i].stage.(Packer); ok {
			c.joint, c.packer = i, v
		}
	}
	for _, m := range members[:min(c.joint+1, len(members))] {
		c.growth += m.growth
	}
}

// HasMessageStages reports whether there are stages before the packer. If not,
// ProcessMessage does nothing and need not be called.
func (c *Outbound) HasMessageStages() bool { return c.joint > 0 }

// MaxGrowth returns the sum in bytes of what the message stages and the packer have
// declared as [Grower]s.
func (c *Outbound) MaxGrowth() int { return c.growth }

// ProcessMessage runs one message through the stages before the packer. If it
// returns Accept, the driver calls Pack or DropTooLarge before the next message.
func (c *Outbound) ProcessMessage(p *Packet) Verdict {
	c.counters.tally[tallyMessages+tallyIn]++
	v := Accept
	if c.joint > 0 {
		v = c.run(p, 0, c.joint, tallyMessages)
	}
	c.inHand = v == Accept
	return v
}

// ProcessPacket runs a packet through the stages after the packer.
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

// run passes p through the stages from first up to, but not including, last, and
// counts the outcome. A message that all of them accept is counted by Pack.
func (c *Outbound) run(p *Packet, first, last, level int) (v Verdict) {
	data, returned := p.Data, false
	defer func() {
		if !returned {
			p.Data = data
			c.dropPanicked(p, cause(recover()), level)
			v = Drop
		}
	}()
	for c.at = first; c.at < last; c.at++ {
		v := c.stages[c.at].Process(p)
		if sound := extends(p.Data, data, level == tallyPackets); !sound {
			p.Data = data
			if v == Accept {
				returned = true
				c.dropRow(p, c.counters.badDataRow(c.at), level)
				return Drop
			}
		}
		if v != Accept {
			returned = true
			c.finish(p, v, level)
			return v
		}
		data = p.Data
	}
	returned = true
	if level == tallyPackets {
		c.counters.tally[tallyPackets+tallyAccepted]++
	}
	return Accept
}

// extends reports whether data is before, in the same memory. If appending is set,
// data may have bytes appended within its capacity.
func extends(data, before []byte, appending bool) bool {
	switch {
	case cap(data) != cap(before) || len(data) < len(before) || len(data) > len(before) && !appending:
		return false
	case cap(data) == 0:
		return true
	}
	return &data[:1][0] == &before[:1][0]
}

// settled calls the remaining settlers, and returns false if one of them panics.
func (c *Outbound) settled(p *Packet) (done bool) {
	defer func() {
		if !done {
			c.settlePanicked(cause(recover()))
		}
	}()
	c.settle(p)
	return true
}
