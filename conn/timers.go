package conn

import "github.com/intentra/intentra/pipeline"

// timer is one entry of the heap. Sessions, dials and half-open handshakes
// embed one each.
type timer struct {
	at    pipeline.Time
	index int // position in the heap plus one; zero while not armed
	owner timeouter
}

// timeouter is called when its timer fires. It may arm the timer again.
type timeouter interface {
	timeout(e *Endpoint, now pipeline.Time)
}

// timers is a binary heap of the armed timers. Each owner has one timer and moves it
// lazily: to an earlier time at once, to a later one only when it fires and nothing
// is due. So postponing, the common case, costs nothing.
type timers []*timer

// arm makes t fire at the given time, or leaves it if it is to fire earlier.
func (h *timers) arm(t *timer, at pipeline.Time) {
	if t.index == 0 {
		t.at = at
		*h = append(*h, t)
		t.index = len(*h)
		h.up(t.index - 1)
		return
	}
	if at < t.at {
		t.at = at
		h.up(t.index - 1)
	}
}

// stop removes t from the heap, if it is armed.
func (h *timers) stop(t *timer) {
	if t.index == 0 {
		return
	}
	i, last := t.index-1, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	if i < last {
		h.down(i)
		h.up(i)
	}
}

// next returns the time of the earliest timer.
func (h timers) next() (pipeline.Time, bool) {
	if len(h) == 0 {
		return 0, false
	}
	return h[0].at, true
}

func (h timers) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			return
		}
		h.swap(i, child)
		i = child
	}
}
