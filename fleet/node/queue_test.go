package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// TestQueueIsBounded: updates beyond the limits are dropped and counted, other events are not, and
// what is taken makes room.
func TestQueueIsBounded(t *testing.T) {
	q, into := newQueue(time.Now()), new(taken)
	for _, step := range []struct {
		size, fit int
	}{{1, maxQueued}, {maxQueuedBytes / 8, 8}, {maxQueuedBytes, 1}, {maxQueuedBytes + 1, 0}} {
		for range 2 { // both of the slices that take exchanges
			before, payload := q.dropped(), make([]byte, step.size)
			for range step.fit + 3 {
				q.Published(1, payload, hub.Age{})
			}
			require.EqualValues(t, 3, q.dropped()-before)
			q.PublisherForgotten(intentra.PublicKey{9})
			q.TopicRetracted(7)
			q.take(into)
			require.Len(t, into.events, step.fit+2)
			require.Len(t, into.payloads, step.fit*step.size)
			require.Len(t, into.details, 2)
			require.Equal(t, eventForgotten, into.events[step.fit].kind)
			require.Equal(t, intentra.PublicKey{9}, into.details[into.events[step.fit].n].publisher.Key)
			require.Equal(t, eventRetracted, into.events[step.fit+1].kind)
		}
	}
}
