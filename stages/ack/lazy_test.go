package ack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// States alone are acknowledged late, because they are never sent again. A message
// whose sender waits for its acknowledgement is acknowledged soon, and the states
// with it.
func TestStatesAreAcknowledgedLate(t *testing.T) {
	const lazy, soon = pipeline.Time(DefaultLazyDelay), pipeline.Time(DefaultDelay)
	for name, urgent := range map[string][]byte{
		"ping": ping, "reliable": reliable(1, 0, 0, "x"), "path": challenge, "rekey": rekey,
	} {
		var told []pipeline.Time
		r := newRig(t, Config{Owed: func(_ *pipeline.Packet, at pipeline.Time) { told = append(told, at) }})
		deadline := func() pipeline.Time {
			at, ok := r.stage.Deadline(sessionA)
			require.True(t, ok)
			return at
		}
		start := r.now
		r.receive(sessionA, 0, 0, realtime(1, "state"))
		require.Equal(t, start+lazy, deadline(), name)
		r.now += 10 * millisecond
		r.receive(sessionA, 0, 1, realtime(1, "state"))
		require.Equal(t, start+lazy, deadline(), name)
		require.Equal(t, []pipeline.Time{start + lazy}, told, "%s: once is enough", name)

		r.receive(sessionA, 0, 2, urgent)
		require.Equal(t, r.now+soon, deadline(), name)
		r.receive(sessionA, 0, 3, urgent)
		require.Equal(t, []pipeline.Time{start + lazy, r.now + soon}, told, name)

		// A second urgent packet does not delay it. Once it is sent, the next is late
		// again.
		r.now += soon
		require.Len(t, r.send(sessionA, 0, roomForAll), 1, name)
		r.receive(sessionA, 0, 4, realtime(1, "state"))
		require.Equal(t, r.now+lazy, deadline(), name)
	}
}

// The driver learns of each earlier time at which an acknowledgement falls due: for
// the first packet, and when as many packets as Every are waiting, but not between.
func TestOwedAtEvery(t *testing.T) {
	for _, every := range []int{2, 3, 10} {
		var told []pipeline.Time
		r := newRig(t, Config{Every: every, Owed: func(_ *pipeline.Packet, at pipeline.Time) { told = append(told, at) }})
		start := r.now
		want := []pipeline.Time{start + pipeline.Time(DefaultLazyDelay)}
		for n := 1; n <= every; n++ {
			r.receive(sessionA, 0, uint64(n), realtime(1, "state"))
			if n == every {
				want = append(want, start) // at once
			}
			require.Equal(t, want, told, "%d of %d packets", n, every)
			at, ok := r.stage.Deadline(sessionA)
			require.True(t, ok)
			require.Equal(t, want[len(want)-1], at)
			r.now += millisecond
		}
	}
}
