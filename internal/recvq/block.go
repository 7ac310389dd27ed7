package recvq

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// What we chose.
const (
	// blockMessages and blockBytes end a block: as many messages, or as many bytes of
	// payload. A larger message has a block of its own.
	blockMessages = 2048
	blockBytes    = 32 << 10
	// maxSpare and maxSpareBytes limit the spare blocks, and their memory for
	// payloads in bytes: what waits for a reader that falls behind now and then.
	maxSpare      = maxBlocks
	maxSpareBytes = maxBlockBytes
)

// block holds messages of a turn of the loop, of all peers, in the order in which
// they were pushed. The loop fills it and hands it over by pointer.
type block[P any] struct {
	entries []entry[P]
	payload []byte
	times   []arrival     // when messages arrived and how old they were, mostly one for all
	first   pipeline.Time // when the first one arrived
	last    pipeline.Time // when the last one arrived
	next    int           // the first entry that may have a message
	left    int           // messages
	held    int           // messages when it was published
}

// arrival is when messages arrived, and what Age they had.
type arrival struct {
	at  time.Time
	age Age
}

// entry is a message in a block.
type entry[P any] struct {
	queue     *Queue[P] // nil if the message is in the ring of its queue
	peer      P         // of the queue: a receiver does not touch what the loop writes
	at, bytes uint32    // of its payload in that of the block
	channel   uint32
	arrived   uint16 // in times
	intent    pipeline.Intent
}

// message returns the message of an entry of b. Its payload is valid until the block
// is reset and used again.
func (b *block[P]) message(e *entry[P]) Message {
	a := &b.times[e.arrived]
	return Message{
		Arrived: a.at, Age: a.age, Channel: e.channel, Intent: e.intent,
		Payload: b.payload[e.at : e.at+e.bytes : e.at+e.bytes],
	}
}

// pop removes the first message, of which there is one, and returns its entry.
func (b *block[P]) pop() *entry[P] {
	for b.entries[b.next].queue == nil {
		b.next++
	}
	e := &b.entries[b.next]
	b.next++
	b.left--
	return e
}

// full reports whether a message with a payload of n bytes belongs in another block.
func (b *block[P]) full(n int) bool {
	return len(b.entries) >= blockMessages || len(b.payload)+n > blockBytes && len(b.payload) > 0
}

// arriving has further messages arrive at the time now, which is at for users, with an age.
func (b *block[P]) arriving(now pipeline.Time, at time.Time, age Age) {
	if len(b.times) == 0 {
		b.first = now
	}
	b.last = now
	b.times = append(b.times, arrival{at, age})
}

// reset empties the block, and forgets the queues so that it does not keep them
// reachable.
func (b *block[P]) reset() {
	clear(b.entries)
	b.entries, b.payload, b.times, b.next, b.left = b.entries[:0], b.payload[:0], b.times[:0], 0, 0
}

// Push appends a copy of m, which arrived at the time now, whatever its Arrived. It is
// there for receivers after [Group.Publish]. If the queue is then full of Realtime and
// Latest messages, a further one replaces the oldest. Only the loop calls it.
//
// Reliable messages are always taken, so ask [Queue.HasRoom] before acknowledging
// one. Those that were held back by a gap have been acknowledged by the time the
// gap closes, and exceed the limit by as many as the sender's window allows.
func (q *Queue[P]) Push(now pipeline.Time, m Message) {
	g := q.group
	if g.stage.full(len(m.Payload)) {
		g.Publish(true)
	}
	if len(g.stage.entries) == 0 && g.published.Load() == 0 {
		g.emptyings++
	}
	state, reliable := q.inBlocks()
	if m.Intent == pipeline.Reliable {
		reliable++
	} else {
		if int(state) >= g.limit {
			// The oldest is to be dropped, so q has to have its messages in its rings.
			g.settle()
			state, reliable = 0, 0
		}
		state++
	}
	q.emptyings, q.stateInBlocks, q.reliableInBlocks = g.emptyings, state, reliable
	b := g.stage
	if n := len(b.times); n == 0 || b.last != now || b.times[n-1].age != m.Age {
		b.arriving(now, g.timeOf(now), m.Age)
	}
	b.entries = append(b.entries, entry[P]{
		queue: q, peer: q.peer, at: uint32(len(b.payload)), bytes: uint32(len(m.Payload)),
		channel: m.Channel, arrived: uint16(len(b.times) - 1), intent: m.Intent,
	})
	b.payload = append(b.payload, m.Payload...)
}
