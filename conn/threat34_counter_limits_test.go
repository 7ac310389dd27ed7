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

// forward makes an endpoint that has sealed as many packets as there are below a
// counter, which would take it hours: its session with other goes on from there.
type forward struct {
	w       *world
	a, b    *node
	highest uint64 // counter that a has sent under the old keys
	sent    int
	remote  uint32 // the index that names these keys
}

func newForward(w *world, counter uint64, change ...func(*conn.Config)) *forward {
	f := &forward{w: w}
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

// talk has a send n messages, a packet each, and answers come back.
func (f *forward) talk(n int) {
	for i := range n {
		f.a.push(f.b, 1, pipeline.Reliable, number(i, 1000))
		f.w.run(time.Millisecond)
	}
}

// Just below 2^27 packets the keys are changed, and nobody notices: either side
// sees to it, whether it is the sender or the receiver of them. Where they
// cannot be, the session goes on up to 2^28, stops there, and another one takes
// over; so it does at once at 2^64-1. No counter wraps, and none at 2^28 or above
// is sent or accepted.
func TestThreat34CounterLimits(t *testing.T) {
	var rekeyed, stopped []string
	for _, tt := range []struct {
		below uint64
		blind func(f *forward) *node // the side that lets it pass, if any
	}{
		{1, nil},
		{2, nil},
		{100, nil},
		{100, func(f *forward) *node { return f.a }},
		{100, func(f *forward) *node { return f.b }},
	} {
		w := newWorld(t, 34)
		f := newForward(w, 1<<27-tt.below)
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
		require.Less(t, f.highest, uint64(1<<27+100), "the rekey is prompt")
		require.NotEqual(t, f.remote, f.a.session(f.b).RemoteIndex())
		require.Less(t, f.a.session(f.b).NextCounter(), uint64(1000), "new keys count from zero")
		w.requireAllSealed()
		w.checkAll()
		rekeyed = append(rekeyed, fmt.Sprintf("2^27%+d", int(f.highest)-1<<27))
	}

	const limit uint64 = 1 << 28
	for _, last := range []struct {
		from uint64
		skip bool // as far as possible the last counter of all is to be left out
	}{
		{limit - 100, false}, {limit - 2, false}, {limit - 1, false}, {limit, false},
		{limit - 100, true}, {limit - 2, true}, {limit - 1, true},
		{math.MaxUint64 - 1, false}, {math.MaxUint64, false},
	} {
		w := newWorld(t, 34)
		f := newForward(w, last.from)
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
			require.NotZero(t, f.sent, "what the keys are good for is used")
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

// controlLimit has one side ask for what the other sends at once, beside the
// queue, where its keys are all but used up: answers to path challenges, and in
// the end a Close. It returns how many packets have left.
func controlLimit(t *testing.T) (sent int) {
	const limit uint64 = conn.HardPackets
	for _, from := range []uint64{limit - 2, limit - 1, limit, math.MaxUint64 - 1, math.MaxUint64} {
		for questions := range 4 {
			w := newWorld(t, 34)
			f := newForward(w, from)
			f.a.Endpoint().ForbidRekeys()
			f.b.Endpoint().ForbidRekeys()
			s := f.b.session(f.a)
			f.b.do(func(_ *conn.Endpoint, now pipeline.Time) {
				for range questions {
					challenge := wire.AppendPath(nil, wire.FramePathChallenge, [wire.PathTokenSize]byte{1})
					require.True(t, s.SendFrames(challenge, now))
				}
			})
			w.run(6 * time.Millisecond) // they are there, and no acknowledgement is due
			f.a.closePeer(f.b, wire.CloseNormal)
			w.run(time.Second)
			require.Less(t, f.highest, limit)
			left := 0
			if from < limit {
				left = int(limit - from)
			}
			require.Equal(t, min(questions+1, left), f.sent, "what the keys are good for is used")
			w.requireAllSealed()
			sent += f.sent
		}
	}
	return sent
}

// inboundLimit has a malicious peer seal packets under counters that no sender
// may use, and returns how many of them were refused.
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
		require.Equal(t, received, s.Received(), "nothing has moved")
	}
	// The one below is the last that is accepted.
	ping(1<<28 - 1)
	require.EqualValues(t, len(refused), b.drops("replay/too_high"))
	require.EqualValues(t, 1<<28, s.Received())
	require.Zero(t, b.drops("aead/forged"))
	require.Zero(t, b.Stats().Strikes)
	return b.drops("replay/too_high")
}
