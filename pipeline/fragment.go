package pipeline

// TakeForFragments counts the current message as accepted: the driver sends it in
// fragments, which it appends itself instead of calling [Outbound.Pack], from the payload
// that the message stages have left. Whatever becomes of the message then is the
// driver's to count.
func (c *Outbound) TakeForFragments(*Packet) {
	c.enter()
	c.counters.tally[tallyMessages+tallyAccepted]++
}
