package ack

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// trackerModel remembers every packet for ever. The Tracker may treat a packet that
// it has forgotten as if it had never been sent; the model asks the Tracker only
// which packets it has forgotten.
type trackerModel struct {
	sent        map[uint64]*sentPacket
	first, next uint64
	largest     uint64 // acknowledged
	any         bool
	carrier     uint64
	total       Outcome
	eliciting   uint64
	bytes       uint64 // of the eliciting packets
	eldest      uint64 // from here on, the oldest is looked for
}

// trackerPair makes the same calls to a Tracker and to its model.
type trackerPair struct {
	t *testing.T
	Tracker
	m trackerModel
}

func newTrackerPair(t *testing.T, first uint64) *trackerPair {
	return &trackerPair{
		t:       t,
		Tracker: Tracker{next: first, low: first},
		m:       trackerModel{sent: map[uint64]*sentPacket{}, first: first, next: first},
	}
}

func (p *trackerPair) send(now pipeline.Time, messages int, state sentState, eliciting bool) {
	var want, got Outcome
	if oldest, ok := p.m.oldest(); ok && p.m.next-oldest >= trackedPackets {
		p.m.lose(oldest, &want)
	}
	size := 40 + int(p.m.next%1400)
	p.m.sent[p.m.next] = &sentPacket{at: now, messages: uint16(messages), size: uint16(size), state: state, eliciting: eliciting}
	p.m.next++
	if state == sentSkipped {
		p.Skip(&got)
	} else {
		p.Sent(now, messages, size, eliciting, &got)
		if eliciting {
			p.m.eliciting++
			p.m.bytes += uint64(size)
		}
	}
	require.Equal(p.t, want, withoutSizes(got))
	p.m.add(want)
}

// withoutSizes returns o without what TestOutcomeSizes checks.
func withoutSizes(o Outcome) Outcome {
	o.SmallestAcked, o.LargestAcked, o.LostLarge, o.LeastLost = 0, 0, 0, 0
	return o
}

func (p *trackerPair) ack(a *wire.Ack, carrier uint64, now pipeline.Time) pipeline.Verdict {
	want := p.check(a, carrier)
	before := p.Tracker
	require.Equal(p.t, want, p.Check(a, carrier))
	require.Equal(p.t, before, p.Tracker, "Check changes nothing")
	if want != pipeline.Accept {
		return want
	}
	var expected, got Outcome
	p.apply(a, carrier, now, &expected)
	p.Apply(a, carrier, now, &got)
	require.Equal(p.t, expected, withoutSizes(got))
	p.m.add(expected)
	return want
}

func (p *trackerPair) check(a *wire.Ack, carrier uint64) pipeline.Verdict {
	switch {
	case a.Largest >= p.m.next:
		return DropUnsent
	case p.m.any && carrier <= p.m.carrier:
		return pipeline.Consumed
	case p.m.any && a.Largest < p.m.largest:
		return DropBackwards
	}
	for _, c := range acknowledged(a) {
		if r := p.m.sent[c]; r != nil && r.state == sentSkipped && p.remembers(c) {
			return DropSkipped
		}
	}
	return pipeline.Accept
}

func (p *trackerPair) apply(a *wire.Ack, carrier uint64, now pipeline.Time, o *Outcome) {
	p.m.any, p.m.largest, p.m.carrier = true, a.Largest, carrier
	if r := p.m.sent[a.Largest]; r != nil && r.state == sentInFlight && r.eliciting {
		o.Sample, o.HasSample = time.Duration(now-r.at), true
	}
	for _, c := range acknowledged(a) {
		r := p.m.sent[c]
		if r == nil || !p.remembers(c) || r.state == sentAcked {
			continue
		}
		if r.eliciting {
			if r.state == sentLost {
				o.Unlost++
				o.UnlostMessages += uint64(r.messages)
			} else {
				o.Resolved += uint64(r.size)
			}
			o.Arrived += uint64(r.size)
			o.Acked++
			o.AckedMessages += uint64(r.messages)
		}
		r.state = sentAcked
	}
	for c := p.m.first; c < p.m.next && c+reorderThreshold <= a.Largest; c++ {
		p.m.lose(c, o)
	}
}

