package sendq

import "github.com/intentra/intentra/pipeline"

// A State queue keeps the newest messages. A Latest message supersedes the queued
// one of its channel, in its place, and a full queue drops its oldest messages. The
// callers of these methods hold the lock.

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

// waiting returns the position of the queued message that a new message supersedes.
func (q *Queue) waiting(channel uint32, intent pipeline.Intent) (at uint64, ok bool) {
	if intent == pipeline.Latest {
		at, ok = q.latest[channel]
	}
	return at, ok
}

// supersede replaces the payload of the message at a position. The new message keeps
// the place of the old one, so that a channel that changes faster than the queue
// drains is sent too. If there is not enough room without removing the old message
// itself, supersede removes it and returns false; then the new message must be
// queued at the end.
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

// overflows reports whether the queue would exceed its limit with n bytes in place
// of the message at a position.
func (q *Queue) overflows(at uint64, n int) bool {
	return q.state.bytes-q.state.at(at).size()+n > q.limits.StateBytes
}

func (q *Queue) popState() {
	if it := q.state.front(); it.intent == pipeline.Latest {
		delete(q.latest, it.channel)
	}
	q.state.pop()
}

// dropRealtime drops all Realtime messages and returns their number.
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
