package ack

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/fragment"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

func newFragmentRig(t testing.TB, cfg Config) *rig {
	r := newRig(t, cfg)
	r.now = 1000 * millisecond
	r.stage.SetCapabilities(sessionA, wire.CapFragments)
	return r
}

// stateFragment returns a fragment of n bytes of a message that began in a packet of
// epoch 0.
func stateFragment(of wire.FrameType, channel, counter uint32, message string, offset, n int) []byte {
	g := wire.Fragment{Of: of, Counter: counter, Size: uint32(len(message)), Offset: uint32(offset)}
	return wire.AppendFragment(nil, g, channel, 0, 0, []byte(message[offset:offset+n]))
}

func reliableFragment(channel uint32, seq uint64, distance uint16, message string, offset, n int) []byte {
	g := wire.Fragment{Of: wire.FrameReliable, Size: uint32(len(message)), Offset: uint32(offset)}
	return wire.AppendFragment(nil, g, channel, seq, distance, []byte(message[offset:offset+n]))
}

var (
	textA = strings.Repeat("a", 64) + strings.Repeat("b", 64) + "c"
	textB = strings.Repeat("d", 64) + strings.Repeat("e", 64) + "f"
)

func TestFragmentsNeedTheCapability(t *testing.T) {
	r := newRig(t, Config{})
	require.Equal(t, DropMalformed, r.receive(sessionA, 0, 1, stateFragment(wire.FrameLatest, 7, 1, textA, 0, 64)))
	require.True(t, r.p.Struck())
}

// A state in fragments is one message, with the place of the packet in which it began. Before
// it is complete nothing is delivered.
func TestStateFragments(t *testing.T) {
	for of, name := range map[wire.FrameType]string{wire.FrameRealtime: "realtime", wire.FrameLatest: "latest"} {
		r := newFragmentRig(t, Config{})
		var place []uint64
		r.onGiven = func() { place = append(place, r.p.Began) }
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 6, stateFragment(of, 7, 5, textA, 128, 1)))
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 7, stateFragment(of, 7, 5, textA, 0, 64)))
		require.Empty(t, r.take())
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 8, frames(realtime(1, "x"), stateFragment(of, 7, 5, textA, 64, 64), realtime(1, "y"))))
		require.Equal(t, []string{"realtime 1 x", name + " 7 " + textA, "realtime 1 y"}, r.take())
		require.Equal(t, []uint64{0, 6, 0}, place)
		require.Empty(t, r.drops())
		require.Zero(t, r.stage.FragmentBytes())
	}
}

// The number of a message refers to the newest epoch with that low byte that is not newer
// than the packet, and to no later packet.
func TestFragmentNumbers(t *testing.T) {
	r := newFragmentRig(t, Config{})
	began := func(seq uint32, counter uint64, g wire.Fragment) (uint64, bool) {
		p := &pipeline.Packet{EpochSeq: seq, Counter: counter}
		r.stage.frame.Fragment = g
		r.stage.frame.Fragment.Of, r.stage.frame.Fragment.Size = wire.FrameLatest, 1
		return began(p, &g), r.stage.possible(p)
	}
	for _, c := range []struct {
		seq      uint32
		counter  uint64
		g        wire.Fragment
		want     uint64
		possible bool
	}{
		{0, 5, wire.Fragment{Counter: 5}, 6, true},
		{0, 5, wire.Fragment{Counter: 6}, 7, false},
		{0, 5, wire.Fragment{Epoch: 1}, 1<<64 - 1, false},
		{1, 5, wire.Fragment{Epoch: 0, Counter: 1<<28 - 1}, 1 << 28, true},
		{258, 0, wire.Fragment{Epoch: 1, Counter: 3}, 257<<32 | 4, true},
		{258, 0, wire.Fragment{Epoch: 3, Counter: 3}, 3<<32 | 4, true},
	} {
		got, possible := began(c.seq, c.counter, c.g)
		require.Equal(t, c.want, got, "%+v", c)
		require.Equal(t, c.possible, possible, "%+v", c)
	}
	require.Equal(t, DropMalformed, r.receive(sessionA, 0, 5, stateFragment(wire.FrameLatest, 7, 6, textA, 0, 64)))
	require.True(t, r.p.Struck())
}

