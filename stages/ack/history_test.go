package ack

import (
	"math"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// historyModel is a set of counters, with how often each was reported.
type historyModel struct {
	reported map[uint64]int
	largest  uint64
	pending  int
}

// compare checks an acknowledgement against the set: it contains only received counters,
// and all that were reported less than ackRepeats times.
func (m *historyModel) compare(t testing.TB, h *History, now pipeline.Time) {
	n, _ := h.Pending()
	require.Equal(t, m.pending, n)
	var a wire.Ack
	require.Equal(t, len(m.reported) > 0, h.Fill(&a, now))
	if len(m.reported) == 0 {
		return
	}
	require.Equal(t, m.largest, a.Largest)
	complete := true
	for i := range min(wire.AckBits, a.Largest) {
		c := a.Largest - 1 - i
		times, received := m.reported[c]
		set := a.Bitmap[i/64]>>(i%64)&1 == 1
		switch {
		case set && !received:
			t.Fatalf("counter %d was never received", c)
		case set && !complete:
			t.Fatalf("counter %d is below one that is left out", c)
		case received && !set && times < ackRepeats:
			t.Fatalf("counter %d has been reported %d times", c, times)
		case received && !set:
			complete = false
		}
	}
	var f wire.Frame
	encoded := wire.AppendAck(nil, &a)
	require.Len(t, encoded, a.Size())
	require.Equal(t, len(encoded), f.Parse(encoded))
	require.Equal(t, a, f.Ack)
}

func (m *historyModel) record(h *History, c uint64, eliciting bool) {
	if _, again := m.reported[c]; again {
		return // the replay window ensures that
	}
	m.reported[c] = 0
	if len(m.reported) == 1 || c > m.largest {
		m.largest = c
	}
	if eliciting {
		m.pending++
	}
	h.Record(c, 0, eliciting)
}

func (m *historyModel) acknowledge(h *History) {
	if len(m.reported) == 0 {
		return
	}
	var a wire.Ack
	h.Fill(&a, 0)
	for _, c := range acknowledged(&a) {
		m.reported[c]++
	}
	m.pending = 0
	h.Acknowledged()
}

// FuzzHistory is a peer whose packets come in any order and with any gaps, between
// acknowledgements at any time. The bitmap must agree with a set of counters.
func FuzzHistory(f *testing.F) {
	f.Add(uint64(0), []byte{0, 1, 0, 1, 4, 0, 0, 200, 1, 100, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0})
	f.Add(uint64(1<<63), []byte{0, 64, 1, 63, 1, 64, 2, 3, 1, 250, 4, 0, 2, 255, 1, 1})
	f.Add(uint64(math.MaxUint64-300), []byte{0, 255, 0, 45, 1, 1, 0, 1, 4, 0, 1, 5})
	f.Fuzz(func(t *testing.T, first uint64, ops []byte) {
		h, m := new(History), &historyModel{reported: map[uint64]int{}}
		m.compare(t, h, 0)
		m.record(h, first, true)
		for ops = ops[:min(len(ops), 400)]; len(ops) >= 2; ops = ops[2:] {
			by := uint64(ops[1])
			switch ops[0] % 5 {
			case 0:
				m.record(h, m.largest+min(by, math.MaxUint64-m.largest), ops[0] > 127)
			case 1:
				m.record(h, m.largest-min(by, m.largest), true)
			case 2:
				m.record(h, m.largest+min(by*by, math.MaxUint64-m.largest), true)
			case 3:
				m.record(h, m.largest-min(5*by, m.largest), true)
			default:
				m.acknowledge(h)
			}
			m.compare(t, h, 0)
		}
	})
}

func TestHistoryAgainstSet(t *testing.T) {
	r := seed.Rand(t)
	for range 20 {
		h, m := new(History), &historyModel{reported: map[uint64]int{}}
		next := r.Uint64N(3)
		for range 500 {
			switch {
			case r.IntN(10) == 0:
				m.acknowledge(h)
			case r.IntN(4) == 0:
				m.record(h, next-min(next, r.Uint64N(1200)), r.IntN(2) == 0)
			default:
				next += r.Uint64N(4) + r.Uint64N(2)*r.Uint64N(2)*r.Uint64N(300)
				m.record(h, next, true)
			}
			m.compare(t, h, 0)
		}
	}
}

// A late packet, with a counter below those that were reported often enough, is reported
// as often as any other.
func TestLatePacketIsReported(t *testing.T) {
	h, m := new(History), &historyModel{reported: map[uint64]int{}}
	for c := range uint64(100) {
		if c == 50 {
			continue
		}
		m.record(h, c, true)
		m.acknowledge(h)
	}
	m.record(h, 50, true)
	for range ackRepeats {
		m.compare(t, h, 0)
		m.record(h, m.largest+1, true)
		m.acknowledge(h)
	}
	require.Equal(t, ackRepeats, m.reported[50])
}

// Packets that were reported often enough do not make frames longer.
func TestHistoryReportsOnlyWhatIsNeeded(t *testing.T) {
	var h History
	var a wire.Ack
	for c := range uint64(1000) {
		h.Record(c, 0, true)
		if c%10 == 9 {
			h.Fill(&a, 0)
			h.Acknowledged()
			require.LessOrEqual(t, len(acknowledged(&a)), 10*ackRepeats+1)
		}
	}
}

// The largest possible counter must not reset the History with an acknowledgement
// pending.
func TestHistoryWithTheLargestCounter(t *testing.T) {
	for _, before := range [][]uint64{nil, {0}, {math.MaxUint64 - 1}} {
		h, m := new(History), &historyModel{reported: map[uint64]int{}}
		for _, c := range append(before, math.MaxUint64) {
			m.record(h, c, true)
			m.compare(t, h, 0)
		}
		m.acknowledge(h)
		m.record(h, 5, true)
		m.compare(t, h, 0)
	}
}

func TestHistoryTimes(t *testing.T) {
	var h History
	var a wire.Ack
	require.False(t, h.Fill(&a, 0))
	h.Record(7, 1000, false)
	n, _ := h.Pending()
	require.Zero(t, n, "nothing elicits an acknowledgement")
	h.Record(9, 5000, true)
	h.Record(8, 9000, true)
	n, since := h.Pending()
	require.Equal(t, 2, n)
	require.EqualValues(t, 5000, since, "when the first came")

	unit := pipeline.Time(wire.AckDelayUnit)
	for delay, want := range map[pipeline.Time]uint16{
		0: 0, unit - 1: 0, unit: 1, 100 * unit: 100, 65535 * unit: 65535, 65536 * unit: 65535, 1 << 60: 65535,
	} {
		require.True(t, h.Fill(&a, 5000+delay))
		require.Equal(t, want, a.Delay, "since the largest was received")
	}
	h.Acknowledged()
	n, _ = h.Pending()
	require.Zero(t, n)
	h.Record(10, 20_000, true)
	_, since = h.Pending()
	require.EqualValues(t, 20_000, since)
}

func TestHistoryDoesNotAllocate(t *testing.T) {
	var h History
	var a wire.Ack
	c := uint64(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		c += 3
		h.Record(c, 0, true)
		h.Record(c-1, 0, true)
		h.Fill(&a, 0)
		h.Acknowledged()
	}))
}

// An acknowledgement reports the packets since the one that was reported ackRepeats
// times, and none below, however many there are.
func TestHistoryReportsNothingBelowTheFloor(t *testing.T) {
	for n := range uint64(wire.AckBits) + 100 {
		var h History
		var a wire.Ack
		for c := range uint64(wire.AckBits) {
			h.Record(c, 0, true)
		}
		for range ackRepeats {
			h.Fill(&a, 0)
			h.Acknowledged()
		}
		for c := range n {
			h.Record(wire.AckBits+c, 0, true)
		}
		h.Fill(&a, 0)
		require.Len(t, acknowledged(&a), 1+int(min(n, wire.AckBits)), "%d packets", n)
	}
}

// An acknowledgement is repeated ackRepeats-1 times after the last packet that required
// one, and then no more, however often one is sent.
func TestRepeatsEnd(t *testing.T) {
	var h History
	for range 3 {
		h.Record(h.largest+1, 0, true)
		require.False(t, h.repeating())
		for i := range 600 {
			h.Acknowledged()
			require.Equal(t, i < ackRepeats-1, h.repeating(), i)
		}
	}
}
