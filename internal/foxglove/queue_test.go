package foxglove

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func drain(q *queue) (payloads []string) {
	for u := q.pop(); u != nil; u = q.pop() {
		payloads = append(payloads, string(u.payload))
		q.release(u)
	}
	return payloads
}

func TestQueueAtTheLimit(t *testing.T) {
	var q queue
	s := &subscription{channel: &channel{}}
	for i := range queueMessages + 3 {
		q.push(s, 0, []byte{byte(i), byte(i >> 8)})
	}
	require.EqualValues(t, 3, q.dropped)
	require.Equal(t, 2*queueMessages, q.bytes)
	got := drain(&q)
	require.Len(t, got, queueMessages)
	require.Equal(t, "\x03\x00", got[0])
	require.Zero(t, q.bytes)
	require.Len(t, q.free, keptBuffers)

	// Bytes, and an update that has no room at all.
	large := make([]byte, queueBytes/4)
	for range 5 {
		q.push(s, 0, large)
	}
	require.EqualValues(t, 4, q.dropped)
	require.Equal(t, queueBytes, q.bytes)
	q.push(s, 0, make([]byte, queueBytes+1))
	require.EqualValues(t, 5, q.dropped)
	require.Len(t, drain(&q), 4)
	for _, u := range q.free {
		require.LessOrEqual(t, cap(u.payload), keptBuffer)
	}
	// Updates of an ended subscription do not count as dropped.
	s.ended = true
	for range queueMessages + 1 {
		q.push(s, 0, nil)
	}
	require.EqualValues(t, 5, q.dropped)
}

func TestNewerValuesReplaceOlderOnes(t *testing.T) {
	var q queue
	latest, other := &subscription{channel: &channel{latest: true}}, &subscription{channel: &channel{}}
	q.push(latest, 0, []byte("old"))
	q.push(other, 0, []byte("a"))
	q.push(latest, 0, []byte("new value"))
	require.Equal(t, len("a")+len("new value"), q.bytes)
	require.Equal(t, []string{"new value", "a"}, drain(&q))
	require.EqualValues(t, 1, q.superseded)
	q.push(latest, 0, []byte("next"))
	require.Equal(t, []string{"next"}, drain(&q))
	require.EqualValues(t, 1, q.superseded)
}

// An update that waits for a client allocates nothing once there are buffers.
func TestQueueAllocatesNothing(t *testing.T) {
	var q queue
	s := &subscription{channel: &channel{}}
	payload := make([]byte, 200)
	round := func() {
		for range 10 {
			q.push(s, 0, payload)
		}
		for u := q.pop(); u != nil; u = q.pop() {
			q.release(u)
		}
	}
	round()
	require.Zero(t, testing.AllocsPerRun(100, round))
}
