package conn

import (
	"bytes"
	"encoding/binary"
)

// finals are the candidates for message 3 of one handshake that wait for the
// worker. Whoever sees the handshake can send some; only the worker can tell
// which is genuine.
//
// Of those that come while as many wait as may, each is as likely as any other
// to be among those that wait when the worker takes the next: reservoir
// sampling. So forgeries cannot keep the genuine one out by being first, or by
// being many: that only makes it less likely to be tried each time that it is
// sent.
type finals struct {
	waiting [][]byte
	offered uint32 // those waiting when one was last taken, and all since
	trying  []byte // the last one taken
	tries   int    // that are still covered by what has been admitted
}

// offer takes a copy of the candidate in, and reports whether it has: not if it
// is waiting already or being tried, or has no luck.
func (f *finals) offer(e *Endpoint, message []byte) bool {
	if bytes.Equal(f.trying, message) {
		return false
	}
	for _, known := range f.waiting {
		if bytes.Equal(known, message) {
			return false
		}
	}
	f.offered++
	if len(f.waiting) < finalTries {
		f.waiting = append(f.waiting, bytes.Clone(message))
		return true
	}
	var b [4]byte
	if !e.random(b[:]) {
		return false
	}
	place := uint64(binary.BigEndian.Uint32(b[:])) * uint64(f.offered) >> 32
	if place >= finalTries {
		return false
	}
	f.waiting[place] = bytes.Clone(message)
	e.count(HandshakeBusy)
	return true
}

// take returns the next candidate to be tried, if there is one and its try has
// been admitted.
func (f *finals) take() []byte {
	if len(f.waiting) == 0 || f.tries == 0 {
		return nil
	}
	f.tries--
	f.trying, f.waiting = f.waiting[0], f.waiting[1:]
	f.offered = uint32(len(f.waiting))
	return f.trying
}
