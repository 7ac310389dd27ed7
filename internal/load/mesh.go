package load

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra/internal/histogram"
)

// What we chose.
const (
	// membersPerSender is how many members one goroutine sends for, as long as there
	// are CPUs for more goroutines.
	membersPerSender = 500
	// From latencyAll deliveries a second on, reading the clock and recording each
	// latency would be a good part of the load, so only one state in latencySampled
	// has its latency measured.
	latencyAll     = 200_000
	latencySampled = 8
	// meshDrain is how long Drain waits, and meshQuiet how long without deliveries.
	meshDrain = 10 * time.Second
	meshQuiet = 300 * time.Millisecond
)

// Mesh is a load in which each member sends states to all others, through whatever
// relays them. Every byte that arrives is checked.
type Mesh struct {
	rate     float64
	size     int
	duration time.Duration
	send     func(i int, payload []byte) error
	members  []meshMember
	fan      int // deliveries of each state
	gate     *gate
	late     atomic.Uint64
	latency  histogram.Histogram
}

// meshMember is one member. seen belongs to the goroutine that calls Receive for it,
// sequence to the one that sends for it.
type meshMember struct {
	sequence uint64
	seen     []arrivals // by sender

	sent, delivered, corrupt, repeated atomic.Uint64
	skipped                            atomic.Int64 // states that newer ones of their sender have overtaken

	_ [64]byte // members are used on several CPUs, which should not share a cache line
}

// MeshCounts are the counts of a Mesh so far.
type MeshCounts struct {
	// Sent counts states, Late those of them that were sent more than a period after
	// they were due.
	Sent, Late uint64
	// Delivered counts those that arrived, at each member. Corrupt counts those that differ
	// from what was sent, Repeated those that arrived again.
	Delivered, Corrupt, Repeated uint64
	Latency                      *histogram.Snapshot
}

// NewMesh returns a Mesh of some members, each of which sends rate states of size bytes per
// second, at least MinState, for the duration. send sends a state from member i, and does
// not keep the payload; a state for which it returns an error does not count as sent.
func NewMesh(members int, rate float64, size int, duration time.Duration, send func(i int, payload []byte) error) *Mesh {
	m := &Mesh{
		rate: rate, size: size, duration: duration, send: send,
		members: make([]meshMember, members), fan: members - 1, gate: newGate(members, rate),
	}
	for i := range m.members {
		m.members[i].seen = make([]arrivals, members)
	}
	return m
}

// SetFan says to how many members each state is sent, if not to all others. It is called
// before Send.
func (m *Mesh) SetFan(n int) { m.fan = n }

// Counts returns what has been counted so far.
func (m *Mesh) Counts() MeshCounts {
	c := MeshCounts{Late: m.late.Load(), Latency: m.latency.Snapshot()}
	for i := range m.members {
		p := &m.members[i]
		c.Sent += p.sent.Load()
		c.Delivered += p.delivered.Load()
		c.Corrupt += p.corrupt.Load()
		c.Repeated += p.repeated.Load()
	}
	return c
}

// Receive checks and counts a state that has arrived at a member. It is called from one
// goroutine at a time for each member, and does not keep the payload.
func (m *Mesh) Receive(to int, payload []byte) {
	p := &m.members[to]
	s, ok := readState(payload, m.size)
	if !ok || int(s.ID) >= len(m.members) || int(s.ID) == to {
		p.corrupt.Add(1)
		return
	}
	seen := &p.seen[s.ID]
	ahead := int32(uint32(s.sequence) - seen.next)
	if seen.repeated(s.sequence) {
		p.repeated.Add(1)
		return
	}
	if ahead != 0 { // positive: some are missing; negative: one is not any more
		p.skipped.Add(int64(max(ahead, -1)))
	}
	if s.sequence%latencySampled == 0 || float64(len(m.members)*len(m.members))*m.rate < latencyAll {
		m.latency.Record(Now() - s.At)
	}
	p.delivered.Add(1)
}

// Send sends the states of all members, spread evenly over the period, until the end of the
// duration or of ctx. It returns how long that was, and how many states fell due in that
// time.
func (m *Mesh) Send(ctx context.Context) (took time.Duration, asked uint64) {
	n := min(runtime.GOMAXPROCS(0), 1+len(m.members)/membersPerSender)
	start := Now()
	watching, stop := context.WithCancel(ctx)
	var watch, senders sync.WaitGroup
	watch.Go(func() { m.gate.watch(watching, m.settled) })
	defer watch.Wait()
	defer stop()
	var offered atomic.Uint64
	for i := range n {
		var share []int
		for j := i; j < len(m.members); j += n {
			share = append(share, j)
		}
		senders.Go(func() { offered.Add(m.sendFor(ctx, start, share)) })
	}
	senders.Wait()
	return Now() - start, offered.Load()
}

// settled returns how many states have arrived at all members, or were overtaken by newer
// ones on the way, judging by the sum of all. A state that was displaced from a queue must
// not count as under way until nothing arrives any more: it would close the gate, and those that
// wait for it are late.
func (m *Mesh) settled() int64 {
	n := int64(m.delivered())
	for i := range m.members {
		n += m.members[i].skipped.Load()
	}
	return n / int64(max(m.fan, 1))
}

func (m *Mesh) delivered() (n uint64) {
	for i := range m.members {
		n += m.members[i].delivered.Load()
	}
	return n
}

// sendFor sends the states of some members in turn, and returns how many fell
// due. A state for which the gate is closed waits, and one that has not been
// sent by the end of the duration is never sent. sendFor does not return
// before that end, unless ctx ends.
func (m *Mesh) sendFor(ctx context.Context, start time.Duration, members []int) (offered uint64) {
	p := &Pacer{Start: start, Rate: m.rate * float64(len(members)), Duration: m.duration}
	period := time.Duration(float64(time.Second) / m.rate)
	buf := make([]byte, m.size)
	turn := 0
	for due, ok := p.Wait(ctx); ok; due, ok = p.Wait(ctx) {
		if !m.gate.wait(ctx, start+m.duration) {
			continue // Wait returns false, and accounts for all states that are due
		}
		if sent := m.sendState(members[turn], buf); sent-due > period {
			m.late.Add(1)
		}
		turn = (turn + 1) % len(members)
	}
	SleepUntil(ctx, start+m.duration)
	return p.Offered()
}

// sendState sends the next state of a member and returns the time of that. The number of
// a state that is rejected, because the connection is down, is used again.
func (m *Mesh) sendState(i int, buf []byte) time.Duration {
	p := &m.members[i]
	s := state{Stamp{At: Now(), ID: uint32(i)}, p.sequence}
	s.fill(buf)
	if m.send(i, buf) == nil {
		p.sequence++
		p.sent.Add(1)
		m.gate.sent.Add(1)
	}
	return s.At
}

// Drain waits until every state that was sent has arrived at all others, or nothing
// arrives any more.
func (m *Mesh) Drain() {
	expected := m.Counts().Sent * uint64(m.fan)
	_ = Drain(context.Background(), expected, meshQuiet, meshDrain, func() (uint64, error) { return m.delivered(), nil })
}
