package fragment

import (
	"math/bits"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/pipeline"
)

// units is how many units a Realtime or Latest message may have.
const units = 1024

// message is a message of which some fragments have arrived, or a Latest one that is
// complete, whose payload is nil: it is remembered so that a late copy of a fragment does
// not begin it again.
type message struct {
	place    list.Node[*message]
	holder   *Holder
	payload  []byte
	order    uint64
	channel  uint32
	intent   pipeline.Intent
	size     int
	have     int           // bytes of a Reliable message, units of another
	progress pipeline.Time // when the last new fragment arrived
	arrived  [units / 64]uint64
}

// remembered is the list of the complete messages, an intent that no message has.
const remembered = 0

// list returns the index of the list of the table that m is in: its intent, or
// remembered.
func (m *message) list() pipeline.Intent {
	if m.payload == nil {
		return remembered
	}
	return m.intent
}

// complete reports whether nothing of m is missing.
func (m *message) complete() bool {
	if m.intent == pipeline.Reliable {
		return m.have == m.size
	}
	return m.have == (m.size+Unit-1)/Unit
}

// mark records that the units of n bytes from offset on have arrived, and reports whether
// one of them is new.
func (m *message) mark(offset, n int) (fresh bool) {
	before := m.have
	for u, end := offset/Unit, (offset+n+Unit-1)/Unit; u < end; {
		in := min(64-u%64, end-u)
		mask := (^uint64(0) >> (64 - in)) << (u % 64)
		m.have += bits.OnesCount64(mask &^ m.arrived[u/64])
		m.arrived[u/64] |= mask
		u += in
	}
	return m.have > before
}

// Holder is the part of the table that belongs to one session. The zero value, with a
// Session, is ready to use.
type Holder struct {
	Session  pipeline.ID
	messages []*message // oldest first
	bytes    int        // of buffers, reserved ones included
	reserved int        // of those, without a message yet
}

// Empty reports whether h holds nothing.
func (h *Holder) Empty() bool { return len(h.messages) == 0 && h.bytes == 0 }

// Bytes returns the size of the buffers that h occupies, reserved ones included.
func (h *Holder) Bytes() int { return h.bytes }

// find returns the message that a fragment belongs to; of Reliable and Latest messages,
// of which a channel has one at a time, it returns that one, whatever its number.
func (h *Holder) find(intent pipeline.Intent, channel uint32, order uint64) *message {
	for i := len(h.messages) - 1; i >= 0; i-- {
		m := h.messages[i]
		if m.channel == channel && m.intent == intent && (intent != pipeline.Realtime || m.order == order) {
			return m
		}
	}
	return nil
}
