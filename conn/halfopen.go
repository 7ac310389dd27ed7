package conn

import (
	"context"
	"net/netip"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// halfOpen is an incomplete handshake that this side answers.
type halfOpen struct {
	key         initKey
	local       netip.Addr // at which message 1 was received
	index       pipeline.ID
	suite       wire.Suite
	dialerIndex uint32
	since       pipeline.Time // when it began, or message 2 was sent
	machine     *noise.Responder
	response    []byte     // the packet, once it is made
	finals      candidates // for message 3
	tries       int        // how many of finals the admission still covers
	busy        bool       // a job has the machine
	gone        bool
	timer       timer
	ctx         context.Context // of Authorize; nil before the first message 3
	end         context.CancelFunc

	seat seat[*halfOpen] // among those of its address
}

// working reports whether a job has the handshake or will have it next.
func (half *halfOpen) working() bool {
	return half.busy || half.tries > 0 && len(half.finals.waiting) > 0
}

// initKey identifies a message 1, to tell a repeated one from a new one. It covers
// the whole message except the cookie; the rest is constant. The ephemeral key
// alone would not suffice: an observer could put it into a message of its own, and
// the dialer would get the answer to that one.
type initKey struct {
	addr      netip.AddrPort
	suite     wire.Suite
	sender    uint32
	ephemeral [32]byte
}

// halfOpens is the bounded table of the handshakes that this side answers. All of
// its methods take constant time.
type halfOpens struct {
	byInit  map[initKey]*halfOpen
	holders holders[*halfOpen]
	orphans int // finished handshakes whose job is still running

	// completed has the ephemeral keys of the latest completed handshakes, so that
	// a replayed message 1 gets no second slot. Its cookie expires after 125 s
	// anyway. Here the key suffices: only the owner of its private half completes
	// a handshake.
	completed map[[32]byte]struct{}
	ring      [completedInits][32]byte
	ringNext  int
}

func (h *halfOpens) init() {
	h.byInit = make(map[initKey]*halfOpen)
	h.holders.init()
	h.completed = make(map[[32]byte]struct{})
}

func (h *halfOpens) len() int { return len(h.byInit) }

// held returns how many handshakes the address has in flight.
func (h *halfOpens) held(src netip.Addr) int { return h.holders.count(src) }

func (h *halfOpens) add(half *halfOpen) {
	h.byInit[half.key] = half
	h.holders.add(source(half.key.addr), &half.seat, half)
}

func (h *halfOpens) remove(half *halfOpen) {
	delete(h.byInit, half.key)
	h.holders.remove(&half.seat)
}

// complete remembers a completed handshake by its ephemeral key.
func (h *halfOpens) complete(ephemeral [32]byte) {
	delete(h.completed, h.ring[h.ringNext])
	h.ring[h.ringNext] = ephemeral
	h.ringNext = (h.ringNext + 1) % completedInits
	h.completed[ephemeral] = struct{}{}
}

// victim returns the handshake to evict for a newcomer whose address holds held
// handshakes: the oldest idle one of the address that holds the most, or nil if that
// is not more than held.
func (h *halfOpens) victim(held int) *halfOpen {
	if o := h.holders.most(held); o != nil {
		return oldestIdle(o)
	}
	return nil
}

// oldestIdle returns the oldest handshake of an address that the worker neither has nor
// will have next. It looks at a few: if these are all at work, the worker is late.
func oldestIdle(o *holder[*halfOpen]) *halfOpen {
	n := o.entries.Front()
	for range idleSearch {
		if n == nil || !n.Value.working() {
			break
		}
		n = n.Next()
	}
	if n == nil || n.Value.working() {
		return nil
	}
	return n.Value
}

// closeHalves ends all half-open handshakes.
func (e *Endpoint) closeHalves() {
	for o := e.halves.holders.most(0); o != nil; o = e.halves.holders.most(0) {
		e.dropHalf(o.entries.Front().Value, HandshakeTimedOut) // message 3 will not come
	}
}

// dropHalf ends a half-open handshake for the given outcome.
func (e *Endpoint) dropHalf(half *halfOpen, o Outcome) {
	if half.gone {
		return
	}
	e.count(o)
	e.endHalf(half)
	if half.busy {
		e.halves.orphans++
		return
	}
	e.epochIDs.give(half.index)
	half.machine.Wipe()
}

// endHalf removes a half-open handshake that has failed or become a session.
func (e *Endpoint) endHalf(half *halfOpen) {
	half.gone = true
	e.timers.Remove(&half.timer)
	e.halves.remove(half)
	e.pending.Close(half.index)
	if half.end != nil {
		half.end()
	}
}

func (half *halfOpen) timeout(e *Endpoint, _ pipeline.Time) { e.dropHalf(half, HandshakeTimedOut) }
