package conn

import (
	"bytes"
	"net/netip"
)

// candidates holds the packets that may be the next message of one handshake, for
// the worker to try: message 2 at the dialer, message 3 at the responder. Any
// observer of the handshake can send forgeries; only the worker can tell which
// packet is genuine.
//
// When more arrive than can be kept, each is kept with the same probability
// (reservoir sampling). So forgeries cannot exclude the genuine message by coming
// first. Coming in large numbers, they only make it less likely to be tried each
// time that it is sent.
type candidates struct {
	waiting []candidate
	offered uint32    // those waiting when one was last taken, and all later ones
	trying  candidate // the one taken last
}

// candidate is a packet that may be the next message of a handshake.
type candidate struct {
	message []byte
	local   netip.Addr // at which message 3 was received
}

// offer adds a copy of the message and reports whether it did. It does not if the
// message is already waiting or being tried, or is not drawn.
func (c *candidates) offer(e *Endpoint, message []byte, local netip.Addr) bool {
	if bytes.Equal(c.trying.message, message) {
		return false
	}
	for _, known := range c.waiting {
		if bytes.Equal(known.message, message) {
			return false
		}
	}
	c.offered++
	if len(c.waiting) < maxCandidates {
		c.waiting = append(c.waiting, candidate{bytes.Clone(message), local})
		return true
	}
	place, ok := e.lot(c.offered)
	if !ok {
		return false
	}
	if place >= maxCandidates {
		return false
	}
	c.waiting[place] = candidate{bytes.Clone(message), local}
	e.count(HandshakeBusy)
	return true
}

// take returns the next candidate to try, or nil.
func (c *candidates) take() *candidate {
	if len(c.waiting) == 0 {
		return nil
	}
	c.trying, c.waiting = c.waiting[0], c.waiting[1:]
	c.offered = uint32(len(c.waiting))
	return &c.trying
}
