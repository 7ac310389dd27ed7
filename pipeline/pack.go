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
	v, row := c.pack(p, room)
	if row == rowNoRoom {
		return Drop, false
	}
	c.enter()
	if row == rowNone {
		c.finish(p, v, tallyMessages)
		return v, true
	}
	c.dropRow(p, row, tallyMessages)
	c.reportPacker()
	return Drop, true
}

// Repack is like Pack, for a message that is sent again and was counted when it was
// sent first. If the packer does not accept it, that is counted as a [Fault] and not
// as a drop, since the driver keeps the message.
func (c *Outbound) Repack(p *Packet, room int) (packed, fits bool) {
	v, row := c.pack(p, room)
	if row == rowNoRoom {
		return false, false
	}
	if row != rowNone || v != Accept {
		c.faults.add(c.joint, methodPack)
		c.reportPacker()
		return false, true
	}
	return true, true
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
func (c *Outbound) pack(p *Packet, room int) (v Verdict, row int) {
	if c.packer == nil {
		panic("pipeline: Pack on a chain without a packer")
	}
	c.at = c.joint
	data := p.Data
	defer func() {
		if r := recover(); r != nil {
			p.Data, c.panicked = data, r
			v, row = Drop, c.counters.panicRow(c.joint)
		}
	}()
	size := c.packer.Size(p)
	if size > room {
		p.Data = data
		return Drop, rowNoRoom
	}
	if size >= 0 {
		if v = c.packer.Process(p); v == Accept && len(p.Data) == len(data)+size && extends(p.Data, data, true) {
			return Accept, rowNone
		}
	}
	p.Data = data
	if size < 0 || v == Accept {
		return Drop, c.counters.badDataRow(c.joint)
	}
	return v, rowNone
}

// reportPacker reports the panic of the packer, if there was one.
func (c *Outbound) reportPacker() {
	if r := c.panicked; r != nil {
		c.panicked = nil
		c.report(c.joint, r)
	}
}
