package ack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"unsafe"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// sender is the sending half of the lane: it numbers the messages of several channels
// and keeps those that are not acknowledged.
type sender struct {
	base, next uint64
	sent       map[uint64]laneMessage
	last       map[uint32]uint64
	count      map[uint32]uint32 // messages of each channel so far
}

type laneMessage struct {
	channel  uint32
	distance uint16
	payload  []byte
}

func newSender() *sender {
	return &sender{sent: map[uint64]laneMessage{}, last: map[uint32]uint64{}, count: map[uint32]uint32{}}
}

// add sends a message for the first time, if the window is open.
func (s *sender) add(channel uint32, size int) {
	if s.next-s.base >= wire.ReliableWindow {
		return
	}
	m := laneMessage{channel: channel, payload: binary.BigEndian.AppendUint32(make([]byte, 0, size+4), s.count[channel])}
	if before, ok := s.last[channel]; ok && before >= s.base {
		m.distance = uint16(s.next - before)
	}
	s.last[channel], s.sent[s.next] = s.next, m
	s.count[channel]++
	s.next++
}

// receiver drives a Reorder as the stage does and checks what it delivers.
type receiver struct {
	t testing.TB
	Reorder
	bound int // bytes that it holds back at most
	next  map[uint32]uint32
	total int
}

func newReceiver(t testing.TB, pool *ringPool) *receiver {
	return &receiver{t: t, Reorder: Reorder{pool: pool}, bound: 1 << 20, next: map[uint32]uint32{}}
}

func (r *receiver) receive(seq uint64, m laneMessage) pipeline.Verdict {
	cumulative := r.Cumulative()
	v := r.Offer(seq, m.distance)
	switch v {
	case pipeline.Accept:
		r.Deliver(seq)
		r.deliver(m.channel, m.payload)
		for channel, payload, ok := r.Release(); ok; channel, payload, ok = r.Release() {
			r.deliver(channel, payload)
		}
	case pipeline.Consumed:
		if _, bytes := r.Held(); bytes+heldOverhead+cap(m.payload) > r.bound {
			return DropHeldFull
		}
		r.Hold(seq, m.distance, m.channel, m.payload)
	}
	require.GreaterOrEqual(r.t, r.Cumulative(), cumulative)
	r.checkRing()
	return v
}

// deliver is the user, who expects consecutive numbers on each channel.
func (r *receiver) deliver(channel uint32, payload []byte) {
	require.Equal(r.t, r.next[channel], binary.BigEndian.Uint32(payload), "channel %d", channel)
	r.next[channel]++
	r.total++
}

// checkRing recounts the counters of Reorder.
func (r *receiver) checkRing() {
	require.Equal(r.t, r.marks > 0, r.ring != nil)
	require.Equal(r.t, r.marks > 0, r.Gap())
	marks, held, bytes, wrong := 0, 0, 0, 0
	if r.ring != nil {
		for i := range r.ring {
			e := &r.ring[i]
			if e.received != notReceived || e.successor != 0 {
				marks++
			}
			if e.received != notReceived && !e.delivered {
				held++
				bytes += heldOverhead + cap(e.held.payload)
			}
			if (e.held != nil) != (e.received != notReceived && !e.delivered) {
				wrong++
			}
		}
	}
	require.Zero(r.t, wrong, "entries that have no message, or one that they need not")
	n, b := r.Held()
	require.Equal(r.t, [3]int{marks, held, bytes}, [3]int{int(r.marks), n, b})
	require.False(r.t, r.hasReady)
}

// finish sends the missing messages, oldest first, and checks that nothing is left.
func (r *receiver) finish(s *sender, pool *ringPool) {
	for seq := r.Cumulative(); seq < s.next; seq++ {
		r.receive(seq, s.sent[seq])
	}
	require.Equal(r.t, s.next, r.Cumulative())
	require.EqualValues(r.t, s.next, r.total)
	for channel, n := range s.count {
		require.Equal(r.t, n, r.next[channel])
	}
	n, size := r.Held()
	require.Zero(r.t, n+size)
	require.Nil(r.t, r.ring)
	for _, rings := range pool.free {
		for _, ring := range rings {
			require.Equal(r.t, make([]reorderEntry, len(ring)), ring, "a ring goes back empty")
		}
	}
}

