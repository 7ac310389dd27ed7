package conn

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/pipeline"
)

// waiter is a dialer whose cookie is valid and whose handshake cannot begin yet. Its key
// is all that is needed to begin it, because the rest of message 1 is constant.
type waiter struct {
	key   initKey
	local netip.Addr         // where its latest Init arrived
	asked pipeline.Time      // when its latest Init came
	seat  seat[*waiter]      // in the line of its address
	place list.Node[*waiter] // in waiting.byAsked
}

// waiting holds the dialers that wait for a handshake to begin: a line for each address,
// first come, first served, and the lines are served round-robin. A dialer that does not repeat
// its Init within waitLife leaves. So those that only start handshakes delay the others
// of their address by waitLife at most, however many they are, and a dialer that goes on
// asking is reached.
//
// There are at most maxWaiting. At the cap a newcomer replaces the last in the longest
// line, if that remains at least as long as its own. Every method takes constant time.
type waiting struct {
	byInit  map[initKey]*waiter
	lines   holders[*waiter]
	turns   list.List[*holder[*waiter]] // the lines, that of the next turn first
	byAsked list.List[*waiter]          // the one that has not asked for longest first
	starved bool                        // they wait because no token is left for any address
	timer   timer
}

func (w *waiting) init() {
	w.byInit = make(map[initKey]*waiter)
	w.lines.init()
}

func (w *waiting) len() int { return len(w.byInit) }

// join adds a dialer and reports whether there was room. left is the one that had to
// leave for it, or nil.
func (w *waiting) join(key initKey, now pipeline.Time) (left *waiter, ok bool) {
	src := source(key.addr)
	if w.len() >= maxWaiting {
		longest := w.lines.most(w.lines.count(src) + 1)
		if longest == nil {
			return nil, false
		}
		left = longest.entries.Back().Value
		w.remove(left)
	}
	d := &waiter{key: key, asked: now}
	d.place.Value = d
	w.byInit[key] = d
	w.byAsked.PushBack(&d.place)
	if line := w.lines.add(src, &d.seat, d); !w.turns.Contains(&line.turn) {
		w.turns.PushBack(&line.turn)
	}
	return left, true
}

// ask notes that the dialer has repeated its Init.
func (w *waiting) ask(d *waiter, now pipeline.Time) {
	d.asked = now
	w.byAsked.Remove(&d.place)
	w.byAsked.PushBack(&d.place)
}

func (w *waiting) remove(d *waiter) {
	delete(w.byInit, d.key)
	w.byAsked.Remove(&d.place)
	line := d.seat.holder
	w.lines.remove(&d.seat)
	if line.entries.Len() == 0 {
		w.turns.Remove(&line.turn)
	}
}

// expire returns a dialer that has not asked for waitLife, after removing it, or nil.
func (w *waiting) expire(now pipeline.Time) *waiter {
	first := w.byAsked.Front()
	if first == nil || now < later(first.Value.asked, waitLife) {
		return nil
	}
	w.remove(first.Value)
	return first.Value
}

// next returns the line whose turn it is, or nil, and moves it behind the others.
func (w *waiting) next() *holder[*waiter] {
	n := w.turns.PopFront()
	if n == nil {
		return nil
	}
	w.turns.PushBack(n)
	return n.Value
}

// await has a dialer wait for its turn and reports whether there was room.
func (e *Endpoint) await(key initKey, local netip.Addr, now pipeline.Time) bool {
	left, ok := e.waiting.join(key, now)
	if left != nil {
		e.count(HandshakeLeft)
	}
	if ok {
		e.waiting.byInit[key].local = local
		e.count(HandshakeWaiting)
		e.armWaiting(now)
	}
	return ok
}

// armWaiting sets the timer to the next time at which a token may be there.
func (e *Endpoint) armWaiting(now pipeline.Time) {
	token := time.Second / time.Duration(e.cfg.HandshakeRate)
	e.timers.arm(&e.waiting.timer, later(now, min(max(token, leastServe), mostServe)))
}

// timeout begins the handshakes whose turn has come.
func (w *waiting) timeout(e *Endpoint, now pipeline.Time) {
	for d := w.expire(now); d != nil; d = w.expire(now) {
		e.count(HandshakeLeft)
	}
	w.starved = false
	for refused := 0; refused < min(w.turns.Len(), mostTurns); {
		line := w.next()
		o, ok := e.mayBegin(line.addr, now)
		switch {
		case ok:
			refused = 0
			d := line.entries.Front().Value
			w.remove(d)
			if !e.answer(d.key, d.local, now) {
				e.count(HandshakeTable)
			}
		case o == HandshakeRate:
			w.starved, refused = true, mostTurns
		default:
			refused++
		}
	}
	if w.starved = w.starved && w.len() > 0; w.len() > 0 {
		e.armWaiting(now)
	}
}

// closeWaiting removes all that wait.
func (e *Endpoint) closeWaiting() {
	for e.waiting.byAsked.Len() > 0 {
		e.waiting.remove(e.waiting.byAsked.Front().Value)
		e.count(HandshakeLeft)
	}
	e.timers.Remove(&e.waiting.timer)
}
