package conn_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/wire"
)

// The keys of a handshake or a rekey are overwritten as soon as the ciphers are
// made of them.
func TestKeysAreOverwrittenOnceInstalled(t *testing.T) {
	for _, suite := range []wire.Suite{wire.AESGCM, wire.ChaChaPoly} {
		w := newWorld(t, 1)
		change := func(c *conn.Config) { c.RekeyAfterPackets, c.Suite = 32, suite }
		a, b := w.node(change), w.node(change)
		var all []*noise.Keys
		for _, n := range w.nodes {
			n.OnJob = func(j *conn.Job) {
				if k := j.Keys(); k != nil {
					all = append(all, k)
				}
			}
		}
		a.dial(b)
		w.await(time.Second, func() bool { return bothUp(a, b) })
		require.Len(t, all, 2)
		for range 200 {
			a.push(b, 1, pipeline.Realtime, "x")
			w.run(10 * time.Millisecond)
		}
		require.Greater(t, a.Stats().Rekeys, uint64(1))
		require.GreaterOrEqual(t, len(all), 2+2*int(a.Stats().Rekeys))
		for _, k := range all {
			require.Zero(t, k.Send)
			require.Zero(t, k.Receive)
			require.NotZero(t, k.Hash, "the hash stays")
		}
	}
}

// The machine of an abandoned rekey is overwritten, even if a job has it.
func TestAbandonedRekeyIsOverwritten(t *testing.T) {
	for _, busy := range []bool{false, true} {
		w := newWorld(t, 2)
		a, b := w.pair()
		w.run(2 * time.Second)
		if busy {
			a.JobDelay = time.Minute
		}
		w.cut(true)
		var jobs []*conn.Job
		a.OnJob = func(j *conn.Job) { jobs = append(jobs, j) }
		a.do(func(_ *conn.Endpoint, now pipeline.Time) { a.session(b).StartRekey(now) })
		require.True(t, a.session(b).Rekeying())
		a.closePeer(b, wire.CloseNormal)
		w.run(2 * time.Minute)
		require.Len(t, jobs, 1)
		require.True(t, jobs[0].HasMachine())
		require.True(t, jobs[0].Wiped(), "busy: %v", busy)
	}
}

// Once an epoch has closed, the stages hold nothing of its keys, and packets
// sealed under them do not open.
func TestClosedEpochHasNoKeys(t *testing.T) {
	w := newWorld(t, 3)
	seen := w.Record(1 << 16)
	a, b := w.pair()
	ids := map[*node]pipeline.ID{a: a.session(b).Current(), b: b.session(a).Current()}
	push := func() {
		a.push(b, 1, pipeline.Realtime, "x")
		w.run(10 * time.Millisecond)
	}
	push()
	sealed := seen.Kept(wire.TypeData)
	require.NotEmpty(t, sealed)
	requireKeys := func(want bool) {
		t.Helper()
		for n, id := range ids {
			p := new(pipeline.Packet)
			p.Reset(append(make([]byte, 0, 64), make([]byte, wire.HeaderSize)...), n.Addr(), w.Now())
			p.Epoch, p.Counter = id, ^uint64(0) // refused as reused, if there is a key
			require.Equal(t, want, n.Endpoint().Seal(p) == aead.DropReused)
			require.Equal(t, !want, n.Endpoint().Seal(p) == aead.DropSealNoKey)
			for _, d := range sealed {
				if h, _ := wire.ParseHeader(d.Data); d.To == n.Addr() && pipeline.ID(h.Receiver) == id {
					p.Reset(append([]byte(nil), d.Data...), d.From, w.Now())
					p.Epoch, p.Counter = id, h.Counter
					require.Equal(t, want, n.Endpoint().Open(p) == pipeline.Accept)
					require.Equal(t, !want, n.Endpoint().Open(p) == aead.DropNoKey)
				}
			}
		}
	}
	requireKeys(true)

	// A rekey makes it the previous epoch, which closes after 10 s.
	a.do(func(_ *conn.Endpoint, now pipeline.Time) { a.session(b).SetWorn(now) })
	push()
	w.await(time.Second, func() bool { return a.Stats().Rekeys == 1 && b.Stats().Rekeys == 1 })
	requireKeys(true)
	for start := w.Now(); a.session(b).Previous() != 0 || b.session(a).Previous() != 0; push() {
		require.Less(t, w.Now(), start+pipeline.Time(20*time.Second))
	}
	requireKeys(false)

	// The next epoch closes with its session.
	ids = map[*node]pipeline.ID{a: a.session(b).Current(), b: b.session(a).Current()}
	push()
	sealed = seen.Kept(wire.TypeData)
	requireKeys(true)
	a.closePeer(b, wire.CloseNormal)
	w.run(time.Second)
	require.Zero(t, a.Stats().Sessions+b.Stats().Sessions)
	requireKeys(false)
}

// The machines and keys of failed handshakes are overwritten, whether the dialer
// never completes them, its key is not allowed, or nothing answers.
func TestFailedHandshakesAreOverwritten(t *testing.T) {
	w := newWorld(t, 4)
	b := w.node(func(c *conn.Config) { c.Authorize = func(context.Context, conn.Handshake) bool { return false } })
	refused, unanswered := w.node(), w.node()
	var jobs []*conn.Job
	for _, n := range w.nodes {
		n.OnJob = func(j *conn.Job) { jobs = append(jobs, j) }
	}
	f := &initiator{with: b}
	f.begin(addrOf(1, 1))
	refused.dial(b)
	absent := intentra.PublicKey{9}
	unanswered.SetAddress(absent, otherAddr(203, 9))
	require.NoError(t, unanswered.Dial(absent))
	w.run(20 * time.Second)
	require.NotZero(t, b.Handshakes(conn.HandshakeTimedOut))
	require.NotZero(t, b.Handshakes(conn.HandshakeRefused))
	require.NotZero(t, unanswered.count(conn.DialEnded))
	machines := 0
	for _, j := range jobs {
		require.True(t, j.Wiped())
		if j.HasMachine() {
			machines++
		}
	}
	require.GreaterOrEqual(t, machines, 4)
}
