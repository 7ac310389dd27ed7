package conn

import (
	"github.com/intentra/intentra/internal/heap"
	"github.com/intentra/intentra/pipeline"
)

// timer belongs to a session, a dial or a half-open handshake, which has it as a
// field and is its Value.
type timer = heap.Node[timeouter]

// timeouter owns a timer. Its method timeout is called when the timer fires, and may
// arm it again.
type timeouter interface {
	timeout(e *Endpoint, now pipeline.Time)
}

// timers holds the armed timers. Each owner has one timer and moves it lazily: to an
// earlier time at once, to a later one only when it fires and nothing is due. So
// postponing, the common case, costs nothing.
type timers struct{ heap.Heap[timeouter] }

// arm makes t fire at the given time, unless it is armed for an earlier one.
func (h *timers) arm(t *timer, at pipeline.Time) {
	if !t.Queued() || at < t.At() {
		h.Set(t, at, 0)
	}
}

// next returns the time of the earliest timer.
func (h *timers) next() (pipeline.Time, bool) {
	if t := h.First(); t != nil {
		return t.At(), true
	}
	return 0, false
}
