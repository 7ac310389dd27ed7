package recvq

// maxRetired is the largest number of retired queues with messages. The limit on
// known peers does not count them, and one key can leave any number behind.
const maxRetired = 64

// End makes [Queue.Receive] return [ErrClosed] once the messages that are there
// have been taken: the peer is not expected to come back. [Queue.Reopen] undoes
// it. Only the loop calls it.
func (q *Queue[P]) End() {
	q.group.Publish(false)
	q.group.mu.Lock()
	defer q.group.mu.Unlock()
	q.ended = true
	wakeOne(q.signal)
}

// Reopen makes [Queue.Receive] wait for messages again: the peer is connected.
func (q *Queue[P]) Reopen() {
	q.group.mu.Lock()
	defer q.group.mu.Unlock()
	q.ended = false
}

// Retire is End for a peer that the transport has forgotten. Its messages can
// still be received, but a group keeps only those of the last 64 such peers and
// drops the others. Only the loop calls it.
func (q *Queue[P]) Retire() {
	g := q.group
	if state, reliable := q.inBlocks(); state+reliable > 0 {
		g.settle()
	}
	g.mu.Lock()
	defer g.unlock()
	if !q.retired && q.signal != nil {
		g.apart--
	}
	q.ended, q.retired = true, true
	wakeOne(q.signal)
	if q.inRings == 0 {
		q.emptied()
		return
	}
	if g.retired.Contains(&q.retirement) {
		return
	}
	if g.retired.Len() == maxRetired {
		g.retired.Front().Value.discard()
	}
	g.retired.PushBack(&q.retirement)
}

// discard drops all messages. The caller holds mu.
func (q *Queue[P]) discard() {
	for q.reliable.Len() > 0 {
		q.drop(&q.reliable)
	}
	for q.state.Len() > 0 {
		q.drop(&q.state)
	}
	q.group.turns.Remove(&q.turn)
	q.emptied()
}
