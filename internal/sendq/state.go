package sendq

import "github.com/intentra/intentra/pipeline"

// Of the State messages, the newest win: the one that waits on a Latest channel
// is superseded in its place, and when the queue is full the oldest of all are
// displaced. The lock is held by the callers.

func (q *Queue) pushState(channel uint32, intent pipeline.Intent, payload []byte, shared *Payload) Outcome {
	o := Queued
	if at, ok := q.waiting(channel, intent); ok {
		o = Replaced
		q.flow.Superseded++
		if q.supersede(at, payload, shared) {
			return o
		}
	}
	for q.full(intent, len(payload)) && q.state.len() > 0 {
		q.popState()
		q.flow.Displaced++
		o = Replaced
	}
	q.state = use(q.state)
	at := q.state.push(item{channel: channel, intent: intent, shared: shared}, payload)
	if intent == pipeline.Latest {
		if q.latest == nil {
			q.latest = make(map[uint32]uint64)
		}
		q.latest[channel] = at
	}
	return o
}

// waiting returns the position of the message that one of the intent on the
// channel supersedes.
func (q *Queue) waiting(channel uint32, intent pipeline.Intent) (at uint64, ok bool) {
	if intent == pipeline.Latest {
		at, ok = q.latest[channel]
	}
	return at, ok
}

// supersede puts payload in the place of the message at a position. It keeps
// the turn of that one, so that a channel which changes faster than the queue
// drains is sent nevertheless. It returns false if for want of room the old
// message has given way itself, and the new one is to queue at the end.
func (q *Queue) supersede(at uint64, payload []byte, shared *Payload) bool {
	for q.overflows(at, len(payload)) {
		own := q.state.first == at
		q.popState()
		if own {
			return false
		}
		q.flow.Displaced++
	}
	q.state.replace(q.state.at(at), payload, shared)
	return true
}

// overflows reports whether n bytes are too many in the place of the message
// at a position.
func (q *Queue) overflows(at uint64, n int) bool {
	return q.state.bytes-q.state.at(at).size()+n > q.limits.StateBytes
}

func (q *Queue) popState() {
	if it := q.state.front(); it.intent == pipeline.Latest {
		delete(q.latest, it.channel)
	}
	q.state.pop()
}

// dropRealtime gives up all Realtime messages and returns their number.
func (q *Queue) dropRealtime() (dropped int) {
	if q.state.len() == 0 {
		return 0
	}
	dropped = q.state.removeRealtime()
	for i := range q.state.len() {
		at := q.state.first + uint64(i)
		if it := q.state.at(at); it.intent == pipeline.Latest {
			q.latest[it.channel] = at
		}
	}
	return dropped
}