// remembers reports whether the Tracker still remembers c. It must remember all packets
// in flight and the latest ones.
func (p *trackerPair) remembers(c uint64) bool {
	r := p.at(c)
	known := r != nil && r.state != sentNone
	if m := p.m.sent[c]; m != nil && !known && (m.state == sentInFlight && m.eliciting || p.m.next-c <= firstTracked) {
		p.t.Fatalf("counter %d forgotten", c)
	}
	return known
}

func (m *trackerModel) oldest() (c uint64, ok bool) {
	for m.first < m.next && m.sent[m.first].state != sentInFlight {
		m.first++ // only to be quick
	}
	// A packet that is no longer in flight never is again.
	for m.eldest = max(m.eldest, m.first); m.eldest < m.next; m.eldest++ {
		if r := m.sent[m.eldest]; r.state == sentInFlight && r.eliciting {
			return m.eldest, true
		}
	}
	return 0, false
}

func (m *trackerModel) lose(c uint64, o *Outcome) {
	r := m.sent[c]
	if r.state != sentInFlight {
		return
	}
	r.state = sentLost
	if r.eliciting {
		o.Lost++
		o.LostMessages += uint64(r.messages)
		o.Resolved += uint64(r.size)
	}
}

func (m *trackerModel) add(o Outcome) {
	m.total.Acked += o.Acked
	m.total.Lost += o.Lost
	m.total.Unlost += o.Unlost
	m.total.Resolved += o.Resolved
}

func acknowledged(a *wire.Ack) []uint64 {
	list := []uint64{a.Largest}
	for i := range uint64(wire.AckBits) {
		if a.Bitmap[i/64]>>(i%64)&1 == 1 {
			list = append(list, a.Largest-1-i)
		}
	}
	return list
}

// compare compares all results, and checks that no packet counts twice.
func (p *trackerPair) compare() {
	require.Equal(p.t, p.m.next, p.Next())
	oldest, ok := p.m.oldest()
	at, gotOK := p.Oldest()
	require.Equal(p.t, ok, gotOK)
	inFlight, bytes, outstanding := uint64(0), uint64(0), false
	for c := oldest; ok && c < p.m.next; c++ {
		if r := p.m.sent[c]; r.state == sentInFlight && r.eliciting {
			inFlight++
			bytes += uint64(r.size)
			outstanding = outstanding || !p.m.any || c > p.m.largest
		}
	}
	if ok {
		require.Equal(p.t, p.m.sent[oldest].at, at)
	}
	require.Equal(p.t, outstanding, p.Outstanding())
	require.Equal(p.t, p.m.eliciting, p.m.total.Acked+p.m.total.Lost-p.m.total.Unlost+inFlight)
	require.Equal(p.t, p.m.bytes, p.m.total.Resolved+bytes)
	require.LessOrEqual(p.t, len(p.ring), trackedPackets)
	for c := p.m.next - min(200, uint64(len(p.m.sent))); c < p.m.next; c++ {
		r, known := p.m.sent[c], p.remembers(c)
		if p.Acked(c) != (known && r.state == sentAcked) {
			p.t.Fatalf("counter %d: acknowledged %t", c, p.Acked(c))
		}
		if (r.eliciting || !known) && p.Lost(c) != (!known || r.state == sentLost) {
			p.t.Fatalf("counter %d: lost %t", c, p.Lost(c))
		}
	}
}

