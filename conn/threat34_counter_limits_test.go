package conn_test

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// usedSession is a session whose sender has used up its counters up to a point,
// which would take it hours: the session continues from there.
type usedSession struct {
	w       *world
	a, b    *node
	highest uint64 // counter that a has sent under the old keys
	sent    int
	remote  uint32 // the index that names these keys
}

func newUsedSession(w *world, counter uint64, change ...func(*conn.Config)) *usedSession {
	f := &usedSession{w: w}
	f.a, f.b = w.pair(change...)
	w.run(2 * time.Second)
	f.a.session(f.b).SetNextCounter(counter)
	f.remote = f.a.session(f.b).RemoteIndex()
	w.tap = func(from, _ netip.AddrPort, data []byte) bool {
		if h, _ := wire.ParseHeader(data); from == f.a.Addr() && h.Type == wire.TypeData && h.Receiver == f.remote {
			f.highest = max(f.highest, h.Counter)
			f.sent++
		}
		return true
	}
	return f
}

// talk sends n messages from a, one a packet, and lets the acknowledgements
// return.
func (f *usedSession) talk(n int) {
	for i := range n {
		f.a.push(f.b, 1, pipeline.Reliable, number(i, 1000))
		f.w.run(time.Millisecond)
	}
}

// Just below 2^27 packets either side, the sender of the packets or their
// receiver, starts a rekey, and the session continues. Without a rekey it
// continues up to 2^28 and ends there, or at once at 2^64-1, and another one
// replaces it. No counter wraps, and none from 2^28 on is sent or accepted.
func TestThreat34CounterLimits(t *testing.T) {
	var rekeyed, stopped []string
	for _, tt := range []struct {
		below uint64
		blind func(f *usedSession) *node // the side that ignores the limit, if any
	}{
		{1, nil},
		{2, nil},
		{100, nil},
		{100, func(f *usedSession) *node { return f.a }},
		{100, func(f *usedSession) *node { return f.b }},
	} {
		w := newWorld(t, 34)
		f := newUsedSession(w, 1<<27-tt.below)
		if tt.blind != nil {
			tt.blind(f).Endpoint().SetRekeyAfterPackets(conn.HardPackets)
		}
		f.talk(300)
		w.run(time.Second)
		require.EqualValues(t, 1, f.a.Stats().Rekeys)
		require.EqualValues(t, 1, f.b.Stats().Rekeys)
		require.Equal(t, 1, f.a.count(conn.PeerUp))
		require.Zero(t, f.a.count(conn.PeerDown))
		require.Len(t, f.b.got, 300)
		require.Less(t, f.highest, uint64(1<<27+100), "the last counter under the old keys")
		require.NotEqual(t, f.remote, f.a.session(f.b).RemoteIndex())
		require.Less(t, f.a.session(f.b).NextCounter(), uint64(1000), "the counter under the new keys")
		w.requireAllSealed()
		w.checkAll()
		rekeyed = append(rekeyed, fmt.Sprintf("2^27%+d", int(f.highest)-1<<27))
	}

	const limit uint64 = 1 << 28
	for _, last := range []struct {
		from uint64
		skip bool // leave the last counter out if possible
	}{
		{limit - 100, false}, {limit - 2, false}, {limit - 1, false}, {limit, false},
		{limit - 100, true}, {limit - 2, true}, {limit - 1, true},
		{math.MaxUint64 - 1, false}, {math.MaxUint64, false},
	} {
		w := newWorld(t, 34)
		f := newUsedSession(w, last.from)
		f.a.Endpoint().ForbidRekeys()
		f.b.Endpoint().ForbidRekeys()
		if last.skip {
			f.a.session(f.b).SkipLastCounter()
		}
		f.talk(200)
		w.await(5*time.Second, func() bool { return bothUp(f.a, f.b) && len(f.b.got) >= 200 })
		require.Equal(t, 1, f.a.count(conn.PeerDown))
		require.Equal(t, wire.CloseKeys, f.a.last(conn.PeerDown).Reason)
		require.Less(t, f.highest, limit)
		if last.from < limit && !last.skip {
			require.NotZero(t, f.sent, "packets sent below the limit")
		}
		require.Zero(t, f.a.Stats().Rekeys)
		w.requireAllSealed()
		w.checkAll()
		stopped = append(stopped, fmt.Sprintf("%#x (%d more)", last.from, f.sent))
	}

	answers := controlLimit(t)
	refused := inboundLimit(t)
	t.Logf("row 34: rekeyed by the packets %v; without a rekey sessions closed as %v from %v, up again each time, highest counter 2^28-1, and no control packet above (%d sent below); %d packets at 2^28 and above: replay/too_high %d",
		rekeyed, wire.CloseKeys, stopped, answers, refused, refused)
}