// On several channels over a path that loses, repeats and reorders, each message is
// delivered once and in order on its channel, and nothing is left.
func TestReorderDeliversEachOnceInOrder(t *testing.T) {
	r := seed.Rand(t)
	pool := new(ringPool)
	for _, channels := range []uint32{1, 2, 5, 200} {
		for _, bound := range []int{1 << 20, 300, 0} {
			s, rx := newSender(), newReceiver(t, pool)
			rx.bound = bound
			for range 500 {
				for range r.IntN(5) {
					s.add(r.Uint32N(channels), r.IntN(20))
				}
				for range r.IntN(6) {
					if s.next > s.base {
						seq := s.next - 1 - uint64(float64(s.next-s.base)*r.Float64()*r.Float64())
						rx.receive(seq, s.sent[seq])
					}
				}
				if r.IntN(8) == 0 && s.base < s.next { // a retransmission of the oldest
					rx.receive(s.base, s.sent[s.base])
				}
				s.base += r.Uint64N(1 + rx.Cumulative() - s.base) // acknowledgements are late
			}
			rx.finish(s, pool)
		}
	}
	require.NotZero(t, pool.size)
}

// FuzzReorder is the network between an honest sender and a Reorder: any order,
// any loss, any number of copies, any delay of acknowledgements.
func FuzzReorder(f *testing.F) {
	f.Add([]byte{0x10, 0x10, 0x20, 0x11, 0x21, 0x01, 0x01, 0x02, 0x81, 0x00})
	f.Add([]byte{0x10, 0x10, 0x10, 0x10, 0x01, 0x01, 0x02, 0x02, 0x03, 0x83, 0xff, 0x10, 0x01})
	f.Add([]byte{0x20, 0x7c, 0x01, 0x7d, 0x00, 0x0f, 0x7f, 0x00, 0xff, 0x7e, 0x03, 0x00})
	f.Add([]byte{0x20, 0x30, 0x20, 0x30, 0x07, 0x03, 0x02, 0x80, 0x01, 0x20, 0x20, 0x01, 0x02})
	f.Fuzz(func(t *testing.T, ops []byte) {
		pool := new(ringPool)
		s, r := newSender(), newReceiver(t, pool)
		for _, op := range ops[:min(len(ops), 1000)] {
			switch {
			case op >= 0x80:
				s.base += min(uint64(op-0x80), r.Cumulative()-s.base)
			case op >= 0x78: // enough for the ring to grow
				for range 40 << (op - 0x78) {
					s.add(uint32(op%16), 0)
				}
			case op >= 0x10:
				s.add(uint32(op%16), int(op>>4))
			case s.next > s.base:
				seq := s.next - 1 - min(uint64(op)*uint64(op), s.next-s.base-1)
				r.receive(seq, s.sent[seq])
			}
		}
		r.finish(s, pool)
	})
}

// FuzzReorderMalice is a peer with any numbers and distances (threat 15). Nothing panics,
// no message is delivered twice, held messages stay within the window, and Clear
// releases all of them.
func FuzzReorderMalice(f *testing.F) {
	f.Add([]byte{1, 0, 1, 2, 0, 1, 3, 0, 1, 0, 0, 0})
	f.Add([]byte{5, 0, 2, 5, 0, 3, 3, 0, 2, 3, 0, 3, 1, 0, 0, 0, 0, 0})
	f.Add([]byte{255, 3, 255, 255, 3, 254, 254, 3, 1, 0, 0, 0, 255, 131, 0})
	f.Add([]byte{255, 4, 255, 255, 5, 254, 254, 4, 1, 127, 5, 3, 0, 0, 0, 255, 132, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		pool := new(ringPool)
		r := &receiver{t: t, Reorder: Reorder{pool: pool}}
		delivered := map[uint64]bool{}
		deliver := func(payload []byte) {
			seq := binary.BigEndian.Uint64(payload)
			require.False(t, delivered[seq], "message %d, twice", seq)
			delivered[seq] = true
		}
		for ops = ops[:min(len(ops), 600)]; len(ops) >= 3; ops = ops[3:] {
			seq := r.Cumulative() + uint64(ops[0])<<(ops[1]%8) + uint64(ops[1]>>4) - uint64(ops[1]>>3%2)
			distance := uint16(ops[2]) << (ops[1] % 6)
			if uint64(distance) > seq || distance > wire.MaxReliableDistance {
				continue // wire.Frame.Parse refuses it
			}
			before := r.Cumulative()
			payload := binary.BigEndian.AppendUint64(nil, seq)
			switch v := r.Offer(seq, distance); v {
			case pipeline.Accept:
				if ops[1]&64 == 0 { // else the reader has no room
					r.Deliver(seq)
					deliver(payload)
					for _, held, ok := r.Release(); ok; _, held, ok = r.Release() {
						deliver(held)
					}
				}
			case pipeline.Consumed:
				if ops[1]&64 == 0 { // else there is no room to hold it
					r.Hold(seq, distance, 1, payload)
				}
			case DropDuplicate, DropDistance:
			case DropWindow:
				require.GreaterOrEqual(t, seq-r.Cumulative(), uint64(wire.ReliableWindow))
			default:
				t.Fatalf("undeclared verdict %d", v)
			}
			require.GreaterOrEqual(t, r.Cumulative(), before)
			for seq := before; seq < r.Cumulative(); seq++ {
				require.True(t, delivered[seq])
			}
			r.checkRing()
		}
		held, _ := r.Held()
		require.Less(t, held, wire.ReliableWindow)
		freed := 0
		require.Equal(t, held, r.Clear(func([]byte) { freed++ }))
		require.Equal(t, held, freed)
		r.checkRing()
	})
}

