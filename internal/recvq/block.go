package recvq

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// What we chose.
const (
	// blockMessages and blockBytes end a block within a turn of the loop: as many
	// messages, or as many bytes of payload.
	blockMessages = 4096
	blockBytes    = 256 << 10
	// maxBlocks, maxInBlocks and maxBlockBytes limit the blocks that wait, their
	// messages, and their bytes of payload. Beyond them the reader has fallen behind.
	maxBlocks     = 64
	maxInBlocks   = 16384
	maxBlockBytes = 1 << 20
	// maxBlockAge is how long messages wait in blocks, where those of all peers are
	// in the order of their arrival, until peers are served round-robin. It is checked when
	// further messages arrive.
	maxBlockAge = pipeline.Time(5 * time.Millisecond)
	// maxSpare and maxSpareBytes limit the spare blocks, and their memory for
	// payloads in bytes.
	maxSpare      = 16
	maxSpareBytes = 1 << 20
)

// block holds the messages of a turn of the loop, of all peers, in the order in
// which they were pushed.
type block[P any] struct {
	entries []entry[P]
	payload []byte
	next    int // the first entry that may have a message
	left    int // messages
}

// entry is a message in a block.
type entry[P any] struct {
	queue     *Queue[P] // nil if the message is in the ring of its queue
	peer      P         // of the queue: a receiver does not touch what the loop writes
	arrived   pipeline.Time
	at, bytes uint32 // of its payload in that of the block
	channel   uint32
	intent    pipeline.Intent
}

// message returns the message of entry i. Its payload is valid until the block is
// reset and used again.
func (b *block[P]) message(i int) Message {
	e := &b.entries[i]
	return Message{
		Arrived: e.arrived, Channel: e.channel, Intent: e.intent,
		Payload: b.payload[e.at : e.at+e.bytes : e.at+e.bytes],
	}
}

// reset empties the block, and forgets the queues so that it does not keep them
// reachable.
func (b *block[P]) reset() {
	clear(b.entries)
	b.entries, b.payload, b.next = b.entries[:0], b.payload[:0], 0
	b.left = 0
}

// Push appends a copy of the message, which arrived at the time now. It is there
// for receivers after [Group.Publish]. If the queue is then full of Realtime and
// Latest messages, a further one replaces the oldest. Only the loop calls it.
//
// Reliable messages are always taken, so ask [Queue.HasRoom] before acknowledging
// one. Those that were held back by a gap have been acknowledged by the time the
// gap closes, and exceed the limit by as many as the sender's window allows.
func (q *Queue[P]) Push(now pipeline.Time, channel uint32, intent pipeline.Intent, payload []byte) {
	b := q.group.stage
	b.entries = append(b.entries, entry[P]{
		queue: q, peer: q.peer, arrived: now, at: uint32(len(b.payload)), bytes: uint32(len(payload)), channel: channel, intent: intent,
	})
	b.payload = append(b.payload, payload...)
	if intent == pipeline.Reliable {
		q.staged++
	}
	if len(b.entries) >= blockMessages || len(b.payload) >= blockBytes {
		q.group.Publish()
	}
}

// Publish hands over what has been pushed since the last call, and wakes receivers
// that wait for it. Only the loop calls it, once in a turn.
func (g *Group[P]) Publish() {
	if len(g.stage.entries) == 0 {
		return
	}
	g.mu.Lock()
	wake := g.publish()
	g.mu.Unlock() // before the receiver comes, which takes it
	if wake {
		wakeOne(g.signal)
	}
}

// publish is Publish for a caller that holds the lock, except that it only reports
// whether a receiver of messages of any peer is to be woken.
func (g *Group[P]) publish() (wake bool) {
	b := g.stage
	if len(b.entries) == 0 {
		return false
	}
	g.bytes += len(b.payload)
	if g.blocks.Len() == 0 {
		g.emptyings++
	}
	if g.blocks.Len() > 0 && b.entries[0].arrived-(*g.blocks.Front()).entries[0].arrived > maxBlockAge {
		g.settle()
	}
	for i := range b.entries {
		e := &b.entries[i]
		q := e.queue
		if e.intent == pipeline.Reliable {
			q.staged--
		}
		if state, _ := q.inBlocks(); state == g.limit && e.intent != pipeline.Reliable && !q.separate() {
			g.settle()
			g.move(b, i) // q has messages in its rings now, or all have been taken
		}
		if q.separate() {
			q.pushRing(b.message(i))
			e.queue = nil
			continue
		}
		state, reliable := q.inBlocks()
		if e.intent == pipeline.Reliable {
			reliable++
		} else {
			state++
		}
		q.emptyings, q.stateInBlocks, q.reliableInBlocks = g.emptyings, int32(state), int32(reliable)
		g.inBlocks++
		b.left++
	}
	if b.left == 0 {
		b.reset()
	} else {
		*g.blocks.Push() = b
		g.blockBytes += len(b.payload)
		g.stage = g.newBlock()
		if g.blocks.Len() > maxBlocks || g.inBlocks > maxInBlocks || g.blockBytes > maxBlockBytes {
			g.settle()
		}
	}
	return g.waiting > 0
}

// settle moves all messages in blocks to the rings of their queues. The caller
// holds the lock.
func (g *Group[P]) settle() {
	for g.blocks.Len() > 0 {
		b := *g.blocks.Front()
		g.move(b, len(b.entries))
		g.recycle()
	}
	g.emptyings++
}

// move moves the messages of a block that come before the given entry to the
// rings of their queues. The caller holds the lock.
func (g *Group[P]) move(b *block[P], before int) {
	for ; b.next < before; b.next++ {
		if q := b.entries[b.next].queue; q != nil {
			b.left--
			g.inBlocks--
			q.pushRing(b.message(b.next))
			b.entries[b.next].queue = nil
		}
	}
}

// takeBlock removes the oldest message in a block. The payload is valid until the
// lock is released, which the caller holds.
func (g *Group[P]) takeBlock() (peer P, m Message) {
	b := *g.blocks.Front()
	for b.entries[b.next].queue == nil {
		b.next++
	}
	peer, m = b.entries[b.next].peer, b.message(b.next)
	g.bytes -= len(m.Payload)
	g.inBlocks--
	b.left--
	b.next++
	if b.left == 0 {
		g.recycle()
	}
	return peer, m
}

// recycle removes the oldest block, which has no messages left.
func (g *Group[P]) recycle() {
	slot := g.blocks.Pop()
	b := *slot
	*slot = nil
	g.blockBytes -= len(b.payload)
	b.reset()
	if len(g.spare) < maxSpare && g.spareBytes+cap(b.payload) <= maxSpareBytes {
		g.spareBytes += cap(b.payload)
		g.spare = append(g.spare, b)
	}
}

// newBlock returns an empty block, a spare one if there is one.
func (g *Group[P]) newBlock() *block[P] {
	last := len(g.spare) - 1
	if last < 0 {
		return new(block[P])
	}
	b := g.spare[last]
	g.spare[last] = nil
	g.spare = g.spare[:last]
	g.spareBytes -= cap(b.payload)
	return b
}
