package sendq

import (
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
)

// The helpers below are the calls for messages without priority and Mark.

func push(q *Queue, channel uint32, intent pipeline.Intent, payload []byte) (Outcome, bool) {
	return q.Push(&Message{Channel: channel, Intent: intent, Payload: payload})
}

func pushShared(q *Queue, channel uint32, intent pipeline.Intent, p *Payload) (Outcome, bool) {
	return q.PushShared(&Message{Channel: channel, Intent: intent}, p)
}

func pushWait(q *Queue, channel uint32, intent pipeline.Intent, payload []byte) (Outcome, bool, <-chan struct{}) {
	return q.PushWait(&Message{Channel: channel, Intent: intent, Payload: payload})
}

func take(q *Queue, reliable bool, f func(channel uint32, intent pipeline.Intent, payload []byte) bool) int {
	return q.Take(reliable, pipeline.Normal, 0, func(it *Item, payload []byte) bool { return f(it.Channel, it.Intent, payload) })
}

// back is a message without priority and Mark that returns to the queue.
func back(channel uint32, payload []byte) Returned {
	return Returned{Message: Message{Channel: channel, Intent: pipeline.Reliable, Payload: payload}}
}

// rounds returns n; under the race detector, a tenth, for tests with a single goroutine,
// to which it has nothing to show.
func rounds(n int) int {
	if race.Enabled {
		return (n + 9) / 10
	}
	return n
}
