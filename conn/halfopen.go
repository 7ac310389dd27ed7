package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// halfOpen is an incomplete handshake that this side answers.
type halfOpen struct {
	key         initKey
	index       pipeline.ID
	suite       wire.Suite
	dialerIndex uint32
	began       pipeline.Time
	machine     *noise.Responder
	response    []byte     // the packet, once it is made
	finals      candidates // for message 3
	tries       int        // how many of finals the admission still covers
	busy        bool       // a job has the machine
	gone        bool
	timer       timer

	holder *holder              // the address that it is from
	place  list.Node[*halfOpen] // in holder.halves
	seat   int                  // in holder.seats
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
	holders holders
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
	h.holders.add(half)
}

func (h *halfOpens) remove(half *halfOpen) {
	delete(h.byInit, half.key)
	h.holders.remove(half)
}

// complete remembers a completed handshake by its ephemeral key.
func (h *halfOpens) complete(ephemeral [32]byte) {
	delete(h.completed, h.ring[h.ringNext])
	h.ring[h.ringNext] = ephemeral
	h.ringNext = (h.ringNext + 1) % completedInits
	h.completed[ephemeral] = struct{}{}
}

// victim returns the handshake to evict for a newcomer whose address holds held
// handshakes: the oldest of the address that holds the most, or nil if that is not
// more than held.
func (h *halfOpens) victim(held int) *halfOpen { return h.holders.oldest(held) }

// closeHalves ends all half-open handshakes.
func (e *Endpoint) closeHalves() {
	for half := e.halves.victim(0); half != nil; half = e.halves.victim(0) {
		e.dropHalf(half, HandshakeTimedOut) // message 3 will not come
	}
}

// dropHalf ends a half-open handshake for the given outcome.
func (e *Endpoint) dropHalf(half *halfOpen, o Outcome) {
	if half.gone {
		return
	}
	half.gone = true
	e.count(o)
	e.timers.Remove(&half.timer)
	e.halves.remove(half)
	e.pending.Close(half.index)
	if half.busy {
		e.halves.orphans++
		return
	}
	e.epochIDs.give(half.index)
	half.machine.Wipe()
}

func (half *halfOpen) timeout(e *Endpoint, _ pipeline.Time) { e.dropHalf(half, HandshakeTimedOut) }