func TestReorderVerdicts(t *testing.T) {
	r := newReceiver(t, nil)
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 0, 4), n) }
	for _, step := range []struct {
		name     string
		seq      uint64
		distance uint16
		payload  uint32
		want     pipeline.Verdict
	}{
		{"in order", 0, 0, 0, pipeline.Accept},
		{"again", 0, 0, 0, DropDuplicate},
		{"behind a gap", 3, 2, 2, pipeline.Consumed},
		{"again, while it is held", 3, 2, 2, DropDuplicate},
		{"the same, with another distance", 3, 1, 2, DropDuplicate},
		{"another that claims the same predecessor", 4, 3, 9, DropDistance},
		{"after the held one", 4, 1, 3, pipeline.Consumed},
		{"beyond the window", 1 + wire.ReliableWindow, 0, 9, DropWindow},
		{"far beyond it", 1 << 63, 0, 9, DropWindow},
	} {
		require.Equal(t, step.want, r.receive(step.seq, laneMessage{1, step.distance, number(step.payload)}), step.name)
	}
	require.Equal(t, pipeline.Accept, r.Offer(wire.ReliableWindow, 0), "the last of the window, on a channel of its own")
	n, size := r.Held()
	require.Equal(t, [2]int{2, 2 * (4 + heldOverhead)}, [2]int{n, size})
	require.Equal(t, pipeline.Accept, r.receive(1, laneMessage{1, 1, number(1)}), "the gap closes for 3 and 4")
	require.EqualValues(t, 4, r.next[1])
	require.EqualValues(t, 2, r.Cumulative())
}

// A message that is offered and not held changes nothing.
func TestReorderOfferKeepsNothing(t *testing.T) {
	var r Reorder
	require.Equal(t, pipeline.Accept, r.Offer(5, 0))
	require.Equal(t, pipeline.Consumed, r.Offer(5, 1))
	require.Zero(t, r)
}

func TestReorderDoesNotAllocateUnderSteadyLoss(t *testing.T) {
	r := Reorder{pool: new(ringPool)}
	payload, seq := make([]byte, 100), uint64(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for _, i := range []uint64{1, 3, 0, 2} {
			switch r.Offer(seq+i, uint16(i)) {
			case pipeline.Consumed:
				r.Hold(seq+i, uint16(i), 1, payload)
			case pipeline.Accept:
				r.Deliver(seq + i)
				for _, _, ok := r.Release(); ok; _, _, ok = r.Release() {
				}
			}
		}
		seq = r.Cumulative()
	}))
	require.NotZero(t, seq)
}

func TestRingPoolIsBounded(t *testing.T) {
	p := new(ringPool)
	for size := smallestRing; size <= wire.ReliableWindow; size *= 2 {
		first := p.get(size)
		require.Len(t, first, size)
		p.put(first)
		require.Equal(t, size, p.size)
		require.Same(t, &first[0], &p.get(size)[0])
		require.Zero(t, p.size)
	}
	for range 2 * pooledEntries / smallestRing {
		p.put(make([]reorderEntry, smallestRing))
	}
	require.Equal(t, pooledEntries, p.size)
	p.put(make([]reorderEntry, wire.ReliableWindow))
	require.Equal(t, pooledEntries, p.size)
	for range 2 * pooledRecords {
		p.putRecord(new(heldMessage))
	}
	require.Len(t, p.records, pooledRecords)
	var none *ringPool
	none.put(make([]reorderEntry, smallestRing))
	none.putRecord(new(heldMessage))
	require.Len(t, none.get(smallestRing), smallestRing)
	require.NotNil(t, none.record())
}

