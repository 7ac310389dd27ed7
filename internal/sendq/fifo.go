package sendq

import (
	"slices"

	"github.com/intentra/intentra/pipeline"
)

// fifo is a queue of messages. Their payloads are in one buffer, except for shared
// payloads. A message is identified by its position, which counts all messages ever
// pushed. The zero value is ready to use. A fifo keeps its memory until trim.
//
// The buffer is at most about two and a half times as large as the largest total of
// payloads queued at once.
type fifo struct {
	items []Item
	head  int    // index of the first queued element of items
	first uint64 // position of items[head]
	data  []byte
	bytes int  // queued payload bytes
	own   int  // those of them in data; the rest of data is garbage
	moved bool // the payloads in data are not in the order of items
	used  bool // since the last trim
}

// Item is a queued message. It has 40 bytes, of which a queue may hold many.
type Item struct {
	Channel  uint32
	Intent   pipeline.Intent
	Priority pipeline.Priority // that with which it leaves
	// GivenUp means that the message is no longer to be sent, and that the receiver is
	// to be told that its channel has lost one. It has no payload.
	GivenUp  bool
	from, to uint32   // payload in data, unless shared is set
	shared   *Payload // payload shared between queues, or nil
	extra    *extra   // what most messages do not have; nil without any of it
	after    uint64   // messages of the log that come before it
}

// extra is what a message may carry in addition.
type extra struct {
	Mark
	next *extra // in the list of those to be used again
}

// Marked reports whether the message has a Mark.
func (it *Item) Marked() bool { return it.extra != nil }

// Mark returns the Mark of the message, the zero Mark if it has none.
func (it *Item) Mark() Mark {
	if it.extra == nil {
		return Mark{}
	}
	return it.extra.Mark
}

// What we chose: the size of the buffers of a new fifo, in messages and bytes.
const (
	firstItems = 4
	firstData  = 256
)

// firstFifo is a fifo with its first buffers: in one piece of memory, which of many
// queues is seldom in a near cache, they are fetched faster. It takes 512 bytes, and so
// begins with a line of a cache.
type firstFifo struct {
	data  [firstData]byte
	items [firstItems]Item
	fifo
}

// newFifo returns a fifo for messages with a priority. Of those of Normal a queue has
// only two.
func newFifo(p pipeline.Priority) *fifo {
	if p != pipeline.Normal {
		return new(fifo)
	}
	f := new(firstFifo)
	f.fifo.items, f.fifo.data = f.items[:0], f.data[:0]
	return &f.fifo
}

// vacant reports whether the buffers have room for a message of n bytes as they are.
func (f *fifo) vacant(n int, shared bool) bool {
	return len(f.items) < cap(f.items) && (shared || len(f.data)+n <= cap(f.data))
}

// len returns the number of messages.
func (f *fifo) len() int { return len(f.items) - f.head }

// push appends a message, without an extra, and returns it and its position.
func (f *fifo) push(channel uint32, intent pipeline.Intent, p pipeline.Priority, payload []byte, shared *Payload) (it *Item, position uint64) {
	// Moving the queued items to the front once half of items is unused takes
	// amortized constant time.
	if f.head >= 32 && f.head >= f.len() {
		f.items = f.items[:copy(f.items, f.items[f.head:])]
		f.head = 0
	}
	from, to := uint32(0), uint32(len(payload))
	if shared != nil {
		f.bytes += len(payload)
	} else {
		from, to = f.store(payload)
	}
	f.used = true
	if len(f.items) == cap(f.items) {
		f.items = slices.Grow(f.items, 1)
	}
	f.items = f.items[:len(f.items)+1]
	// Field by field: to copy an Item that was just made, the processor reads several
	// of its fields at once, and first waits until all writes before are in the cache,
	// such as that of the payload.
	it = &f.items[len(f.items)-1]
	it.Channel, it.Intent, it.Priority, it.GivenUp = channel, intent, p, false
	it.from, it.to, it.shared, it.extra, it.after = from, to, shared, nil, 0
	return it, f.first + uint64(f.len()-1)
}

