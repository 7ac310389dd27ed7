// Package recvq holds received messages until the application takes them. Each
// peer has a [Queue] of bounded length, and a [Group] has the queues of all peers
// of a transport, so that a receiver can wait for one peer or for any.
//
// A slow receiver costs other peers nothing: of Realtime and Latest messages a
// full queue drops the oldest; Reliable messages it refuses, and their sender
// sends them again.
//
// One lock serves all queues of a group. It is held for one message, and never
// while a receiver waits.
package recvq

import (
	"context"
	"errors"
	"sync"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/pipeline"
)

// ErrClosed is returned by Receive when no message is left and none will come.
var ErrClosed = errors.New("recvq: closed")

// Message is a received message. The caller of Receive owns its payload.
type Message struct {
	Arrived pipeline.Time
	Channel uint32
	Intent  pipeline.Intent
	Payload []byte
}

// Group holds the receive queues of a transport, whose peers are of type P. Its
// methods may be called from any goroutine.
type Group[P any] struct {
	limit int
	done  chan struct{} // closed by Close
	// signal wakes one caller of Receive. It has room for one signal, which stays
	// until a receiver comes.
	signal chan struct{}

	mu      sync.Mutex
	turns   list.List[*Queue[P]] // the queues with messages, the next one first
	retired list.List[*Queue[P]] // retired queues with messages, oldest first
	closed  bool
	dropped uint64
}

// NewGroup returns a Group whose queues hold at most limit messages of Realtime
// and Latest together, and as many Reliable ones.
func NewGroup[P any](limit int) *Group[P] {
	return &Group[P]{limit: limit, done: make(chan struct{}), signal: make(chan struct{}, 1)}
}

// Receive waits for a message of any peer and returns it with that peer. Peers
// with messages take turns, a message each. The error is [ErrClosed] after Close,
// once all messages have been taken, or the cause of ctx.
func (g *Group[P]) Receive(ctx context.Context) (peer P, m Message, err error) {
	for {
		g.mu.Lock()
		if turn := g.turns.PopFront(); turn != nil {
			q := turn.Value
			m, _ = q.take() // a queue with a turn has a message
			if g.turns.Len() > 0 {
				wakeOne(g.signal) // another receiver, as one signal may stand for many messages
			}
			g.mu.Unlock()
			return q.peer, m, nil
		}
		closed := g.closed
		g.mu.Unlock()
		if closed {
			return peer, m, ErrClosed
		}
		select {
		case <-g.signal:
		case <-g.done:
		case <-ctx.Done():
			return peer, m, context.Cause(ctx)
		}
	}
}

// Close makes Receive, of the group and of its queues, return [ErrClosed] once
// the messages that are there have been taken. Call it once, after the last Push.
func (g *Group[P]) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	close(g.done)
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
