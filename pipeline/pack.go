package pipeline

// Packer returns the chain's packer, or nil if it has none.
func (c *Outbound) Packer() Packer { return c.packer }

// Pack appends the current message to p.Data if it takes at most room bytes there,
// and counts the outcome. If fits is false, nothing has changed and nothing is
// counted: the driver packs the message into another packet, or calls
// [Outbound.DropTooLarge]. Pack panics if the chain has no packer.
//
// The message is dropped and p.Data restored if the packer panics, if its Size is
// negative, or if it appends a number of bytes that is not its Size.
func (c *Outbound) Pack(p *Packet, room int) (v Verdict, fits bool) {
	v, row := c.pack(p, room, false)
	switch row {
	case rowNoRoom:
		return Drop, false
	case rowNone:
		c.enter()
		c.finish(p, v, tallyMessages)
		return v, true
	}
	c.packerFailed(p, row, false)
	return Drop, true
}

// Repack is like Pack, for a message that is sent again and was counted when it was
// sent first. If the packer does not accept it, that is counted as a [Fault] and not
// as a drop, since the driver keeps the message.
func (c *Outbound) Repack(p *Packet, room int) (packed, fits bool) {
	v, row := c.pack(p, room, true)
	if row == rowNoRoom {
		return false, false
	}
	if row != rowNone || v != Accept {
		c.packerFailed(p, row, true)
		return false, true
	}
	return true, true
}

// Packed counts n messages that the driver has appended to p.Data as the chain's packer
// would. It is for a chain without message stages, and for drivers that know the packer
// and write the same messages into several packets.
func (c *Outbound) Packed(n int) {
	c.counters.tally[tallyMessages+tallyIn] += uint64(n)
	c.counters.tally[tallyMessages+tallyAccepted] += uint64(n)
}

// DropTooLarge drops the current message because it fits in no packet. It is counted
// under the packer, as "too_large".
func (c *Outbound) DropTooLarge(p *Packet) {
	c.enter()
	c.dropRow(p, c.counters.tooLargeRow(c.joint), tallyMessages)
}

// enter counts the current message as one that came in, unless ProcessMessage did.
func (c *Outbound) enter() {
	if !c.inHand {
		c.counters.tally[tallyMessages+tallyIn]++
	}
	c.inHand = false
}

// Rows that pack returns if it finds no fault of the packer.
const (
	rowNone   = -1 // the packer's verdict stands
	rowNoRoom = -2 // the message does not fit
)

// pack calls the packer. Unless the packer accepts the message, p.Data is restored.
// If the packer fails, row is that of the drop, and c.panicked the value of a panic.
// again says that the message is sent again.
func (c *Outbound) pack(p *Packet, room int, again bool) (v Verdict, row int) {
	if c.packer == nil {
		panic("pipeline: Pack on a chain without a packer")
	}
	c.at = c.joint
	data, returned := p.Data, false
	defer func() {
		if !returned {
			p.Data, c.panicked = data, cause(recover())
			v, row = Drop, c.counters.panicRow(c.joint)
			if c.panicked == errGoexit {
				c.packerFailed(p, row, again) // the caller does not continue
			}
		}
	}()
	size := c.packer.Size(p)
	if size > room {
		returned = true
		p.Data = data
		return Drop, rowNoRoom
	}
	if size >= 0 {
		if v = c.packer.Process(p); v == Accept && len(p.Data) == len(data)+size && extends(p.Data, data, true) {
			returned = true
			return Accept, rowNone
		}
	}
	returned = true
	p.Data = data
	if size < 0 || v == Accept {
		return Drop, c.counters.badDataRow(c.joint)
	}
	return v, rowNone
}

// packerFailed counts a failure of the packer.
func (c *Outbound) packerFailed(p *Packet, row int, again bool) {
	if again {
		c.faults.add(c.joint, methodPack)
	} else {
		c.enter()
		c.dropRow(p, row, tallyMessages)
	}
	c.reportPacker()
}

// reportPacker reports the panic of the packer, if there was one.
func (c *Outbound) reportPacker() {
	if r := c.panicked; r != nil {
		c.panicked = nil
		c.report(c.joint, r)
	}
}