func TestTrackerAgainstModel(t *testing.T) {
	r := seed.Rand(t)
	for round := range 30 {
		first := []uint64{0, 0, 1<<32 - 500, 1<<63 - 500, math.MaxUint64 - 1<<20}[round%5]
		p := newTrackerPair(t, first)
		carrier := uint64(0)
		burst := 1 + r.IntN(40)
		for now := pipeline.Time(0); now < 300; now++ {
			for range r.IntN(burst) {
				switch r.IntN(20) {
				case 0:
					p.send(now, 0, sentSkipped, false)
				case 1, 2, 3:
					p.send(now, 0, sentInFlight, false)
				default:
					p.send(now, r.IntN(10), sentInFlight, true)
				}
			}
			if r.IntN(3) == 0 && p.m.next > first {
				p.ack(p.randomAck(r.Uint64N, r.IntN(4) > 0), carrier, now)
				carrier += r.Uint64N(3)
				if r.IntN(4) == 0 {
					carrier -= min(carrier, 3)
				}
			}
			p.compare()
		}
	}
}

// randomAck acknowledges a counter near the next one, below or slightly above, and some
// below it; if honest is set, none that was skipped.
func (p *trackerPair) randomAck(n func(uint64) uint64, honest bool) *wire.Ack {
	a := &wire.Ack{Largest: p.m.next - 1 - min(n(30), p.m.next-p.m.first-1)}
	if n(20) == 0 {
		a.Largest += n(30)
	}
	for i := range uint64(wire.AckBits) {
		if c := a.Largest - 1 - i; i < a.Largest && n(5) > 0 {
			if r := p.m.sent[c]; !honest || r == nil || r.state != sentSkipped {
				a.Bitmap[i/64] |= 1 << (i % 64)
			}
		}
	}
	if r := p.m.sent[a.Largest]; honest && r != nil && r.state == sentSkipped && a.Largest > p.m.first {
		a.Largest--
		a.Bitmap = wire.AckBitmap{}
	}
	return a
}

func TestTrackerVerdicts(t *testing.T) {
	var tr Tracker
	var o Outcome
	for c := range 10 {
		if c == 4 {
			tr.Skip(&o)
			continue
		}
		tr.Sent(pipeline.Time(c), 1, 0, true, &o)
	}
	tr.Apply(&wire.Ack{Largest: 6}, 100, 20, &o)
	require.Equal(t, Outcome{Acked: 1, AckedMessages: 1, Lost: 4, LostMessages: 4, Sample: 14, HasSample: true}, o)
	for _, c := range []struct {
		name    string
		a       wire.Ack
		carrier uint64
		want    pipeline.Verdict
	}{
		{"the next", wire.Ack{Largest: 7}, 101, pipeline.Accept},
		{"the same again", wire.Ack{Largest: 6}, 101, pipeline.Accept},
		{"the last sent", wire.Ack{Largest: 9}, 101, pipeline.Accept},
		{"never sent", wire.Ack{Largest: 10}, 101, DropUnsent},
		{"never sent, by a stale carrier", wire.Ack{Largest: 10}, 1, DropUnsent},
		{"a jump of 2^63", wire.Ack{Largest: 1 << 63}, 101, DropUnsent},
		{"the greatest", wire.Ack{Largest: math.MaxUint64}, math.MaxUint64, DropUnsent},
		{"backwards", wire.Ack{Largest: 5}, 101, DropBackwards},
		{"backwards, by a stale carrier", wire.Ack{Largest: 5}, 99, pipeline.Consumed},
		{"by the same packet", wire.Ack{Largest: 7}, 100, pipeline.Consumed},
		{"skipped", wire.Ack{Largest: 7, Bitmap: wire.AckBitmap{1 << 2}}, 101, DropSkipped},
		{"beside skipped", wire.Ack{Largest: 7, Bitmap: wire.AckBitmap{^uint64(1<<2) & (1<<7 - 1)}}, 101, pipeline.Accept},
	} {
		before := tr
		require.Equal(t, c.want, tr.Check(&c.a, c.carrier), c.name)
		require.Equal(t, before, tr, c.name)
	}
	var last Tracker
	last.Sent(0, 0, 0, true, &o)
	last.Skip(&o)
	require.Equal(t, DropSkipped, last.Check(&wire.Ack{Largest: 1}, 1))
}