// store copies payload into data.
func (f *fifo) store(payload []byte) (from, to uint32) {
	if len(f.data)+len(payload) > cap(f.data) && 2*f.own <= len(f.data) {
		f.sweep()
	}
	from = uint32(len(f.data))
	f.data = append(f.data, payload...)
	f.bytes += len(payload)
	f.own += len(payload)
	return from, uint32(len(f.data))
}

// sweep moves the queued payloads to the front of the buffer. It does so in place,
// unless they are out of order.
func (f *fifo) sweep() {
	to := f.data[:0]
	if f.moved {
		to, f.moved = make([]byte, 0, cap(f.data)), false
	}
	for i := f.head; i < len(f.items); i++ {
		it, from := &f.items[i], uint32(len(to))
		if it.shared != nil {
			continue
		}
		to = append(to, f.payload(it)...)
		it.from, it.to = from, uint32(len(to))
	}
	f.data = to
}

// at returns the message at a position, which must be queued.
func (f *fifo) at(position uint64) *Item { return &f.items[f.head+int(position-f.first)] }

// front returns the oldest message. The queue must not be empty.
func (f *fifo) front() *Item { return &f.items[f.head] }

// back returns the newest message. The queue must not be empty.
func (f *fifo) back() *Item { return &f.items[len(f.items)-1] }

func (f *fifo) payload(it *Item) []byte {
	if it.shared != nil {
		return it.shared.bytes[:it.to:it.to]
	}
	return f.data[it.from:it.to:it.to]
}

// release releases the payload of a message that leaves the queue.
func (f *fifo) release(it *Item) {
	f.bytes -= it.size()
	if it.shared == nil {
		f.own -= it.size()
		return
	}
	it.shared.Release(1)
	it.shared = nil
}

// pop removes the oldest message. The queue must not be empty.
func (f *fifo) pop() {
	f.release(f.front())
	f.skip(1)
}

// skip forgets the n oldest messages, whose payloads are released.
func (f *fifo) skip(n int) {
	f.head += n
	f.first += uint64(n)
	if f.len() == 0 {
		f.reset()
	}
}

func (it *Item) size() int { return int(it.to - it.from) }

// reset empties the buffers of an empty queue. Positions continue.
func (f *fifo) reset() {
	f.items, f.data, f.head, f.moved = f.items[:0], f.data[:0], 0, false
}

// trim frees the fifo if it has been empty since the last trim, and reports whether it
// is free.
func trim(slot **fifo) bool {
	f := *slot
	if f == &none {
		return true // shared by all empty queues, never written
	}
	idle := f.len() == 0 && !f.used
	f.used = false
	if idle {
		*slot = &none
	}
	return idle
}

// replace replaces the payload of the queued message it.
func (f *fifo) replace(it *Item, payload []byte, shared *Payload) {
	fits := it.shared == nil && len(payload) <= it.size()
	f.release(it)
	switch {
	case shared != nil:
		it.from, it.to, it.shared = 0, uint32(len(payload)), shared
		f.bytes += len(payload)
	case fits:
		it.to = it.from + uint32(copy(f.data[it.from:], payload))
		f.bytes += len(payload)
		f.own += len(payload)
	default:
		it.from, it.to = 0, 0 // so that store does not copy the old payload
		it.from, it.to = f.store(payload)
		f.moved = true
	}
}

// filter removes the messages for which keep returns false. keep may change the
// message. The positions of later messages change.
func (f *fifo) filter(keep func(it *Item) bool) {
	kept := f.items[:0]
	for i := f.head; i < len(f.items); i++ {
		it := &f.items[i]
		if keep(it) {
			kept = append(kept, *it)
		} else {
			f.release(it)
		}
	}
	f.items, f.head = kept, 0
	if f.len() == 0 {
		f.reset()
	}
}

// empty releases the payload of a message that stays in the queue without one.
func (f *fifo) empty(it *Item) {
	f.release(it)
	it.from, it.to = 0, 0
}
