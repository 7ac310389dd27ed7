package conn

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/keyledger"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// network is a virtual clock and the datagrams under way. All of it is decided
// by the seed: the same test does the same, bit for bit.
type network struct {
	t     testing.TB
	seed  uint64
	rng   *rand.Rand
	now   pipeline.Time
	nodes []*node
	queue happenings
	order uint64

	// link is what every datagram goes through, unless links is set.
	link  link
	links func(from, to netip.AddrPort) link
	// tap sees each datagram that a node sends, and drops it by returning
	// false. data is good until it returns.
	tap func(from, to netip.AddrPort, data []byte) bool
	// trace takes in all that a node has sent and all its events.
	trace hash.Hash64

	// ledger sees each key and counter that any node ever seals with; a fault
	// fails the test. Nil for nodes that are made without.
	ledger *keyledger.Ledger
	data   uint64 // data packets that the nodes have sent
}

// link is one way from an address to another. Datagrams overtake each other as
// far as jitter lets them.
type link struct {
	delay, jitter time.Duration
	loss, dup     float64
	cut           bool
}

// happening is what is due at a time: a datagram arrives, a job is done.
type happening struct {
	at    pipeline.Time
	order uint64
	do    func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(v any)   { *h = append(*h, v.(happening)) }
func (h *happenings) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// newNetwork makes an empty network and, if the test fails, tells its seed.
func newNetwork(t testing.TB, seed uint64) *network {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	w := &network{
		t: noHelper{t}, seed: seed, rng: rand.New(rand.NewChaCha8(key)), now: pipeline.Time(time.Hour),
		link: link{delay: 5 * time.Millisecond}, trace: fnv.New64a(),
	}
	if _, measured := t.(*testing.B); !measured {
		ledger := keyledger.New()
		w.ledger = ledger
		t.Cleanup(func() { assert.Empty(t, ledger.Faults()) })
	}
	return w
}

// noHelper spares the walk up the stack with which testify, that prints a trace
// of its own, begins each assertion: it took a quarter of the time of fuzzing.
type noHelper struct{ testing.TB }

func (noHelper) Helper() {}

// after has do called when d has passed.
func (w *network) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, happening{at: later(w.now, d), order: w.order, do: do})
}

// send puts a datagram on its way.
func (w *network) send(from, to netip.AddrPort, data []byte) {
	w.note(uint64(w.now), uint64(from.Port()), uint64(to.Port()))
	_, _ = w.trace.Write(data)
	if t, _, ok := wire.Peek(data); ok && t == wire.TypeData {
		w.data++
	}
	if w.tap != nil && !w.tap(from, to, data) {
		return
	}
	w.carry(from, to, data)
}

// carry takes a datagram through its link.
func (w *network) carry(from, to netip.AddrPort, data []byte) {
	l := w.link
	if w.links != nil {
		l = w.links(from, to)
	}
	if l.cut || w.rng.Float64() < l.loss {
		return
	}
	copies := 1
	if w.rng.Float64() < l.dup {
		copies = 2
	}
	for range copies {
		d := l.delay
		if l.jitter > 0 {
			d += time.Duration(w.rng.Int64N(int64(l.jitter)))
		}
		w.inject(from, to, data, d)
	}
}

// inject has a datagram arrive after d, whatever the links say.
func (w *network) inject(from, to netip.AddrPort, data []byte, d time.Duration) {
	data = append([]byte(nil), data...)
	w.after(d, func() {
		for _, n := range w.nodes {
			if n.addr == to && !n.dead {
				n.ep.HandleDatagram(data, from, w.now)
				n.turn()
			}
		}
	})
}

func (w *network) note(values ...uint64) {
	for _, v := range values {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		_, _ = w.trace.Write(b[:])
	}
}

// step moves the clock to the next thing due, if that is not behind the limit.
func (w *network) step(limit pipeline.Time) bool {
	at, who := limit+1, (*node)(nil)
	if len(w.queue) > 0 {
		at = min(at, w.queue[0].at)
	}
	for _, n := range w.nodes {
		if d, ok := n.ep.Deadline(); ok && !n.dead && d < at {
			at, who = d, n
		}
	}
	if at > limit {
		w.now = limit
		return false
	}
	w.now = max(w.now, at)
	if who != nil {
		who.turn()
		return true
	}
	heap.Pop(&w.queue).(happening).do()
	return true
}

// run lets the time pass. It fails if the clock stands still.
func (w *network) run(d time.Duration) {
	w.t.Helper()
	w.until(d, func() bool { return false })
}

// until runs at most d, until done, and returns how long it took.
func (w *network) until(d time.Duration, done func() bool) time.Duration {
	w.t.Helper()
	start, same := w.now, 0
	for before := w.now; !done() && w.step(later(start, d)); before = w.now {
		if same++; w.now != before {
			same = 0
		}
		require.Less(w.t, same, 100_000, "the clock stands still")
	}
	return time.Duration(w.now - start)
}

// await runs until done, and fails if that takes longer than d.
func (w *network) await(d time.Duration, done func() bool) time.Duration {
	w.t.Helper()
	took := w.until(d, done)
	require.True(w.t, done(), "not within %v", d)
	return took
}

// kinds counts the datagrams that the nodes send from here on, by type.
func (w *network) kinds() map[wire.PacketType]int {
	counts := map[wire.PacketType]int{}
	before := w.tap
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		counts[wire.PacketType(data[0]&15)]++
		return before == nil || before(from, to, data)
	}
	return counts
}

// seeds runs a test with many seeds, as subtests named after them; with -short
// a tenth of them.
func seeds(t *testing.T, n uint64, f func(t *testing.T, seed uint64)) {
	if testing.Short() {
		n = (n + 9) / 10
	}
	for seed := range n {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { f(t, seed) })
	}
}

type netAddr = netip.AddrPort

func addrPort(s string) netAddr { return netip.MustParseAddrPort(s) }
