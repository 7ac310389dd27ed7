package conn

import "bytes"

// candidates are those for the next message of one handshake that wait for the
// worker: for message 2 at the dialer, for message 3 at the responder. Whoever
// sees the handshake can send some; only the worker can tell which is genuine.
//
// Of those that come while as many wait as may, each is as likely as any other
// to be among those that wait when the worker takes the next: reservoir
// sampling. So forgeries cannot keep the genuine one out by being first, or by
// being many: that only makes it less likely to be tried each time that it is
// sent.
type candidates struct {
	waiting [][]byte
	offered uint32 // those waiting when one was last taken, and all since
	trying  []byte // the last one taken
}

// offer takes a copy of the candidate in, and reports whether it has: not if it
// is waiting already or being tried, or has no luck.
func (c *candidates) offer(e *Endpoint, message []byte) bool {
	if bytes.Equal(c.trying, message) {
		return false
	}
	for _, known := range c.waiting {
		if bytes.Equal(known, message) {
			return false
		}
	}
	c.offered++
	if len(c.waiting) < maxCandidates {
		c.waiting = append(c.waiting, bytes.Clone(message))
		return true
	}
	place, ok := e.lot(c.offered)
	if !ok {
		return false
	}
	if place >= maxCandidates {
		return false
	}
	c.waiting[place] = bytes.Clone(message)
	e.count(HandshakeBusy)
	return true
}

// take returns the next candidate to be tried, nil if there is none.
func (c *candidates) take() []byte {
	if len(c.waiting) == 0 {
		return nil
	}
	c.trying, c.waiting = c.waiting[0], c.waiting[1:]
	c.offered = uint32(len(c.waiting))
	return c.trying
}
