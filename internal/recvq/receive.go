package recvq

import "context"

const (
	// atOnce is how many messages are taken while the lock is held, so that the loop
	// does not wait for long.
	atOnce = 64
	// ownedBytes is the size of the memory from which payloads are handed to their
	// owners.
	ownedBytes = 16 << 10
)

// Receive waits for a message of any peer and returns it with that peer. Peers
// whose messages have had to wait are served round-robin, a message each, in
// alternation with the messages in blocks. The caller owns the payload, but it may share
// its memory, 16 KiB at most, with others. The error is [ErrClosed] after Close,
// once all messages have been taken, or the cause of ctx.
func (g *Group[P]) Receive(ctx context.Context) (peer P, m Message, err error) {
	_, err = g.receive(ctx, nil, 1, func(_ int, p P, got Message) {
		got.Payload = g.own(got.Payload)
		peer, m = p, got
	})
	return peer, m, err
}

// ReceiveBatch waits for messages of any peer, like Receive, and calls put for each
// of at most most messages, with its number from 0. The payload is borrowed until
// put returns, which is called with the lock held. It returns the number of
// messages, at least one without an error.
func (g *Group[P]) ReceiveBatch(ctx context.Context, most int, put func(i int, peer P, m Message)) (int, error) {
	return g.receive(ctx, nil, most, put)
}

// Receive waits for a message of this peer. The caller owns the payload, as with
// [Group.Receive]. The error is [ErrClosed] once all messages have been taken and
// either the queue was ended or the group closed, or the cause of ctx.
func (q *Queue[P]) Receive(ctx context.Context) (m Message, err error) {
	_, err = q.group.receive(ctx, q, 1, func(_ int, _ P, got Message) {
		got.Payload = q.group.own(got.Payload)
		m = got
	})
	return m, err
}

// ReceiveBatch is [Group.ReceiveBatch] for the messages of this peer.
func (q *Queue[P]) ReceiveBatch(ctx context.Context, most int, put func(i int, peer P, m Message)) (int, error) {
	return q.group.receive(ctx, q, most, put)
}

// receive implements ReceiveBatch, for any peer if q is nil. With most below 1 it
// returns at once.
func (g *Group[P]) receive(ctx context.Context, q *Queue[P], most int, put func(i int, peer P, m Message)) (int, error) {
	if most < 1 {
		return 0, nil
	}
	for {
		n, signal, closed := g.takeAll(q, most, put)
		if n > 0 {
			return n, nil
		}
		if closed {
			return 0, ErrClosed
		}
		var err error
		select {
		case <-signal:
		case <-g.done:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if q == nil {
			g.mu.Lock()
			g.waiting--
			g.mu.Unlock()
		}
		if err != nil {
			return 0, err
		}
	}
}

// takeAll passes the messages that are there to put, and returns their number. If
// no message is there, it returns the signal to wait for, or reports that nothing will
// come.
func (g *Group[P]) takeAll(q *Queue[P], most int, put func(i int, peer P, m Message)) (n int, signal chan struct{}, closed bool) {
	for n < most {
		g.mu.Lock()
		next := g.take(q, n, min(most, n+atOnce), put)
		if next == 0 {
			signal, closed = g.await(q)
		}
		g.mu.Unlock()
		if next == n {
			break
		}
		n = next
	}
	return n, signal, closed
}

// take passes messages to put while there are any, with the numbers from n to
// below end, and returns the next number. The caller holds the lock.
func (g *Group[P]) take(q *Queue[P], n, end int, put func(i int, peer P, m Message)) int {
	if q != nil {
		q.readSeparately()
		for ; n < end; n++ {
			m, ok := q.takeRing()
			if !ok {
				return n
			}
			put(n, q.peer, m)
		}
		if q.inRings > 0 {
			wakeOne(q.signal) // another receiver, as one signal may announce many messages
		}
		return n
	}
	for ; n < end; n++ {
		switch {
		case g.inBlocks > 0 && (!g.ringsNext || g.turns.Len() == 0):
			g.ringsNext = true
			peer, m := g.takeBlock()
			put(n, peer, m)
		case g.turns.Len() > 0:
			g.ringsNext = false
			from := g.turns.PopFront().Value
			m, _ := from.takeRing() // a queue with a turn has a message
			put(n, from.peer, m)
		default:
			return n
		}
	}
	if g.waiting > 0 && (g.inBlocks > 0 || g.turns.Len() > 0) {
		wakeOne(g.signal)
	}
	return n
}

// await prepares a receiver that has found nothing to wait, and reports whether
// nothing will come. The caller holds the lock.
func (g *Group[P]) await(q *Queue[P]) (signal chan struct{}, closed bool) {
	if q != nil {
		if g.closed || q.ended {
			wakeOne(q.signal) // the next of several receivers
			return nil, true
		}
		return q.signal, false
	}
	if g.closed {
		return nil, true
	}
	g.waiting++
	return g.signal, false
}

// readSeparately has the messages of this peer go to its rings from now on. The
// caller holds the lock.
func (q *Queue[P]) readSeparately() {
	if q.signal != nil {
		return
	}
	q.signal = make(chan struct{}, 1)
	q.settle()
}

// own returns a copy of a payload that belongs to the receiver. Copies share
// memory that is allocated for as many of the messages that wait as fit into
// ownedBytes, so that most of them do without an allocation of their own. The
// caller holds the lock.
func (g *Group[P]) own(payload []byte) []byte {
	n := len(payload)
	if n == 0 {
		return nil
	}
	if n > len(g.owned) {
		g.owned = make([]byte, max(n, min(n+g.bytes, ownedBytes)))
	}
	copied := g.owned[:n:n]
	g.owned = g.owned[n:]
	copy(copied, payload)
	return copied
}
