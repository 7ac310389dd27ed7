// Package recvq holds received messages until the application takes them. Each
// peer has a [Queue] of bounded length, and a [Group] has the queues of all peers
// of a transport, so that a receiver can wait for one peer or for any.
//
// The event loop gathers what a turn brings in a block of its own and hands it
// over by pointer, with one lock and at most one wake-up. A reader that keeps up takes the
// messages from the blocks, without a lock that the loop needs. Messages that have to
// wait, because their peer is read separately or the reader has fallen behind, are moved
// to the ring of their peer. That costs another copy, and changes neither the order of a
// peer's messages nor any limit.
//
// A slow receiver costs other peers nothing: of Realtime and Latest messages a
// full queue drops the oldest; Reliable messages it refuses, and their sender
// sends them again.
package recvq

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/internal/ring"
	"github.com/intentra/intentra/pipeline"
)

// ErrClosed is returned by Receive when no message is left and none will come.
var ErrClosed = errors.New("recvq: closed")

// Message is a received message.
type Message struct {
	Arrived time.Time
	Channel uint32
	Intent  pipeline.Intent
	Payload []byte
	Age     Age
}

// Age is how old a message was when it arrived, and how far that may be from the truth.
type Age struct {
	Known       bool
	Age, Within time.Duration
}

// Group holds the receive queues of a transport, whose peers are of type P. The
// event loop alone calls Publish, Close, and the methods of a [Queue] that say so.
// The other methods may be called from any goroutine.
type Group[P any] struct {
	limit  int
	timeOf func(pipeline.Time) time.Time
	done   chan struct{} // closed by Close
	// signal wakes one receiver of messages of any peer. It has room for one signal,
	// which stays until a receiver comes.
	signal chan struct{}

	// Only the loop uses these.
	stage       *block[P] // messages that are not published yet
	emptyings   uint64    // how often no block was left, or waited when a stage was begun; see Queue
	unannounced int       // messages published since a receiver was woken

	// read is held by receivers while they take messages, and before mu. The loop takes
	// it only to move messages from blocks to rings: it does not wait for a receiver
	// that keeps up.
	read      sync.Mutex
	front     *block[P] // the oldest block if a receiver has begun it, with messages
	ringsNext bool      // the last message taken for any peer was from a block
	owned     []byte    // for payloads handed to their owners; see own
	rest      int       // bytes of payloads that wait with the message being taken, and its own

	mu         sync.Mutex
	blocks     ring.Ring[*block[P]] // published, with messages, oldest first
	spare      []*block[P]
	inBlocks   int                  // messages in blocks, or taken from a block with others
	blockBytes int                  // payload bytes of those in blocks, taken or not
	spareBytes int                  // capacity for payload bytes of the spare blocks
	turns      list.List[*Queue[P]] // the queues with messages in their rings, the next one first
	apart      int                  // queues that are read separately
	retired    list.List[*Queue[P]] // retired queues with messages, oldest first
	ringBytes  int                  // payload bytes of all messages in rings
	closed     bool
	dropped    uint64

	// For readers without mu: the numbers of blocks and of turns, and the receivers that
	// wait for signal.
	published, ringed, waiting atomic.Int32
}

// NewGroup returns a Group whose queues hold at most limit messages of Realtime
// and Latest together, and as many Reliable ones. timeOf translates times of the loop,
// and is called by Push.
func NewGroup[P any](limit int, timeOf func(pipeline.Time) time.Time) *Group[P] {
	return &Group[P]{limit: limit, timeOf: timeOf, done: make(chan struct{}), signal: make(chan struct{}, 1), stage: new(block[P])}
}

// Close makes receivers, of the group and of its queues, return [ErrClosed] once
// the messages that are there have been taken. Call it once, after the last Push.
func (g *Group[P]) Close() {
	g.Publish(false)
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	close(g.done)
}

// unlock unlocks mu after blocks or turns have changed.
func (g *Group[P]) unlock() {
	if n := int32(g.blocks.Len()); n != g.published.Load() {
		g.published.Store(n)
	}
	if n := int32(g.turns.Len()); n != g.ringed.Load() {
		g.ringed.Store(n)
	}
	g.mu.Unlock()
}

// Dropped returns the number of messages dropped from all queues: replaced by
// newer ones, or discarded with a retired queue.
func (g *Group[P]) Dropped() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dropped
}

// wakeOne leaves a signal, unless one is there already. It does nothing with a
// nil channel.
func wakeOne(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
