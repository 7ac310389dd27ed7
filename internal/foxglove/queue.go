package foxglove

import "github.com/intentra/intentra/internal/ring"

// What we chose.
const (
	// queueMessages and queueBytes bound the updates that wait for one client.
	queueMessages = 4096
	queueBytes    = 4 << 20
	// keptBuffer is the largest buffer that is used again, and keptBuffers how many of
	// them a queue keeps.
	keptBuffer  = 16 << 10
	keptBuffers = 256
)

// subscription is one topic on its way to one client.
type subscription struct {
	number  uint32 // the client's
	channel *channel
	client  *client
	waiting *update // the queued update of a Latest topic
	ended   bool
}

// update is a copy of a payload that waits for a client.
type update struct {
	to      *subscription
	at      uint64 // nanoseconds since 1970
	payload []byte
}

// queue holds the updates that wait for one client, oldest first. A newer update of a
// Latest topic replaces the one that waits, in its place. When the queue is full, the
// oldest update is dropped, whatever its intent: a client only looks on, and must not
// hold up anything. The zero queue is ready to use; it is not safe for concurrent use.
type queue struct {
	waiting ring.Ring[*update]
	bytes   int
	free    []*update
	// superseded counts values that a newer one has replaced, dropped those for which
	// there was no room.
	superseded, dropped uint64
}

// push adds a copy of payload.
func (q *queue) push(s *subscription, at uint64, payload []byte) {
	if len(payload) > queueBytes {
		q.dropped++
		return
	}
	u := s.waiting
	if u == nil {
		u = q.take()
		u.to = s
		*q.waiting.Push() = u
		if s.channel.latest {
			s.waiting = u
		}
	} else {
		q.superseded++
		q.bytes -= len(u.payload)
	}
	u.at, u.payload = at, append(u.payload[:0], payload...)
	q.bytes += len(payload)
	for q.bytes > queueBytes || q.waiting.Len() > queueMessages {
		oldest := q.pop()
		if !oldest.to.ended {
			q.dropped++
		}
		q.release(oldest)
	}
}

// pop returns the oldest update, or nil. The caller gives it back with release.
func (q *queue) pop() *update {
	if q.waiting.Len() == 0 {
		return nil
	}
	slot := q.waiting.Pop()
	u := *slot
	*slot = nil
	q.bytes -= len(u.payload)
	if u.to.waiting == u {
		u.to.waiting = nil
	}
	return u
}

func (q *queue) take() *update {
	if n := len(q.free); n > 0 {
		u := q.free[n-1]
		q.free = q.free[:n-1]
		return u
	}
	return new(update)
}

func (q *queue) release(u *update) {
	u.to = nil
	if cap(u.payload) <= keptBuffer && len(q.free) < keptBuffers {
		q.free = append(q.free, u)
	}
}
