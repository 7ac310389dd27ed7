package ack

import (
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// History remembers which packets of one epoch have been received, and whether
// the peer is owed an acknowledgement. The zero value is ready to use.
type History struct {
	any       bool   // something has been received
	largest   uint64 // counter received
	bits      wire.AckBitmap
	largestAt pipeline.Time

	pending int           // ack-eliciting packets since the last acknowledgement
	since   pipeline.Time // when the first of them came

	// floors are how far down the next acknowledgements report, the last of
	// them first: the largest counters of those sent before, or a late counter
	// below. What lies below floors[ackRepeats-1] has been reported as often
	// as it need be, and is left out of the bitmap.
	floors [ackRepeats]uint64
}

// ackRepeats is how often each packet is reported: that many acknowledgements
// in a row must be lost before a received packet is taken for lost.
const ackRepeats = 4

// Record takes a received packet. The replay window has seen to it that each
// counter comes once.
func (h *History) Record(counter uint64, now pipeline.Time, eliciting bool) {
	switch {
	case !h.any:
		h.any, h.largest, h.largestAt = true, counter, now
	case counter > h.largest:
		n := counter - h.largest
		h.shift(n)
		h.setBit(n - 1)
		h.largest, h.largestAt = counter, now
	case counter < h.largest:
		h.setBit(h.largest - counter - 1)
		for i := range h.floors {
			h.floors[i] = min(h.floors[i], counter)
		}
	}
	if eliciting {
		if h.pending == 0 {
			h.since = now
		}
		h.pending++
	}
}

// setBit sets bit i of the bitmap, for the counter i+1 below the largest.
func (h *History) setBit(i uint64) {
	if i < wire.AckBits {
		h.bits[i/64] |= 1 << (i % 64)
	}
}

// shift moves every bit n places up, towards older counters.
func (h *History) shift(n uint64) {
	if n >= wire.AckBits {
		h.bits = wire.AckBitmap{}
		return
	}
	words, rest := int(n/64), n%64
	for i := len(h.bits) - 1; i >= 0; i-- {
		var w uint64
		if i >= words {
			w = h.bits[i-words] << rest
			if i > words && rest > 0 {
				w |= h.bits[i-words-1] >> (64 - rest)
			}
		}
		h.bits[i] = w
	}
}

// Pending returns how many ack-eliciting packets wait to be acknowledged, and
// since when.
func (h *History) Pending() (n int, since pipeline.Time) { return h.pending, h.since }

// Fill writes what is to be acknowledged into a and reports whether anything
// has been received at all. Epoch and Reliable are the caller's.
func (h *History) Fill(a *wire.Ack, now pipeline.Time) bool {
	if !h.any {
		return false
	}
	a.Largest = h.largest
	a.Delay = uint16(min(time.Duration(now-h.largestAt)/wire.AckDelayUnit, 1<<16-1))
	a.Bitmap = h.bits
	if depth := a.Largest - min(h.floors[ackRepeats-1], a.Largest); depth < wire.AckBits {
		trim(&a.Bitmap, depth)
	}
	return true
}

// trim clears all bits from bit n on.
func trim(m *wire.AckBitmap, n uint64) {
	m[n/64] &= 1<<(n%64) - 1
	clear(m[n/64+1:])
}

// Acknowledged records that what Fill has returned was sent.
func (h *History) Acknowledged() {
	copy(h.floors[1:], h.floors[:])
	h.floors[0] = h.largest
	h.pending = 0
}