// The constants are what the types need, so that a limit in bytes is one of memory.
func TestSizesOfReorder(t *testing.T) {
	require.EqualValues(t, 16, unsafe.Sizeof(reorderEntry{}))
	require.LessOrEqual(t, unsafe.Sizeof(heldMessage{}), uintptr(heldOverhead))
	require.Equal(t, wire.ReliableWindow, smallestRing<<(ringSizes-1))
	require.LessOrEqual(t, (wire.ReliableWindow-1)*HeldSize(16), DefaultHeldBytes, "a window of small messages can be held")
}

// A ring is as long as the gap needs, and is released with it.
func TestRingFollowsTheGap(t *testing.T) {
	r := Reorder{pool: new(ringPool)}
	r.Deliver(smallestRing - 1)
	require.Len(t, r.ring, smallestRing)
	r.Hold(smallestRing, smallestRing, 7, []byte("held"))
	require.Len(t, r.ring, 2*smallestRing)
	require.Equal(t, smallestRing, r.pool.size, "the smaller one is kept")
	r.Deliver(wire.ReliableWindow - 1)
	require.Len(t, r.ring, wire.ReliableWindow)
	require.Equal(t, DropDuplicate, r.Offer(smallestRing-1, 0))
	require.Equal(t, DropDuplicate, r.Offer(smallestRing, smallestRing))
	for seq := r.Cumulative(); r.Gap(); seq++ {
		if r.Offer(seq, 0) == pipeline.Accept {
			r.Deliver(seq)
			if channel, payload, ok := r.Release(); ok {
				require.EqualValues(t, 7, channel)
				require.Equal(t, "held", string(payload))
			}
		}
	}
	require.EqualValues(t, wire.ReliableWindow, r.Cumulative())
	require.Nil(t, r.ring)
}

func TestBufferPool(t *testing.T) {
	r := seed.Rand(t)
	p := new(bufferPool)
	var out [][]byte
	var contents []string
	for range 20_000 {
		if r.IntN(2) == 0 {
			b := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(3000))
			c := p.copy(b)
			contents = append(contents, string(b))
			clear(b)
			require.Equal(t, buffered(len(b)), cap(c))
			require.LessOrEqual(t, cap(c)-len(c), bufferUnit)
			out = append(out, c)
		} else if n := len(out) - 1; n >= 0 {
			require.Equal(t, contents[n], string(out[n]), "no two messages share a buffer")
			p.put(out[n])
			out, contents = out[:n], contents[:n]
		}
	}
	p.put(nil)
	require.Empty(t, p.free[0], "nil is not kept")
	for _, b := range out {
		p.put(b)
	}
	for range 2 * maxPooled / pooledSize {
		p.put(make([]byte, pooledSize))
	}
	sum := 0
	for units, free := range p.free {
		for _, b := range free {
			require.Equal(t, units*bufferUnit, heldOverhead+cap(b))
			sum += cap(b)
		}
	}
	require.Equal(t, sum, p.size)
	require.LessOrEqual(t, sum, maxPooled)
	require.Greater(t, sum, maxPooled-pooledSize)
}

func ExampleReorder() {
	var r Reorder
	r.Offer(1, 1) // message 1 waits for message 0, one back on its channel
	r.Hold(1, 1, 7, []byte("second"))
	if r.Offer(0, 0) == pipeline.Accept {
		r.Deliver(0)
		fmt.Println("first")
		_, payload, _ := r.Release()
		fmt.Println(string(payload))
	}
	// Output:
	// first
	// second
}

// The pool keeps buffers of up to pooledSize bytes until they add up to maxPooled, and
// hands out those that it keeps before it makes new ones.
func TestBufferPoolAtItsLimits(t *testing.T) {
	for _, size := range []int{bufferUnit - heldOverhead, pooledSize - bufferUnit, pooledSize} {
		p := new(bufferPool)
		first := p.copy(make([]byte, size))
		p.put(first)
		require.Equal(t, size, p.size)
		again := p.copy(make([]byte, size))
		require.Same(t, &first[0], &again[0], "%d bytes", size)
		require.Zero(t, p.size)
		p.put(make([]byte, pooledSize+bufferUnit))
		require.Zero(t, p.size)
		for range maxPooled/size + 1 {
			p.put(make([]byte, size))
		}
		require.Equal(t, maxPooled/size*size, p.size)
	}
}
