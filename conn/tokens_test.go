package conn_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// Of states with a token in flight a session remembers conn.MaxTokens. Beyond that the
// oldest counts as lost, and each has one fate.
func TestTokensInFlightAtTheCap(t *testing.T) {
	const beyond = 304
	w := newWorld(t, 1)
	a, b := w.pair()
	w.cut(true)
	send := func(n int) {
		for i := range n {
			m := conn.Message{Channel: 1, Intent: pipeline.Realtime, Token: uint64(i) + 1, Sent: w.Now()}
			r, _ := a.peer(b).Push(&m)
			require.Equal(t, conn.Queued, r)
			if i%100 == 99 || i == n-1 {
				a.do(func(e *conn.Endpoint, _ pipeline.Time) { e.MarkReady(a.peer(b)) })
				w.run(time.Millisecond)
			}
		}
		require.Zero(t, a.peer(b).QueuedBytes())
	}
	fates := func() (lost, all uint64) {
		for f, n := range a.Endpoint().Stats().Fates {
			if all += n; conn.Fate(f) == conn.FateLost {
				lost = n
			}
		}
		return lost, all
	}
	send(conn.MaxTokens)
	_, early := fates()
	require.Zero(t, early)
	send(beyond)
	lost, all := fates()
	require.EqualValues(t, beyond, lost)
	require.Equal(t, lost, all)
	w.run(2 * time.Minute) // the session ends
	lost, all = fates()
	require.EqualValues(t, conn.MaxTokens+beyond, lost)
	require.Equal(t, lost, all)
}