// A fragment of more than Config.MaxMessage is a violation.
func TestMaxMessage(t *testing.T) {
	r := newFragmentRig(t, Config{MaxMessage: len(textA)})
	require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, reliableFragment(7, 0, 0, textA, 0, 64)))
	require.Equal(t, DropMalformed, r.receive(sessionA, 0, 2, reliableFragment(7, 1, 1, textA+"x", 64, 64)))
	require.True(t, r.p.Struck())
}

// Reliable fragments that arrive out of order are held like messages, and complete their
// message in order.
func TestReliableFragments(t *testing.T) {
	r := newFragmentRig(t, Config{})
	r.receive(sessionA, 0, 1, reliableFragment(7, 2, 1, textA, 128, 1))
	r.receive(sessionA, 0, 2, frames(reliable(7, 3, 1, "after"), reliable(9, 4, 0, "other")))
	require.Equal(t, []string{"reliable 9 other"}, r.take(), "another channel does not wait")
	r.receive(sessionA, 0, 3, reliableFragment(7, 0, 0, textA, 0, 64))
	require.Empty(t, r.take())
	r.receive(sessionA, 0, 4, reliableFragment(7, 1, 1, textA, 64, 64))
	require.Equal(t, []string{"reliable 7 " + textA, "reliable 7 after"}, r.take())
	r.receive(sessionA, 0, 5, reliableFragment(7, 1, 1, textA, 64, 64))
	require.Equal(t, map[string]uint64{"duplicate": 1}, r.drops())
	require.Zero(t, r.stage.FragmentBytes()+r.stage.HeldBytes())
}

// A first fragment that is held has room reserved for its message.
func TestReliableMessageIsReserved(t *testing.T) {
	r := newFragmentRig(t, Config{FragmentBytes: 8 << 10})
	r.receive(sessionA, 0, 1, reliableFragment(7, 3, 1, textB, 0, 64))
	r.receive(sessionA, 0, 2, reliableFragment(7, 4, 1, textB, 64, 64))
	require.Equal(t, 4<<10, r.stage.FragmentBytes())
	r.receive(sessionA, 0, 3, reliableFragment(8, 5, 0, textA, 0, 64))
	require.Equal(t, 8<<10, r.stage.FragmentBytes())
	r.receive(sessionA, 0, 4, reliableFragment(9, 6, 0, textA, 0, 64))
	require.True(t, r.p.Unacknowledged())
	require.Equal(t, map[string]uint64{"fragments_full": 1}, r.drops())
	r.receive(sessionA, 0, 5, reliable(7, 2, 0, "before"))
	r.receive(sessionA, 0, 6, reliableFragment(7, 7, 3, textB, 128, 1))
	require.Equal(t, []string{"reliable 7 before", "reliable 7 " + textB}, r.take())
	require.Equal(t, 4<<10, r.stage.FragmentBytes())
	r.receive(sessionA, 0, 7, reliableFragment(9, 6, 0, textA, 0, 64))
	require.False(t, r.p.Unacknowledged())
	r.stage.Release(r.chain, sessionA)
	require.Zero(t, r.stage.FragmentBytes())
	require.Equal(t, map[string]uint64{"fragments_full": 1, "closed": 2}, r.drops())
}

// The reader's room is asked for with the fragment that completes the message.
func TestReliableFragmentsWaitForTheReader(t *testing.T) {
	r := newFragmentRig(t, Config{})
	r.full = true
	r.receive(sessionA, 0, 1, reliableFragment(7, 0, 0, textA, 0, 64))
	r.receive(sessionA, 0, 2, reliableFragment(7, 1, 1, textA, 64, 64))
	require.False(t, r.p.Unacknowledged())
	r.receive(sessionA, 0, 3, reliableFragment(7, 2, 1, textA, 128, 1))
	require.True(t, r.p.Unacknowledged())
	r.full = false
	r.receive(sessionA, 0, 4, reliableFragment(7, 2, 1, textA, 128, 1))
	require.Equal(t, []string{"reliable 7 " + textA}, r.take())
	require.Equal(t, map[string]uint64{"receiver_full": 1}, r.drops())
}

