package hub

// numbers gives out the numbers of topics, from one. A number that was returned is
// given out again as late as possible. The zero value has none in use.
type numbers struct {
	free []uint32
	next uint32 // the highest that was ever given out
}

// take returns a number that is not in use, or zero if all below limit are.
func (n *numbers) take(limit uint32) uint32 {
	if n.next+1 < limit && (len(n.free) == 0 || n.next < 63) {
		n.next++ // numbers below 64 take one byte on the wire
		return n.next
	}
	if len(n.free) == 0 {
		return 0
	}
	number := n.free[0]
	n.free = n.free[1:]
	return number
}

// give returns a number.
func (n *numbers) give(number uint32) { n.free = append(n.free, number) }
