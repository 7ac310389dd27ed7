package sendq

import "github.com/intentra/intentra/pipeline"

// fifo is a queue of messages. Their payloads are in one buffer, except for shared
// payloads. A message is identified by its position, which counts all messages ever
// pushed. The zero value is ready to use. A fifo keeps its memory until trim.
//
// The buffer is at most about two and a half times as large as the largest total of
// payloads queued at once.
type fifo struct {
	items []item
	head  int    // index of the first queued element of items
	first uint64 // position of items[head]
	data  []byte
	bytes int  // queued payload bytes
	own   int  // those of them in data; the rest of data is garbage
	moved bool // the payloads in data are not in the order of items
	used  bool // since the last trim
}

type item struct {
	channel  uint32
	intent   pipeline.Intent
	from, to int      // payload in data, unless shared is set
	shared   *Payload // payload shared between queues, or nil
}

// len returns the number of messages.
func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) push(it item, payload []byte) (position uint64) {
	// Moving the queued items to the front once half of items is unused takes
	// amortized constant time.
	if f.head >= 32 && f.head >= f.len() {
		f.items = f.items[:copy(f.items, f.items[f.head:])]
		f.head = 0
	}
	if it.shared != nil {
		it.from, it.to = 0, len(payload)
		f.bytes += len(payload)
	} else {
		it.from, it.to = f.store(payload)
	}
	f.used = true
	f.items = append(f.items, it)
	return f.first + uint64(f.len()-1)
}

// store copies payload into data.
func (f *fifo) store(payload []byte) (from, to int) {
	if len(f.data)+len(payload) > cap(f.data) && 2*f.own <= len(f.data) {
		f.sweep()
	}
	from = len(f.data)
	f.data = append(f.data, payload...)
	f.bytes += len(payload)
	f.own += len(payload)
	return from, len(f.data)
}

// sweep moves the queued payloads to the front of the buffer. It does so in place,
// unless they are out of order.
func (f *fifo) sweep() {
	to := f.data[:0]
	if f.moved {
		to, f.moved = make([]byte, 0, cap(f.data)), false
	}
	for i := f.head; i < len(f.items); i++ {
		it, from := &f.items[i], len(to)
		if it.shared != nil {
			continue
		}
		to = append(to, f.payload(it)...)
		it.from, it.to = from, len(to)
	}
	f.data = to
}

// at returns the message at a position, which must be queued.
func (f *fifo) at(position uint64) *item { return &f.items[f.head+int(position-f.first)] }

// front returns the oldest message. The queue must not be empty.
func (f *fifo) front() *item { return &f.items[f.head] }

func (f *fifo) payload(it *item) []byte {
	if it.shared != nil {
		return it.shared.bytes[:it.to:it.to]
	}
	return f.data[it.from:it.to:it.to]
}

// release releases the payload of a message that leaves the queue.
func (f *fifo) release(it *item) {
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
	f.head++
	f.first++
	if f.len() == 0 {
		f.reset()
	}
}

func (it *item) size() int { return it.to - it.from }

// reset empties the buffers of an empty queue. Positions continue.
func (f *fifo) reset() {
	f.items, f.data, f.head, f.moved = f.items[:0], f.data[:0], 0, false
}

// trim frees the buffers if the queue has been empty since the last trim, and
// reports whether it did.
func (f *fifo) trim() bool {
	if f == &none {
		return true // shared by all empty queues, never written
	}
	idle := f.len() == 0 && !f.used
	f.used = false
	if idle {
		*f = fifo{first: f.first}
	}
	return idle
}

// replace replaces the payload of the queued message it.
func (f *fifo) replace(it *item, payload []byte, shared *Payload) {
	fits := it.shared == nil && len(payload) <= it.size()
	f.release(it)
	switch {
	case shared != nil:
		it.from, it.to, it.shared = 0, len(payload), shared
		f.bytes += len(payload)
	case fits:
		it.to = it.from + copy(f.data[it.from:], payload)
		f.bytes += len(payload)
		f.own += len(payload)
	default:
		it.from, it.to = 0, 0 // so that store does not copy the old payload
		it.from, it.to = f.store(payload)
		f.moved = true
	}
}

// removeRealtime removes all Realtime messages and returns their number. The
// positions of later messages change.
func (f *fifo) removeRealtime() (n int) {
	kept := f.items[:0]
	for _, it := range f.items[f.head:] {
		if it.intent != pipeline.Realtime {
			kept = append(kept, it)
			continue
		}
		f.release(&it)
		n++
	}
	f.items, f.head = kept, 0
	if f.len() == 0 {
		f.reset()
	}
	return n
}