// Whatever a peer sends, a fragment is not delivered as a message, and what contradicts
// itself is a violation.
func TestBrokenReliableMessages(t *testing.T) {
	for name, list := range map[string][][]byte{
		"no first fragment":        {reliableFragment(7, 0, 0, textA, 64, 64)},
		"a gap":                    {reliableFragment(7, 0, 0, textA, 0, 64), reliableFragment(7, 1, 1, textA, 128, 1)},
		"another size":             {reliableFragment(7, 0, 0, textA, 0, 64), reliableFragment(7, 1, 1, textA+"x", 64, 64)},
		"a message in between":     {reliableFragment(7, 0, 0, textA, 0, 64), reliable(7, 1, 1, "x"), reliableFragment(7, 2, 1, textA, 64, 64)},
		"a held one in between":    {reliable(7, 1, 1, "x"), reliableFragment(7, 0, 0, textA, 0, 64), reliableFragment(7, 2, 1, textA, 64, 64)},
		"held without the first":   {reliableFragment(7, 1, 1, textA, 64, 64), reliable(7, 0, 0, "x")},
		"without the predecessors": {reliableFragment(7, 9, 0, textA, 128, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFragmentRig(t, Config{})
			struck := 0
			for i, b := range list {
				r.receive(sessionA, 0, uint64(i), b)
				if r.p.Struck() {
					struck++
				}
			}
			require.NotZero(t, struck)
			require.NotZero(t, r.drops()["fragment"])
			for _, m := range r.take() {
				require.Equal(t, "reliable 7 x", m)
			}
			require.Zero(t, r.stage.FragmentBytes())
		})
	}
}

// A newer message of a Latest channel, whole or in fragments, ends an incomplete one.
func TestLatestIsSuperseded(t *testing.T) {
	r := newFragmentRig(t, Config{})
	latest := func(channel, counter uint32, message string, offset, n int) []byte {
		return stateFragment(wire.FrameLatest, channel, counter, message, offset, n)
	}
	r.receive(sessionA, 0, 5, latest(7, 5, textA, 0, 64))
	r.receive(sessionA, 0, 6, latest(7, 6, textB, 0, 128))
	r.receive(sessionA, 0, 7, latest(7, 5, textA, 64, 65))
	require.Equal(t, map[string]uint64{"superseded": 2}, r.drops(), "the message and a late fragment of it")
	r.receive(sessionA, 0, 8, latest(7, 6, textB, 128, 1))
	require.Equal(t, []string{"latest 7 " + textB}, r.take())
	r.receive(sessionA, 0, 9, latest(7, 6, textB, 0, 64))
	require.Equal(t, uint64(1), r.drops()["duplicate"])

	r.receive(sessionA, 0, 10, frames(latest(7, 10, textA, 0, 64), latest(8, 10, textA, 0, 64)))
	whole := wire.AppendMessage(nil, wire.FrameLatest, 7, []byte("whole"))
	r.receive(sessionA, 0, 9, whole)
	require.Equal(t, 8<<10, r.stage.FragmentBytes(), "older")
	r.receive(sessionA, 0, 11, whole)
	require.Equal(t, 4<<10, r.stage.FragmentBytes(), "newer, but not of channel 8")
	require.Equal(t, 2, r.gone[DropSuperseded])
	require.Len(t, r.take(), 2)
}

// A message in fragments precedes the others of the packet in which it began, wherever
// those are in the packet.
func TestWholeLatestOfTheSamePacket(t *testing.T) {
	r := newFragmentRig(t, Config{})
	r.receive(sessionA, 0, 5, frames(stateFragment(wire.FrameLatest, 7, 5, textA, 0, 64), wire.AppendMessage(nil, wire.FrameLatest, 7, []byte("x"))))
	require.Equal(t, []string{"latest 7 x"}, r.take())
	require.Zero(t, r.stage.FragmentBytes(), "superseded")
}

