package ack

import (
	"math/bits"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// History remembers which packets of one epoch have been received, and whether
// the peer is owed an acknowledgement. The zero value is ready to use.
type History struct {
	largest   uint64 // counter received
	largestAt pipeline.Time
	pending   int32         // ack-eliciting packets since the last acknowledgement
	since     pipeline.Time // when the first of them arrived
	any       bool          // a packet has been received
	repeats   uint8         // how often the latest acknowledgement is to be sent again

	// words is a ring of bits, one for each counter, as in RFC 6479: counter c is
	// bit c%64 of word c/64. So a packet in order changes one word.
	words [historyWords]uint64

	// floors are the counters down to which the next acknowledgements report,
	// that of the latest acknowledgement first: the largest counters of those
	// sent, lowered to late packets. Counters below floors[ackRepeats-1] have
	// been reported often enough and are left out of the bitmap.
	floors [ackRepeats]uint64
}

const (
	// historyWords is one more than an acknowledgement covers, because the newest
	// word is seldom full.
	historyWords = wire.AckBits/64 + 1
	// ackRepeats is how often each packet is reported: only if as many successive
	// acknowledgements are lost is a received packet considered lost.
	ackRepeats = 4
)

// Record adds a received packet. The replay window ensures that each counter comes
// only once.
func (h *History) Record(counter uint64, now pipeline.Time, eliciting bool) {
	switch {
	case !h.any:
		h.any, h.largest, h.largestAt = true, counter, now
		h.set(counter)
	case counter > h.largest:
		h.slide(counter)
		h.largest, h.largestAt = counter, now
		h.set(counter)
	case counter < h.largest:
		if h.largest-counter <= wire.AckBits {
			h.set(counter)
		}
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

func (h *History) set(counter uint64) { h.words[counter/64%historyWords] |= 1 << (counter % 64) }

// slide clears the words that are reused for the new largest counter.
func (h *History) slide(largest uint64) {
	from, to := h.largest/64, largest/64
	if to-from >= historyWords {
		h.words = [historyWords]uint64{}
		return
	}
	for i := from + 1; i <= to; i++ {
		h.words[i%historyWords] = 0
	}
}

// Pending returns how many ack-eliciting packets are not acknowledged, and when the
// first of them arrived.
func (h *History) Pending() (n int, since pipeline.Time) { return int(h.pending), h.since }

// owed reports whether ack-eliciting packets are not acknowledged.
func (h *History) owed() bool { return h.pending > 0 }

// repeating reports whether all are acknowledged, but in fewer than ackRepeats
// acknowledgements.
func (h *History) repeating() bool { return h.pending == 0 && h.repeats > 0 }

// Fill writes the acknowledgement into a and reports whether any packet has been
// received. Epoch and Reliable are the caller's.
func (h *History) Fill(a *wire.Ack, now pipeline.Time) bool {
	if !h.any {
		return false
	}
	a.Largest = h.largest
	a.Delay = uint16(min(time.Duration(now-h.largestAt)/wire.AckDelayUnit, 1<<16-1))
	a.Bitmap = wire.AckBitmap{}
	depth := min(h.largest-min(h.floors[ackRepeats-1], h.largest), wire.AckBits)
	for i := uint64(0); i < depth; i += 64 {
		a.Bitmap[i/64] = h.below(h.largest - i)
		if rest := depth - i; rest < 64 {
			a.Bitmap[i/64] &= 1<<rest - 1
		}
	}
	return true
}

// below returns the bits of the 64 counters below c, which is above zero: bit i is
// counter c-1-i.
func (h *History) below(c uint64) uint64 {
	c--
	shift := 63 - c%64
	v := h.words[c/64%historyWords] << shift
	if shift > 0 && c >= 64 {
		v |= h.words[(c/64-1)%historyWords] >> (64 - shift)
	}
	return bits.Reverse64(v)
}

// Acknowledged records that the acknowledgement from Fill was sent.
func (h *History) Acknowledged() {
	copy(h.floors[1:], h.floors[:])
	h.floors[0] = h.largest
	if h.pending > 0 {
		h.pending, h.repeats = 0, ackRepeats-1
	} else if h.repeats > 0 {
		h.repeats--
	}
}
