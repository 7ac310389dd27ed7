package conn

import (
	"net/netip"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// halfOpen is a handshake that we answer and that is not complete.
type halfOpen struct {
	key         initKey
	index       pipeline.ID
	suite       wire.Suite
	dialerIndex uint32
	began       pipeline.Time
	machine     *noise.Responder
	response    []byte     // the packet, once it has been made
	finals      candidates // for message 3
	tries       int        // of them that are still covered by what has been admitted
	busy        bool       // a job has the machine
	gone        bool
	timer       timer

	holder *holder              // the address that it is from
	place  list.Node[*halfOpen] // among the handshakes of that
	seat   int                  // there, too
}

// initKey tells a message 1 that comes again from a new one. It stands for all
// of it but the cookie: what is not in it is the same in each that is answered.
// The ephemeral key alone would not do: whoever sees it can put it into a message
// of his own, and the dialer would get the answer to that.
type initKey struct {
	addr      netip.AddrPort
	suite     wire.Suite
	sender    uint32
	ephemeral [32]byte
}

// halfOpens is the bounded table of handshakes in flight that we answer. All
// of its methods take the same time, however many there are.
type halfOpens struct {
	byInit  map[initKey]*halfOpen
	holders holders
	orphans int // those that are over, but a job has them still

	// completed remembers the ephemeral keys of the latest handshakes that
	// are over, so that a replayed message 1 gets no second slot. Its cookie
	// stops working after 125 s anyway. Here the key is enough: only who has
	// its private half completes a handshake.
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

// complete remembers that a handshake is over.
func (h *halfOpens) complete(ephemeral [32]byte) {
	delete(h.completed, h.ring[h.ringNext])
	h.ring[h.ringNext] = ephemeral
	h.ringNext = (h.ringNext + 1) % completedInits
	h.completed[ephemeral] = struct{}{}
}

// victim returns what makes room for a newcomer whose address holds as many as
// held: the oldest handshake of an address that holds the most, if that is more.
func (h *halfOpens) victim(held int) *halfOpen { return h.holders.oldest(held) }

// closeHalves ends all half-open handshakes.
func (e *Endpoint) closeHalves() {
	for half := e.halves.victim(0); half != nil; half = e.halves.victim(0) {
		e.dropHalf(half, HandshakeTimedOut) // message 3 will not come any more
	}
}

// dropHalf ends a half-open handshake for the given outcome.
func (e *Endpoint) dropHalf(half *halfOpen, o Outcome) {
	if half.gone {
		return
	}
	half.gone = true
	e.count(o)
	e.timers.stop(&half.timer)
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