// What is incomplete expires, and a session that does not continue a Reliable message is
// reported.
func TestIncompleteMessagesExpire(t *testing.T) {
	r := newFragmentRig(t, Config{})
	stalled := 0
	expire := func() (pipeline.Time, bool) {
		return r.stage.Expire(r.now, func(id pipeline.ID) {
			require.Equal(t, sessionA, id)
			stalled++
		})
	}
	start := r.now
	r.receive(sessionA, 0, 5, frames(stateFragment(wire.FrameRealtime, 7, 5, textA, 0, 64), reliableFragment(7, 0, 0, textA, 0, 64)))
	require.Equal(t, []pipeline.Time{start + fragment.RealtimeLife}, r.wakes)
	r.now = start + fragment.RealtimeLife
	at, ok := expire()
	require.True(t, ok)
	require.Equal(t, start+fragment.ReliableLife, at)
	require.Equal(t, map[string]uint64{"expired": 1}, r.drops())
	r.now = at
	expire()
	require.Equal(t, 1, stalled)
	r.receive(sessionA, 0, 6, reliableFragment(7, 1, 1, textA, 64, 65))
	require.Len(t, r.take(), 1)
	_, ok = expire()
	require.False(t, ok)
	require.Len(t, r.wakes, 1)
	r.receive(sessionA, 0, 7, stateFragment(wire.FrameRealtime, 7, 7, textA, 0, 64))
	require.Len(t, r.wakes, 2)
}

// A fragment asks for an acknowledgement within 25 ms, whatever its intent.
func TestFragmentsAreAcknowledgedSoon(t *testing.T) {
	r := newFragmentRig(t, Config{})
	r.receive(sessionA, 0, 5, stateFragment(wire.FrameLatest, 7, 5, textA, 0, 64))
	at, ok := r.stage.Deadline(sessionA)
	require.True(t, ok)
	require.Equal(t, r.now+pipeline.Time(20*time.Millisecond), at)
}

// Whole messages cost nothing more while others are incomplete, and messages in fragments
// allocate nothing once buffers exist.
func TestFragmentsDoNotAllocate(t *testing.T) {
	r := newFragmentRig(t, Config{})
	stage := r.stage
	p := &r.p
	counter, seq := uint32(0), uint64(0)
	buf := make([]byte, 0, 4096)
	give := func(b []byte) {
		r.p.Reset(append(append(r.buf[:0], make([]byte, wire.HeaderSize)...), b...), p.Addr, r.now)
		p.Session, p.Epoch, p.Counter = sessionA, epochOf(sessionA, 0), uint64(counter)
		p.SetPlaintext(p.Data[wire.HeaderSize:])
		p.MarkFresh()
		if stage.Process(p) != pipeline.Accept {
			t.Error("not accepted")
		}
		for v, ok := stage.Next(p); ok; v, ok = stage.Next(p) {
			if v != pipeline.Accept {
				t.Errorf("verdict %d", v)
			}
		}
		stage.Settle(p, pipeline.Accept)
	}
	payload := []byte(textA)
	send := func() {
		counter++
		began := counter
		for offset := 0; offset < len(payload); offset += 64 {
			n := min(64, len(payload)-offset)
			g := wire.Fragment{Of: wire.FrameLatest, Counter: began, Size: uint32(len(payload)), Offset: uint32(offset)}
			b := wire.AppendFragment(buf[:0], g, 7, 0, 0, payload[offset:offset+n])
			g = wire.Fragment{Of: wire.FrameReliable, Size: g.Size, Offset: g.Offset}
			b = wire.AppendFragment(b, g, 7, seq, 0, payload[offset:offset+n])
			seq++
			give(b)
			counter++
		}
	}
	for range 10 {
		send()
	}
	require.Zero(t, testing.AllocsPerRun(100, send))
}
