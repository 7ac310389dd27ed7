package sendq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The first packet is filled from the highest priority to the lowest, of those that have
// messages.
func TestTurnsOfWhatWaits(t *testing.T) {
	for set := range 1 << (2 * pipeline.Priorities) {
		for _, withReliable := range []bool{false, true} {
			q := online(roomy)
			q.Push(&Message{Channel: 100, Intent: pipeline.Realtime, Priority: pipeline.Urgent}) // so that the queue is ranked
			q.Take(false, pipeline.Urgent, 0, func(*Item, []byte) bool { return true })
			var want []pipeline.Priority
			for p := pipeline.Urgent; p >= pipeline.Low; p-- {
				i := 2 * int(p-pipeline.Low)
				state, reliable := set>>i&1 != 0, set>>(i+1)&1 != 0
				if state {
					q.Push(&Message{Channel: uint32(i), Intent: pipeline.Realtime, Priority: p})
				}
				if reliable {
					q.Push(&Message{Channel: uint32(i), Intent: pipeline.Reliable, Priority: p})
				}
				if state || reliable && withReliable {
					want = append(want, p)
				}
			}
			order, n := q.Turns(withReliable)
			require.ElementsMatch(t, want, order[:n])
			require.True(t, len(want) == 0 || order[0] == want[0])
		}
	}
}

// A message expires at its time, not after it.
func TestExpiresAtItsTime(t *testing.T) {
	for _, now := range []pipeline.Time{4, 5, 6} {
		q := online(roomy)
		m := &Message{Channel: 1, Intent: pipeline.Realtime}
		m.Expires = 5
		q.Push(m)
		taken := q.Take(false, pipeline.Normal, now, func(*Item, []byte) bool { return true })
		require.Equal(t, now < 5, taken == 1)
		flow, _ := q.Flow()
		require.Equal(t, now >= 5, flow.Expired == 1)
	}
}

// The memory of a burst of decisions is released when the loop takes them, and that of a
// few is kept.
func TestMemoryOfDecisions(t *testing.T) {
	q := online(roomy)
	for _, n := range []int{10, 2 * maxDecided} {
		for i := range n {
			q.rareState().add(Decision{Token: uint64(i)})
		}
		list, _ := q.Attend(nil)
		require.Len(t, list, n)
		require.Equal(t, n == 10, cap(q.rare.decided) > 0)
	}
}

// The state for priorities and Marks is freed with the buffers, but not before the loop has
// taken the decisions.
func TestTrimFreesRareState(t *testing.T) {
	for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Reliable} {
		q := online(roomy)
		push(q, 2, intent, []byte("plain"))
		m := &Message{Channel: 1, Intent: intent, Priority: pipeline.Urgent}
		m.Token, m.Expires = 7, 1
		q.Push(m)
		q.Expire(1)
		for p := pipeline.Low; p <= pipeline.Urgent; p++ {
			q.Take(intent == pipeline.Reliable, p, 1, func(*Item, []byte) bool { return true })
		}
		for range 3 {
			q.Trim()
		}
		list, _ := q.Attend(nil)
		require.Equal(t, []Decision{{Channel: 1, Intent: intent, Fate: Expired, Token: 7}}, list)
		for range 3 {
			q.Trim()
		}
		require.Nil(t, q.rare)
	}
}

// A message of the log is read if the room is just what it needs, and a message without
// memory for it is counted as displaced.
func TestLogMessagesAtTheirLimits(t *testing.T) {
	write := func() (*Log, *Queue) {
		l := NewLog()
		q := New(roomy, l)
		q.Share(NewBudget(10))
		q.SetOnline(true)
		require.True(t, l.Begin(&Message{Channel: 1, Intent: pipeline.Realtime, Payload: make([]byte, 100)}))
		require.Equal(t, Queued, l.To(q))
		l.End()
		require.True(t, l.Next())
		return l, q
	}
	size := wire.MessageSize(wire.FrameRealtime, 1, 100)
	for _, room := range []int{size - 1, size, size + 1} {
		_, q := write()
		data, read := q.ReadLog(nil, room, true)
		require.Equal(t, room >= size, read == 1)
		require.Len(t, data, read*size)
	}
	_, q := write()
	require.Zero(t, q.Spill())
	flow, waiting := q.Flow()
	require.Equal(t, Flow{Pushed: 1, Displaced: 1}, flow)
	require.Zero(t, waiting)
}

// A lower limit drops the oldest messages beyond it, except for the last.
func TestLimitState(t *testing.T) {
	for limit, want := range map[int]int{1000: 10, 999: 9, 300: 3, 299: 2, 100: 1, 99: 1, 0: 1} {
		q := online(roomy)
		for i := range 10 {
			push(q, uint32(i), pipeline.Realtime, make([]byte, 100))
		}
		q.LimitState(limit)
		state, _ := q.Len()
		require.Equal(t, want, state, "limit %d", limit)
		_, displaced := q.Drops()
		require.EqualValues(t, 10-want, displaced)
		next := uint32(10 - want)
		take(q, false, func(channel uint32, _ pipeline.Intent, _ []byte) bool {
			require.Equal(t, next, channel)
			next++
			return true
		})
	}
}

// Superseding a message with a Mark allocates nothing.
func TestSupersedingMarksDoesNotAllocate(t *testing.T) {
	q := online(roomy)
	m := &Message{Channel: 1, Intent: pipeline.Latest, Payload: make([]byte, 10)}
	m.Origin = 5
	q.Push(m)
	q.Push(m)
	require.Zero(t, testing.AllocsPerRun(100, func() { q.Push(m) }))
}

// Messages of priority Normal that return do not make the queue ranked.
func TestRestoreOfNormalDoesNotRank(t *testing.T) {
	q := online(roomy)
	q.Restore([]Returned{back(1, []byte("one")), back(2, []byte("two"))})
	_, reliable, ranked := q.Waiting()
	require.Equal(t, 2, reliable)
	require.False(t, ranked)
}
