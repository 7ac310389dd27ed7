package sendq

import (
	"sync/atomic"

	"github.com/intentra/intentra/pipeline"
)

// Budget bounds the memory of all queues that share it.
//
// A queue may become larger only as long as it is no larger than what is left for all
// of them: the dynamic threshold of shared-memory switches (Choudhury and Hahne, 1998).
// So the largest queue is refused first, and as buffers double, what remains is at least
// what the one that grew last had before. A queue that may not grow drops its oldest
// State messages for newer ones, and refuses Reliable ones, as if it were full.
//
// Memory is that of buffers, which queues enlarge seldom, so a push usually costs no
// more than without a Budget. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int) *Budget { return &Budget{limit: int64(limit)} }

// Used returns how many bytes are in use.
func (b *Budget) Used() int { return int(b.used.Load()) }

// Share has the queue share b with others. It must be called before the queue is used.
// Without it the queue has only its own limits.
func (q *Queue) Share(b *Budget) { q.budget = b }

// itemSize is about the memory of a queued message without its payload: of an Item, and of
// its place in the map of Latest channels.
const itemSize = 88

// memory returns the size of the buffers of f in bytes, with each for every message.
func (f *fifo) memory(each int) int { return cap(f.items)*each + cap(f.data) }

// lent returns the bytes of queued payloads that other queues may share.
func (f *fifo) lent() int { return f.bytes - f.own }

// growth returns by how much f becomes larger if a message of n bytes is pushed. The
// message is shared, or has to be copied. Buffers are rounded up, so it may be up to an
// eighth more, for which there is room: a queue leaves as much as it has.
func (f *fifo) growth(each, n int, shared bool) (bytes int) {
	switch {
	case f == &none:
		bytes = firstItems*each + firstData
	case len(f.items) == cap(f.items) && (f.head < 32 || f.head < f.len()):
		bytes = max(cap(f.items), 1) * each
	}
	switch {
	case shared:
		bytes += n
	case f == &none && n <= firstData:
	case len(f.data)+n > cap(f.data) && (2*f.own > len(f.data) || f.own+n > cap(f.data)):
		bytes += cap(f.data) + n
	}
	return bytes + bytes/8 // append doubles a slice at most, and rounds its size up
}

// sizes returns the size of the queue's own buffers, and of queued payloads that other
// queues may share, in bytes.
func (q *Queue) sizes() (memory, lent int) {
	memory = q.state.memory(itemSize) + q.reliable.memory(itemSize)
	lent = q.state.lent() + q.reliable.lent()
	if q.rare == nil {
		return memory, lent
	}
	for _, reliable := range [...]bool{false, true} {
		for p := pipeline.Low; p <= pipeline.Urgent; p++ {
			if f := *q.fifo(reliable, p); p != pipeline.Normal {
				memory += f.memory(itemSize)
				lent += f.lent()
			}
		}
	}
	return memory, lent
}

// affords reports whether the budget lets the queue take m, with a shared payload or a
// copy.
func (q *Queue) affords(m *Message, shared *Payload) bool {
	if q.budget == nil {
		return true
	}
	f := *q.fifo(m.Intent == pipeline.Reliable, q.priorityOf(m))
	need := f.growth(itemSize, len(m.Payload), shared != nil)
	if need == 0 {
		return true
	}
	_, lent := q.sizes()
	return int64(int(q.charged)+lent+need) <= q.budget.limit-q.budget.used.Load()
}

// makeRoom displaces State messages until the budget lets the queue take m. It returns
// their number, and whether that is enough. An empty queue is refused a message only if
// its share is smaller than that.
func (q *Queue) makeRoom(m *Message, shared *Payload) (dropped int, ok bool) {
	for !q.affords(m, shared) {
		if q.stateLen() == 0 {
			return dropped, false
		}
		q.displace()
		dropped++
	}
	return dropped, true
}

// Displace drops n State messages, as the budget of the recorded queue made it do. It is
// for a replay, in whose steps the other queues may be different.
func (q *Queue) Displace(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range min(n, q.stateLen()) {
		q.displace()
	}
	q.publish()
}

// account charges the budget with what the buffers have become. The caller holds the
// lock.
func (q *Queue) account() {
	if q.budget == nil {
		return
	}
	memory, _ := q.sizes()
	if now := int32(memory); now != q.charged {
		q.budget.used.Add(int64(now - q.charged))
		q.charged = now
	}
}

// unshare releases the shared payloads of the queued messages. The caller then drops f.
func (f *fifo) unshare() {
	for i := f.head; i < len(f.items); i++ {
		if it := &f.items[i]; it.shared != nil {
			f.release(it)
		}
	}
}

// charge charges b with p, which the queues of one budget share. The last release
// returns that.
func (p *Payload) charge(b *Budget) {
	if b != nil && p.payer.Load() == nil && p.payer.CompareAndSwap(nil, b) {
		b.used.Add(int64(len(p.bytes)))
	}
}

// refund returns what charge has charged.
func (p *Payload) refund() {
	if b := p.payer.Swap(nil); b != nil {
		b.used.Add(-int64(len(p.bytes)))
	}
}