// The ring grows with the packets in flight up to its limit, at which the oldest are
// counted as lost.
func TestTrackerAtItsLimit(t *testing.T) {
	p := newTrackerPair(t, 0)
	for c := range 3 * trackedPackets {
		p.send(pipeline.Time(c), 2, sentInFlight, true)
		want := firstTracked
		for want < min(c+1, trackedPackets) {
			want *= 2
		}
		require.Len(t, p.ring, want)
	}
	p.compare()
	require.EqualValues(t, 2*trackedPackets, p.m.total.Lost)
	require.True(t, p.Lost(2*trackedPackets-1), "forgotten counts as lost")
	require.False(t, p.Lost(2*trackedPackets))

	var o Outcome
	p.LoseAll(&o)
	require.Equal(t, Outcome{Lost: trackedPackets, LostMessages: 2 * trackedPackets, Resolved: o.Resolved}, withoutSizes(o))
	require.Equal(t, p.m.bytes, p.m.total.Resolved+o.Resolved)
	_, waits := p.Oldest()
	require.False(t, waits)
	require.False(t, p.Outstanding())
	p.LoseAll(&o)
	require.EqualValues(t, trackedPackets, o.Lost, "only once")
}

func TestTrackerStaysSmallWithLittleInFlight(t *testing.T) {
	var tr Tracker
	var o Outcome
	for c := range uint64(10_000) {
		tr.Sent(0, 1, 0, true, &o)
		tr.Sent(0, 0, 0, false, &o)
		tr.Apply(&wire.Ack{Largest: 2*c + 1, Bitmap: wire.AckBitmap{1}}, c, 0, &o)
	}
	require.Len(t, tr.ring, firstTracked)
	require.EqualValues(t, 10_000, o.Acked)
	require.Zero(t, o.Lost)
}

// A receiver sends acknowledgements alone, which are not acknowledged.
func TestTrackerStaysSmallWithoutAckEliciting(t *testing.T) {
	var tr Tracker
	for range 10_000 {
		tr.Sent(0, 0, 0, false, new(Outcome))
	}
	require.Len(t, tr.ring, firstTracked)
}

// RFC 9002 section 6.1.1, with its threshold of three packets.
func TestTrackerLossThreshold(t *testing.T) {
	for largest, lost := range []uint64{0, 0, 0, 1, 2, 3} {
		var tr Tracker
		var o Outcome
		for range 6 {
			tr.Sent(0, 1, 0, true, &o)
		}
		tr.Apply(&wire.Ack{Largest: uint64(largest)}, 0, 0, &o)
		require.Equal(t, lost, o.Lost, "largest %d", largest)
	}
}

func TestTrackerDoesNotAllocate(t *testing.T) {
	var tr Tracker
	var o Outcome
	a := &wire.Ack{Bitmap: wire.AckBitmap{1}}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		tr.Sent(0, 1, 0, true, &o)
		tr.Skip(&o)
		tr.Sent(0, 1, 0, true, &o)
		a.Largest, a.Bitmap[0] = tr.Next()-1, 0
		if tr.Check(a, tr.Next()) == pipeline.Accept {
			tr.Apply(a, tr.Next(), 0, &o)
		}
	}))
	require.NotZero(t, o.Acked)
}

func ExampleTracker() {
	var t Tracker
	var o Outcome
	for range 5 {
		t.Sent(0, 1, 0, true, &o)
	}
	t.Apply(&wire.Ack{Largest: 4, Bitmap: wire.AckBitmap{0b101}}, 0, 1000, &o) // 4, 3, 1
	fmt.Println(o.Acked, "acknowledged,", o.Lost, "lost, round trip", o.Sample)
	// Output: 3 acknowledged, 1 lost, round trip 1µs
}