// controlLimit requests packets that are sent at once and not through the queue,
// when the keys are nearly used up: answers to path challenges, and in the end a
// Close. It returns how many packets were sent.
func controlLimit(t *testing.T) (sent int) {
	const limit uint64 = conn.HardPackets
	for _, from := range []uint64{limit - 2, limit - 1, limit, math.MaxUint64 - 1, math.MaxUint64} {
		for questions := range 4 {
			w := newWorld(t, 34)
			f := newUsedSession(w, from)
			f.a.Endpoint().ForbidRekeys()
			f.b.Endpoint().ForbidRekeys()
			s := f.b.session(f.a)
			f.b.do(func(_ *conn.Endpoint, now pipeline.Time) {
				for range questions {
					challenge := wire.AppendPath(nil, wire.FramePathChallenge, [wire.PathTokenSize]byte{1})
					require.True(t, s.SendFrames(challenge, now))
				}
			})
			w.run(6 * time.Millisecond) // they have arrived, and no acknowledgement is due
			f.a.closePeer(f.b, wire.CloseNormal)
			w.run(time.Second)
			require.Less(t, f.highest, limit)
			left := 0
			if from < limit {
				left = int(limit - from)
			}
			require.Equal(t, min(questions+1, left), f.sent, "packets sent below the limit")
			w.requireAllSealed()
			sent += f.sent
		}
	}
	return sent
}

// inboundLimit has a malicious peer seal packets with counters that no sender may
// use, and returns how many were refused.
func inboundLimit(t *testing.T) uint64 {
	w := newWorld(t, 34)
	a, b := w.node(), w.node()
	var key [conn.KeySize]byte
	a.OnJob = func(j *conn.Job) {
		if k := j.Keys(); k != nil {
			key = k.Send
		}
	}
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.run(time.Second)
	s := b.session(a)
	cipher, err := noise.NewAEAD(s.Suite(), key)
	require.NoError(t, err)
	ping := func(counter uint64) {
		data := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: uint32(s.Current()), Counter: counter})
		w.Inject(a.Addr(), b.Addr(), cipher.Seal(data, noise.AppendNonce(nil, s.Suite(), counter), wire.AppendPing(nil), data), 0)
		w.run(100 * time.Microsecond)
	}
	received := s.Received()
	refused := []uint64{1 << 28, 1<<28 + 1, 1 << 32, 1 << 63, math.MaxUint64 - 1, math.MaxUint64}
	for i, c := range refused {
		ping(c)
		require.EqualValues(t, i+1, b.drops("replay/too_high"), "counter %#x", c)
		require.Equal(t, received, s.Received(), "the window does not move")
	}
	// The counter below is the last that is accepted.
	ping(1<<28 - 1)
	require.EqualValues(t, len(refused), b.drops("replay/too_high"))
	require.EqualValues(t, 1<<28, s.Received())
	require.Zero(t, b.drops("aead/forged"))
	require.Zero(t, b.Stats().Strikes)
	return b.drops("replay/too_high")
}
