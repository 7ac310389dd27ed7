package pipeline

// Outbound is an immutable chain for packets to be sent, with its counters; see
// [Chain]. Make one with [NewOutbound].
//
// For each message the driver calls ProcessMessage, if there are message stages,
// and then Pack, or DropTooLarge if no packet has room for it; for each packet
// ProcessPacket. The driver gives p.Data the capacity that the packet may have.
// A stage that replaces p.Data, shortens it, or appends to it beyond its
// capacity or where it must not, loses what is in hand: p.Data is restored and
// the drop counted under the stage as "bad_data".
type Outbound struct {
	chain
	// joint is the position of the packer, or len(stages).
	joint  int
	packer Packer
	growth int
	inHand bool // ProcessMessage has accepted and counted a message

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

// HasMessageStages reports whether there are stages before the packer: if not,
// ProcessMessage has nothing to do and need not be called.
func (c *Outbound) HasMessageStages() bool { return c.joint > 0 }

// MaxGrowth returns by how many bytes the message stages and the packer may
// lengthen a message, all together, as they have declared; see [Grower].
func (c *Outbound) MaxGrowth() int { return c.growth }

// ProcessMessage runs one message through the stages before the packer. If it
// returns Accept, Pack or DropTooLarge has to follow before the next message.
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

// run takes p through the stages from first to before last and counts the
// outcome at its level, but for messages that all of them accept.
func (c *Outbound) run(p *Packet, first, last, level int) (v Verdict) {
	data := p.Data
	defer func() {
		if r := recover(); r != nil {
			p.Data = data
			c.dropPanicked(p, r, level)
			v = Drop
		}
	}()
	for c.at = first; c.at < last; c.at++ {
		v := c.stages[c.at].Process(p)
		if sound := extends(p.Data, data, level == tallyPackets); !sound {
			p.Data = data
			if v == Accept {
				c.dropRow(p, c.counters.badDataRow(c.at), level)
				return Drop
			}
		}
		if v != Accept {
			c.finish(p, v, level)
			return v
		}
		data = p.Data
	}
	if level == tallyPackets {
		c.counters.tally[tallyPackets+tallyAccepted]++
	}
	return Accept
}

// extends reports whether data is before in the same memory, or, if appending is
// allowed, with something appended.
func extends(data, before []byte, appending bool) bool {
	switch {
	case cap(data) != cap(before) || len(data) < len(before) || len(data) > len(before) && !appending:
		return false
	case cap(data) == 0:
		return true
	}
	return &data[:1][0] == &before[:1][0]
}

// settled tells the settlers that are left how p has ended, and returns false if
// one of them has panicked.
func (c *Outbound) settled(p *Packet) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			c.settlePanicked(r)
		}
	}()
	c.settle(p)
	return true
}
