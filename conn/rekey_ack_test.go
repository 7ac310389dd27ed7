package conn_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// afterRekey has a send messages to b across a rekey, and loses the first packets from b
// after a has the new keys: the acknowledgements of a's last packets under the old
// ones. It returns once the loss is over.
func afterRekey(t *testing.T, w *world, lost int) (a, b *node, sent uint64) {
	a, b = w.pair(func(c *conn.Config) { c.RekeyAfter = 10 * time.Second })
	left := lost
	w.tap = func(from, _ netip.AddrPort, _ []byte) bool {
		if from == b.Addr() && a.Stats().Rekeys > 0 && left > 0 {
			left--
			return false
		}
		return true
	}
	for limit := w.Now() + pipeline.Time(20*time.Second); left > 0 && w.Now() < limit; sent++ {
		a.push(b, 1, pipeline.Realtime, "x")
		w.run(time.Millisecond)
	}
	require.Zero(t, left)
	require.EqualValues(t, 1, a.Stats().Rekeys)
	require.NotZero(t, a.session(b).Previous())
	return a, b, sent
}

// Acknowledgements of the epoch before are repeated as those of the current one are, so
// nothing that has arrived counts as lost unless four of them in a row are.
func TestAcknowledgementsOfThePreviousEpochAreRepeated(t *testing.T) {
	for _, lost := range []int{1, 3} {
		w := newWorld(t, 21)
		a, b, sent := afterRekey(t, w, lost)
		w.run(2 * time.Second)
		require.NotZero(t, a.session(b).Previous())
		st := a.Endpoint().PeerStats(a.peer(b))
		require.Equal(t, sent, st.Acked)
		require.Zero(t, st.Lost)
	}
}

// The last packets of an epoch are decided soon after the rekey, even if no
// acknowledgement of them ever arrives.
func TestLastPacketsOfAnEpochAreDecided(t *testing.T) {
	w := newWorld(t, 22)
	a, b, sent := afterRekey(t, w, 8)
	for limit := w.Now() + pipeline.Time(time.Second); !a.Endpoint().Settled(a.peer(b)); w.run(time.Millisecond) {
		require.Less(t, w.Now(), limit)
		a.do(func(e *conn.Endpoint, now pipeline.Time) { e.Probe(a.peer(b), now) })
	}
	st := a.Endpoint().PeerStats(a.peer(b))
	require.Equal(t, sent, st.Acked+st.Lost)
	require.NotZero(t, a.session(b).Previous())
}

// A copy of an Init that arrives after its rekey has ended starts no other.
func TestLateRekeyInit(t *testing.T) {
	w := newWorld(t, 23)
	a, b := w.pair()
	w.run(time.Second)
	var late []byte
	w.tap = func(from, _ netip.AddrPort, data []byte) bool {
		if from == a.Addr() && late == nil && a.session(b).HasRekeyFrame() {
			late = bytes.Clone(data)
			return false
		}
		return true
	}
	a.do(func(_ *conn.Endpoint, now pipeline.Time) { a.session(b).StartRekey(now) })
	w.await(time.Second, func() bool { return a.Stats().Rekeys == 1 && b.Stats().Rekeys == 1 })
	w.run(time.Second)
	received, jobs := b.Stats().PacketsIn, b.Endpoint().JobsMade()
	w.Inject(a.Addr(), b.Addr(), late, 0)
	w.run(10 * time.Millisecond)
	require.Greater(t, b.Stats().PacketsIn, received, "it has been opened")
	require.Equal(t, jobs, b.Endpoint().JobsMade())
	require.False(t, b.session(a).Rekeying())
	w.checkAll()
}
