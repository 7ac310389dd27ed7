package sendq

import "github.com/intentra/intentra/pipeline"

// fifo is a queue of messages with their payloads in one buffer. Positions
// count from the first message ever pushed. The zero value is ready to use;
// what it has grown to it keeps until it is emptied at more than keepBytes.
type fifo struct {
	items []item
	head  int    // first live element of items
	first uint64 // position of items[head]
	data  []byte
	bytes int // payload bytes of live messages
	dead  int // messages among the items that have been killed
}

type item struct {
	channel  uint32
	intent   pipeline.Intent
	dead     bool
	from, to int // payload in data
}

// keepBytes is the buffer that an empty queue may keep for the next burst.
const keepBytes = 16 << 10

// len returns the number of live messages.
func (f *fifo) len() int { return len(f.items) - f.head - f.dead }

func (f *fifo) push(it item, payload []byte) (position uint64) {
	f.compact()
	it.from = len(f.data)
	f.data = append(f.data, payload...)
	it.to = len(f.data)
	f.items = append(f.items, it)
	f.bytes += len(payload)
	return f.first + uint64(len(f.items)-f.head-1)
}

// compact moves the live part to the front once more than half is gone, so the
// cost of moving is constant for each message.
func (f *fifo) compact() {
	if f.head == 0 || f.head < len(f.items)-f.head || f.head < 32 {
		return
	}
	from := len(f.data)
	if f.head < len(f.items) {
		from = f.items[f.head].from
	}
	n := copy(f.data, f.data[from:])
	f.data = f.data[:n]
	n = copy(f.items, f.items[f.head:])
	f.items = f.items[:n]
	f.head = 0
	for i := range f.items {
		f.items[i].from -= from
		f.items[i].to -= from
	}
}

// front returns the oldest live message. There must be one.
func (f *fifo) front() (it *item, position uint64) {
	for f.items[f.head].dead {
		f.dead--
		f.step()
	}
	return &f.items[f.head], f.first
}

func (f *fifo) payload(it *item) []byte { return f.data[it.from:it.to:it.to] }

// pop removes the message that front has returned.
func (f *fifo) pop() {
	f.bytes -= f.items[f.head].to - f.items[f.head].from
	f.step()
	if f.len() == 0 {
		f.reset()
	}
}

func (f *fifo) step() {
	f.head++
	f.first++
}

// reset empties the queue; positions go on.
func (f *fifo) reset() {
	next := f.first + uint64(len(f.items)-f.head)
	items, data := f.items[:0], f.data[:0]
	if cap(data) > keepBytes {
		items, data = nil, nil
	}
	*f = fifo{items: items, data: data, first: next}
}

// overwrite replaces the payload at a position by one of the same length.
func (f *fifo) overwrite(position uint64, payload []byte) bool {
	it := &f.items[f.head+int(position-f.first)]
	if it.to-it.from != len(payload) {
		return false
	}
	copy(f.data[it.from:it.to], payload)
	return true
}

// kill removes the message at a position.
func (f *fifo) kill(position uint64) {
	it := &f.items[f.head+int(position-f.first)]
	it.dead = true
	f.dead++
	f.bytes -= it.to - it.from
	if f.len() == 0 {
		f.reset()
	}
}

// killRealtime removes all Realtime messages and returns their number.
func (f *fifo) killRealtime() (n int) {
	for i := f.head; i < len(f.items); i++ {
		if it := &f.items[i]; it.intent == pipeline.Realtime && !it.dead {
			it.dead = true
			f.dead++
			f.bytes -= it.to - it.from
			n++
		}
	}
	if n > 0 && f.len() == 0 {
		f.reset()
	}
	return n
}
