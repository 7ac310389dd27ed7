package recvq

import "context"

// atOnce is how many messages are taken while a lock is held, so that the loop does
// not wait for long.
const atOnce = 64

// Receive waits for a message of any peer and returns it with that peer. Peers
// whose messages have had to wait are served round-robin, a message each, in
// alternation with the messages in blocks. The caller owns the payload, but it may share
// its memory, 16 KiB at most, with others. The error is [ErrClosed] after Close,
// once all messages have been taken, or the cause of ctx.
func (g *Group[P]) Receive(ctx context.Context) (peer P, m Message, err error) {
	g.read.Lock()
	if b := g.front; b != nil && b.left > 1 && g.ringed.Load() == 0 {
		e := b.pop()
		m = b.message(e)
		g.rest = len(b.payload) - int(e.at)
		m.Payload = g.own(m.Payload)
		peer = e.peer
		g.read.Unlock()
		g.wakeAnother()
		return peer, m, nil
	}
	g.read.Unlock()
	_, err = g.receive(ctx, nil, 1, func(_ int, p P, got Message) {
		got.Payload = g.own(got.Payload)
		peer, m = p, got
	})
	return peer, m, err
}

// ReceiveBatch waits for messages of any peer, like Receive, and calls put for each
// of up to most messages, numbered from 0. It holds a lock during these calls, and put
// may use the payload only until it returns. ReceiveBatch returns the number of messages,
// which is at least one if there is no error.
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
			if q == nil {
				g.wakeAnother()
			}
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
			g.waiting.Add(-1)
		}
		if err != nil {
			return 0, err
		}
	}
}

// wakeAnother wakes a further receiver that waits for messages of any peer, if there are
// more, because one signal may announce many messages.
func (g *Group[P]) wakeAnother() {
	if g.waiting.Load() > 0 && g.published.Load()+g.ringed.Load() > 0 {
		wakeOne(g.signal)
	}
}

// takeAll passes the messages that are there to put, and returns their number. If
// no message is there, it returns the signal to wait for, or reports that nothing will
// come.
func (g *Group[P]) takeAll(q *Queue[P], most int, put func(i int, peer P, m Message)) (n int, signal chan struct{}, closed bool) {
	for n < most {
		g.read.Lock()
		next, end := 0, min(most, n+atOnce)
		if q != nil {
			next, signal, closed = q.take(n, end, put)
		} else {
			next, signal, closed = g.take(n, end, put)
		}
		g.read.Unlock()
		if next == n {
			break
		}
		n = next
	}
	return n, signal, closed
}

// take passes messages of any peer to put while there are any, numbered from n up to but
// not including end. It returns the next number, and the signal and closed of takeAll. The
// caller holds read.
func (g *Group[P]) take(n, end int, put func(i int, peer P, m Message)) (next int, signal chan struct{}, closed bool) {
	for next = n; next < end && g.ringed.Load() == 0; {
		b := g.front
		if b == nil {
			if b, signal, closed = g.begin(next == 0); b == nil {
				break
			}
		}
		// Without mu, so that the loop can publish.
		for ; next < end && b.left > 0; next++ {
			g.putFirst(b, next, put)
		}
		if b.left == 0 {
			g.mu.Lock()
			g.finish()
			g.unlock()
		}
	}
	if next == end || signal != nil || closed {
		return next, signal, closed
	}
	return g.takeTurns(next, end, put), nil, false
}

// begin begins the oldest block and returns it. If no message waits, it returns nil, and
// with wait it prepares the receiver to wait, or reports that nothing will come. The
// caller holds read.
func (g *Group[P]) begin(wait bool) (b *block[P], signal chan struct{}, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.blocks.Len() > 0:
		g.front = *g.blocks.Front()
	case g.turns.Len() > 0 || !wait:
	case g.closed:
		closed = true
	default:
		g.waiting.Add(1)
		signal = g.signal
	}
	return g.front, signal, closed
}

// finish ends the reading of the block that was begun and has no messages left. The
// caller holds read and mu.
func (g *Group[P]) finish() {
	g.front = nil
	g.recycle()
}

// takeTurns passes messages to put, as take does, from the rings in alternation with
// those in blocks. It returns the next number. The caller holds read.
func (g *Group[P]) takeTurns(n, end int, put func(i int, peer P, m Message)) int {
	g.mu.Lock()
	defer g.unlock()
	for ; n < end; n++ {
		switch {
		case g.blocks.Len() > 0 && (!g.ringsNext || g.turns.Len() == 0):
			g.ringsNext = true
			g.front = *g.blocks.Front()
			if g.putFirst(g.front, n, put); g.front.left == 0 {
				g.finish()
			}
		case g.turns.Len() > 0:
			g.ringsNext = false
			from := g.turns.PopFront().Value
			g.rest = g.ringBytes
			m, _ := from.takeRing() // a queue with a turn has a message
			put(n, from.peer, m)
		default:
			return n
		}
	}
	return n
}

// putFirst removes the first message of b, of which there is one, and passes it to put.
// The caller holds read.
func (g *Group[P]) putFirst(b *block[P], n int, put func(i int, peer P, m Message)) {
	e := b.pop()
	g.rest = len(b.payload) - int(e.at)
	put(n, e.peer, b.message(e))
}

// take is [Group.take] for messages of this peer.
func (q *Queue[P]) take(n, end int, put func(i int, peer P, m Message)) (next int, signal chan struct{}, closed bool) {
	g := q.group
	g.mu.Lock()
	defer g.unlock()
	q.readSeparately()
	for ; n < end; n++ {
		g.rest = g.ringBytes
		m, ok := q.takeRing()
		if !ok {
			break
		}
		put(n, q.peer, m)
	}
	if q.inRings > 0 {
		wakeOne(q.signal) // another receiver, as one signal may announce many messages
	}
	if n == 0 && (g.closed || q.ended) {
		wakeOne(q.signal) // the next of several receivers
		return 0, nil, true
	}
	return n, q.signal, false
}

// readSeparately has the messages of this peer go to its rings from now on. The
// caller holds read and mu.
func (q *Queue[P]) readSeparately() {
	if q.signal != nil {
		return
	}
	q.signal = make(chan struct{}, 1)
	if !q.retired {
		q.group.apart++
	}
	q.group.moveAll()
}