// SentBelow has the effect of sending each packet, whatever was in flight, and takes no
// longer for a distant counter.
func TestTrackerSentBelow(t *testing.T) {
	for _, gap := range []uint64{0, 1, 7, 8, 9, trackedPackets - 1, trackedPackets, trackedPackets + 1, trackedPackets + 5, 3 * trackedPackets} {
		var one, all Tracker
		var want, got Outcome
		for i := range 5 {
			one.Sent(pipeline.Time(i), 1, 0, true, &want)
			all.Sent(pipeline.Time(i), 1, 0, true, &got)
		}
		for range gap {
			one.Sent(9, 0, 0, false, &want)
		}
		all.SentBelow(5+gap, 9, &got)
		all.SentBelow(5, 9, &got) // not back
		one.Sent(10, 1, 0, true, &want)
		all.Sent(10, 1, 0, true, &got)
		require.Equal(t, one.Next(), all.Next())
		require.Equal(t, want, got, gap)
		for _, largest := range []uint64{3, 5 + gap, 6 + gap} {
			a := wire.Ack{Largest: largest, Bitmap: wire.AckBitmap{0b1001}}
			v := one.Check(&a, largest)
			require.Equal(t, v, all.Check(&a, largest), "%d, %d", gap, largest)
			if v == pipeline.Accept {
				one.Apply(&a, largest, 20, &want)
				all.Apply(&a, largest, 20, &got)
				require.Equal(t, want, got, "%d, %d", gap, largest)
			}
		}
	}
	var far Tracker
	far.SentBelow(math.MaxUint64, 9, new(Outcome))
	require.EqualValues(t, uint64(math.MaxUint64), far.Next())
	require.LessOrEqual(t, len(far.ring), trackedPackets)
}

// The counter that comes next is not acknowledged, although the ring has its place
// already, which a packet of a ring earlier holds.
func TestTrackerNextCounterIsNotAcked(t *testing.T) {
	var tr Tracker
	var o Outcome
	for c := range uint64(3 * trackedPackets) {
		require.False(t, tr.Acked(c))
		tr.Sent(0, 1, 100, true, &o)
		a := &wire.Ack{Largest: c}
		require.Equal(t, pipeline.Accept, tr.Check(a, c))
		tr.Apply(a, c, 0, &o)
		require.True(t, tr.Acked(c))
	}
}

// The messages and bytes of a packet are counted up to what fits in its record.
func TestTrackerCountsSaturate(t *testing.T) {
	for _, n := range []int{0, 1, math.MaxUint16, math.MaxUint16 + 1, math.MaxUint16 + 2, math.MaxInt} {
		var tr Tracker
		var o Outcome
		tr.Sent(0, n, n, true, &o)
		tr.LoseAll(&o)
		require.EqualValues(t, min(n, math.MaxUint16), o.LostMessages)
		require.EqualValues(t, min(n, math.MaxUint16), o.Resolved)
	}
}

// Packets in flight stay so when counters a little above them are recorded as sent.
func TestTrackerSentBelowKeepsPacketsInFlight(t *testing.T) {
	var tr Tracker
	var o Outcome
	const first = trackedPackets + 1000
	tr.SentBelow(first, 0, &o)
	tr.Sent(0, 1, 100, true, &o)
	tr.SentBelow(first+5, 0, &o)
	require.EqualValues(t, first+5, tr.Next())
	require.True(t, tr.Outstanding())
	require.Zero(t, o)
	a := &wire.Ack{Largest: first}
	require.Equal(t, pipeline.Accept, tr.Check(a, 0))
	tr.Apply(a, 0, 0, &o)
	require.EqualValues(t, 1, o.Acked)
}

// Acknowledgements of the next epoch decide packets of this one, but not before there is
// one.
func TestTrackerOvertaken(t *testing.T) {
	var before, next Tracker
	var o Outcome
	for range 10 {
		before.Sent(0, 1, 100, true, &o)
		next.Sent(0, 1, 100, true, &o)
	}
	before.overtakenBy(&next, &o)
	require.Zero(t, o)
	for c := range uint64(10) {
		next.Apply(&wire.Ack{Largest: c}, c, 0, &o)
		o = Outcome{}
		before.overtakenBy(&next, &o)
		require.Equal(t, c >= reorderThreshold-1, before.Lost(9), "after packet %d of the next epoch", c)
	}
}
