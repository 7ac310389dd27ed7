package recvq

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// What we chose.
const (
	// maxBlocks, maxInBlocks and maxBlockBytes limit the blocks that wait, their
	// messages, and their bytes of payload. Beyond them the reader has fallen behind.
	// The reader of a busy machine may not run for 10 or 20 ms, in which it has not.
	maxBlocks     = 1024
	maxInBlocks   = 64 << 10
	maxBlockBytes = 8 << 20
	// maxBlockAge is how long messages wait in blocks, where those of all peers are
	// in the order of their arrival, until peers are served round-robin. It is checked when
	// further messages arrive.
	maxBlockAge = pipeline.Time(25 * time.Millisecond)
	// announceAt is after how many messages Publish wakes a receiver although
	// more are coming.
	announceAt = 1024
)

// Publish hands over what has been pushed since the last call, and wakes a receiver
// that waits for it. If more is true it may leave that to the next call, so that a
// busy loop wakes receivers less often; the caller then makes that call without
// waiting for anything. Only the loop calls it, once in a turn.
func (g *Group[P]) Publish(more bool) {
	if len(g.stage.entries) > 0 {
		g.mu.Lock()
		behind := g.publish()
		g.unlock()
		if behind > 0 && g.read.TryLock() {
			g.settleLocked()
		} else if behind > 1 {
			g.settle()
		}
	}
	if g.unannounced == 0 || more && g.unannounced < announceAt {
		return
	}
	g.unannounced = 0
	if g.waiting.Load() > 0 {
		wakeOne(g.signal)
	}
}

// publish hands over the stage, and returns by how much the reader has fallen behind:
// zero, one if the messages in blocks are to be moved to the rings as soon as no receiver
// is in the way, or more if that cannot wait. The caller holds mu.
func (g *Group[P]) publish() (behind int) {
	b := g.stage
	if len(b.entries) == 0 {
		return 0
	}
	g.unannounced += len(b.entries)
	b.left = len(b.entries)
	if g.turns.Len() > 0 || g.apart > 0 {
		g.divert(b)
	}
	if b.left == 0 {
		b.reset()
		return 0
	}
	b.held = b.left
	*g.blocks.Push() = b
	g.inBlocks += b.held
	g.blockBytes += len(b.payload)
	g.stage = g.newBlock()
	age := b.first - (*g.blocks.Front()).first
	return max(g.blocks.Len()/(maxBlocks+1), g.inBlocks/(maxInBlocks+1), g.blockBytes/(maxBlockBytes+1), int(min(age/(maxBlockAge+1), 1)))
}

// divert moves messages of the stage to the rings of their queues, if those receive
// messages there. The caller holds mu.
func (g *Group[P]) divert(b *block[P]) {
	for i := range b.entries {
		e := &b.entries[i]
		q := e.queue
		if !q.separate() {
			continue
		}
		q.pushRing(b.message(e))
		e.queue = nil
		b.left--
		if e.intent == pipeline.Reliable {
			q.reliableInBlocks--
		} else {
			q.stateInBlocks--
		}
	}
}

// settle moves all messages in blocks, and those that are not published yet, to the
// rings of their queues. Only the loop calls it.
func (g *Group[P]) settle() {
	g.read.Lock()
	g.settleLocked()
}

// settleLocked is settle for a caller that holds read, which it unlocks.
func (g *Group[P]) settleLocked() {
	g.mu.Lock()
	g.publish()
	g.moveAll()
	g.emptyings++ // no message is left in a block
	g.unlock()
	g.read.Unlock()
}

// moveAll moves all messages in blocks to the rings of their queues. The caller holds
// read and mu.
func (g *Group[P]) moveAll() {
	for g.blocks.Len() > 0 {
		b := *g.blocks.Front()
		for b.left > 0 {
			e := b.pop()
			e.queue.pushRing(b.message(e))
		}
		g.recycle()
	}
	g.front = nil
}

// recycle removes the oldest block, which has no messages left. The caller holds read
// and mu.
func (g *Group[P]) recycle() {
	slot := g.blocks.Pop()
	b := *slot
	*slot = nil
	g.inBlocks -= b.held
	g.blockBytes -= len(b.payload)
	b.reset()
	if len(g.spare) < maxSpare && g.spareBytes+cap(b.payload) <= maxSpareBytes {
		g.spareBytes += cap(b.payload)
		g.spare = append(g.spare, b)
	}
}

// newBlock returns an empty block, a spare one if there is one. The caller holds mu.
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
