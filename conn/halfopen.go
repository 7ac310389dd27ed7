package conn

import (
	"net/netip"

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
	machine     *noise.Responder
	response    []byte   // the packet, once it has been made
	finals      [][]byte // message 3 candidates that wait for the worker
	busy        bool     // a job has the machine
	failures    int
	gone        bool
	timer       timer
}

// initKey tells a message 1 that comes again from a new one. The ephemeral key
// is as good as the whole: nobody else can use it.
type initKey struct {
	addr      netip.AddrPort
	ephemeral [32]byte
}

// halfOpens is the bounded table of handshakes in flight that we answer.
type halfOpens struct {
	byInit    map[initKey]*halfOpen
	order     []*halfOpen // oldest first
	perSource map[netip.Addr]int

	// completed remembers the ephemeral keys of the latest handshakes that
	// are over, so that a replayed message 1 gets no second slot. Its cookie
	// stops working after 125 s anyway.
	completed map[[32]byte]struct{}
	ring      [completedInits][32]byte
	ringNext  int
}

func (h *halfOpens) init() {
	h.byInit = make(map[initKey]*halfOpen)
	h.perSource = make(map[netip.Addr]int)
	h.completed = make(map[[32]byte]struct{})
}

func (h *halfOpens) len() int { return len(h.order) }

func (h *halfOpens) add(half *halfOpen) {
	h.byInit[half.key] = half
	h.order = append(h.order, half)
	h.perSource[source(half.key.addr)]++
}

func (h *halfOpens) remove(half *halfOpen) {
	delete(h.byInit, half.key)
	for i, o := range h.order {
		if o == half {
			h.order = append(h.order[:i], h.order[i+1:]...)
			break
		}
	}
	src := source(half.key.addr)
	if h.perSource[src]--; h.perSource[src] <= 0 {
		delete(h.perSource, src)
	}
}

// complete remembers that a handshake is over.
func (h *halfOpens) complete(ephemeral [32]byte) {
	delete(h.completed, h.ring[h.ringNext])
	h.ring[h.ringNext] = ephemeral
	h.ringNext = (h.ringNext + 1) % completedInits
	h.completed[ephemeral] = struct{}{}
}

// victim returns the oldest handshake of the address that holds the most, if
// that is more than the newcomer's address holds.
func (h *halfOpens) victim(newcomer netip.Addr) *halfOpen {
	most := h.perSource[newcomer]
	var victim *halfOpen
	for _, o := range h.order {
		if n := h.perSource[source(o.key.addr)]; n > most {
			most, victim = n, o
		}
	}
	return victim
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
	if !half.busy {
		e.epochIDs.give(half.index)
	}
}

func (half *halfOpen) timeout(e *Endpoint, _ pipeline.Time) { e.dropHalf(half, HandshakeTimedOut) }
