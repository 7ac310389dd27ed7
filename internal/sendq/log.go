package sendq

import (
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// What we chose: the limits of a batch. A log has two batches, which take less than 7 MiB
// together.
const (
	logMessages = 4096
	logBytes    = 2 << 20 // of frames
	logReaders  = 8192
	logWords    = 1 << 17 // of the sets of readers, 8 bytes each
)

// Log holds Realtime and Latest messages for several queues at once. A message is
// written once, as the frame that goes into packets, with the set of its readers. The
// loop copies it from there into the packet of each, so a broadcast costs a bit for each
// reader instead of an entry in its queue, under its lock.
//
// A batch of the log is read completely before the next one. A message that cannot be sent
// to a reader at once goes into its queue (see [Queue.Spill]), where it is kept, displaced and
// counted like all others. A log that is full accepts nothing; its callers push to the
// queues instead.
//
// Messages in the log and in a queue have an order: each queued message carries the
// number of messages that had been written to the log before it.
//
// Any goroutine may call Begin, To, End and Pending. The other methods are the loop's.
type Log struct {
	head  atomic.Uint64 // messages written so far
	taken atomic.Uint64 // those of them in batches that Next has returned

	mu      sync.Mutex // held from Begin to End
	filling *batch
	closed  bool
	entry   entry // the message that is being written
	older   int   // index of the newest message of its Latest channel, or -1
	reached bool  // it has a reader

	reading *batch // the loop's
	left    int    // readers of reading that have not finished
}

// batch is what was written between two calls of Next.
type batch struct {
	first   uint64 // number of entries[0] among all messages of the log
	entries []entry
	data    []byte         // the frames, one after the other
	words   []uint64       // the sets of readers, a bit for each slot
	latest  map[uint32]int // index of the newest message of each Latest channel
	readers []reader       // by slot
}

// entry is one message.
type entry struct {
	// The frames are data[from:to]: an Origin, if the message has one, then the message at
	// frame, whose payload begins at payload.
	from, frame, payload, to int32
	firstWord, endWord       int32 // the set of readers in words
	channel                  uint32
	intent                   pipeline.Intent
	within                   uint32
	origin                   uint64
	shared                   *Payload // made for the first queue that needs it
}

// reader is a queue that messages of a batch are for.
type reader struct {
	q        *Queue
	replaced uint64 // messages for it that newer ones of the batch have superseded
}

// NewLog returns an empty log.
func NewLog() *Log {
	return &Log{filling: newBatch(), reading: newBatch()}
}

func newBatch() *batch { return &batch{latest: make(map[uint32]int)} }

// Begin begins the message m, of intent Realtime or Latest and without a Mark besides its
// Origin, and copies the payload. If it returns true, the caller calls To for each reader
// and then End. Otherwise the log is full or closed.
func (l *Log) Begin(m *Message) bool {
	l.mu.Lock()
	b, t := l.filling, wire.FrameType(m.Intent)
	size := wire.MessageSize(t, m.Channel, len(m.Payload))
	if m.Origin != 0 {
		size += wire.OriginSize(m.Within)
	}
	if l.closed || len(b.entries) == logMessages || len(b.data)+size > logBytes {
		l.mu.Unlock()
		return false
	}
	word := int32(len(b.words))
	l.entry = entry{
		from: int32(len(b.data)), firstWord: word, endWord: word,
		channel: m.Channel, intent: m.Intent, origin: m.Origin, within: m.Within,
	}
	if m.Origin != 0 {
		b.data = wire.AppendOrigin(b.data, m.Origin, m.Within)
	}
	l.entry.frame = int32(len(b.data))
	b.data = wire.AppendMessage(b.data, t, m.Channel, m.Payload)
	l.entry.to = int32(len(b.data))
	l.entry.payload = l.entry.to - int32(len(m.Payload))
	l.older, l.reached = -1, false
	if m.Intent == pipeline.Latest {
		if i, ok := b.latest[m.Channel]; ok {
			l.older = i
		}
	}
	return true
}

// To makes q a reader of the message. With another outcome than Queued and Replaced it has
// not, and the caller pushes the message to q instead, which says why if it refuses.
func (l *Log) To(q *Queue) Outcome {
	if !q.online.Load() || q.log != l {
		return Offline
	}
	b, e := l.filling, &l.entry
	if int(q.slot) >= len(b.readers) || b.readers[q.slot].q != q {
		if len(b.readers) == logReaders {
			return Full
		}
		q.slot = uint16(len(b.readers))
		b.readers = append(b.readers, reader{q: q})
	}
	word, bit := int32(q.slot)/64, uint64(1)<<(q.slot%64)
	if missing := e.firstWord + word + 1 - e.endWord; missing > 0 {
		if e.endWord+missing > logWords {
			return Full
		}
		b.words = append(b.words, zeros[:missing]...)
		e.endWord += missing
	}
	set := &b.words[e.firstWord+word]
	if *set&bit != 0 {
		return Full // it is to be sent twice
	}
	*set |= bit
	l.reached = true
	if l.older >= 0 {
		if older := &b.entries[l.older]; b.reads(q.slot, older) {
			b.words[older.firstWord+word] &^= bit
			b.readers[q.slot].replaced++
			return Replaced
		}
	}
	return Queued
}

var zeros [logReaders / 64]uint64

// End ends the message. wake is true if the caller must wake the loop.
func (l *Log) End() (wake bool) {
	defer l.mu.Unlock()
	b := l.filling
	if !l.reached {
		b.data, b.words = b.data[:l.entry.from], b.words[:l.entry.firstWord]
		return false
	}
	if l.entry.intent == pipeline.Latest {
		b.latest[l.entry.channel] = len(b.entries)
	}
	b.entries = append(b.entries, l.entry)
	l.head.Add(1)
	return len(b.entries) == 1
}

// Close has the log accept nothing more.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// written returns how many messages have been written to the log, zero without a log.
func (l *Log) written() uint64 {
	if l == nil {
		return 0
	}
	return l.head.Load()
}

// read returns how many of them are in batches that have been read or are being read.
func (l *Log) read() uint64 {
	if l == nil {
		return 0
	}
	return l.taken.Load()
}

// Pending reports whether there are messages that Next has not returned.
func (l *Log) Pending() bool { return l.head.Load() != l.taken.Load() }

// Next makes the messages written so far the batch to read, and reports whether there
// are any. Until all readers of the batch have finished, it returns false. The caller then
// has every reader finish, by [Queue.ReadLog] or [Queue.Spill].
func (l *Log) Next() bool {
	if l.left > 0 || !l.Pending() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading, l.filling = l.filling, l.reading
	b := l.reading
	l.left = len(b.readers)
	for slot := range b.readers {
		q := b.readers[slot].q
		q.reading, q.place, q.next = true, uint16(slot), 0
	}
	l.taken.Store(b.first + uint64(len(b.entries)))
	l.filling.reset(l.taken.Load())
	return true
}

// Readers returns the number of readers of the batch.
func (l *Log) Readers() int { return len(l.reading.readers) }

// Reader returns one of them.
func (l *Log) Reader(i int) *Queue { return l.reading.readers[i].q }

// reset empties a batch that has been read.
func (b *batch) reset(first uint64) {
	for i := range b.entries {
		if s := b.entries[i].shared; s != nil {
			s.Release(1)
		}
	}
	clear(b.entries)
	clear(b.readers)
	clear(b.latest)
	b.first, b.entries, b.data, b.words, b.readers = first, b.entries[:0], b.data[:0], b.words[:0], b.readers[:0]
}

// reads reports whether the reader in a slot reads e.
func (b *batch) reads(slot uint16, e *entry) bool {
	word := e.firstWord + int32(slot)/64
	return word < e.endWord && b.words[word]>>(slot%64)&1 != 0
}

// share returns the payload of e with one more share, for a queue.
func (b *batch) share(e *entry) *Payload {
	if e.shared == nil {
		e.shared = NewPayload(b.data[e.payload:e.to], 1) // released by reset
	}
	e.shared.shares.Add(1)
	return e.shared
}
