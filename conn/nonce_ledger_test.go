package conn_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/keyledger"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Threat 31: every world of these tests has a ledger that sees each key and
// counter at the cipher (see newWorld). Here three nodes that all dial each other
// rekey every 64 packets, move, and are killed, over a network that loses,
// duplicates and reorders.
func TestNoCounterIsSealedTwice(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		w.setLink(rough)
		often := func(c *conn.Config) {
			c.RekeyAfterPackets, c.RekeyAfter, c.Suite = 64, 3*time.Second, wire.Suite(1+seed%2)
			c.KeepAlive, c.Unanswered = 200*time.Millisecond, 500*time.Millisecond
		}
		n := []*node{w.node(often), w.node(often), w.node(often)}
		resent := w.resentInits()
		var roams, rekeys uint64
		retire := func(x *node) { roams, rekeys = roams+x.Stats().Roams, rekeys+x.Stats().Rekeys }
		meet := func() {
			for _, x := range n {
				for _, y := range n {
					if x != y {
						x.dial(y)
					}
				}
			}
		}
		meet()
		for step := range 1500 {
			for _, x := range n {
				for _, y := range n {
					if x != y && x.up(y) {
						x.push(y, uint32(step%3), pipeline.Intent(1+w.Rand().IntN(3)), number(step, 100))
					}
				}
			}
			switch i := w.Rand().IntN(3); {
			case step%100 == 20:
				n[i].rebind(otherAddr(203, byte(step/100*3+i)))
			case step%300 == 170:
				retire(n[i])
				n[i].restart()
				meet()
			}
			w.run(time.Duration(w.Rand().IntN(50)) * time.Millisecond)
		}
		w.checkAll()
		for _, x := range n {
			retire(x)
		}
		// All of this has happened, and the ledger has seen it.
		require.Greater(t, rekeys, uint64(100))
		require.NotZero(t, roams)
		require.NotZero(t, *resent)
		require.Greater(t, w.ledger.Keys(), int(rekeys))
		w.requireAllSealed()
		require.Empty(t, w.ledger.Faults())
		t.Logf("%d keys, %d packets, %d rekeys, %d address changes, %d first messages sent again", w.ledger.Keys(), w.ledger.Seals(), rekeys, roams, *resent)
	})
}

// requireAllSealed checks that the ledger has seen each data packet that was
// sent: none is sealed, or sent twice, without it.
func (w *world) requireAllSealed() {
	w.t.Helper()
	w.run(0) // sealed packets have left
	require.Equal(w.t, w.data, w.ledger.Seals())
}

// resentInits counts the first messages of handshakes that are sent more than
// once.
func (w *world) resentInits() *int {
	seen, again := map[[32]byte]bool{}, new(int)
	before := w.tap
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if t, _, ok := wire.Peek(data); ok && t == wire.TypeInit {
			if ephemeral := [32]byte(wire.NoiseMessage(data)); seen[ephemeral] {
				*again++
			} else {
				seen[ephemeral] = true
			}
		}
		return before == nil || before(from, to, data)
	}
	return again
}

// Either side is killed after the n-th datagram of the first second, for every n,
// and starts again with the same key: nothing is sealed twice. They are connected
// again within 5 s, or within 5 s of the next dial if the first one had failed.
func TestKilledAtEachDatagram(t *testing.T) {
	for killed := range 2 {
		for step := range 24 {
			t.Run(fmt.Sprintf("%d/%d", killed, step), func(t *testing.T) {
				w := newWorld(t, uint64(step))
				often := func(c *conn.Config) { c.RekeyAfterPackets = 16 }
				n := []*node{w.node(often), w.node(often)}
				left, struck := 0, false
				w.tap = func(netip.AddrPort, netip.AddrPort, []byte) bool {
					left++
					return true
				}
				n[0].dial(n[1])
				for range 200 {
					if bothUp(n[0], n[1]) {
						n[0].push(n[1], 1, pipeline.Reliable, "x")
						n[1].push(n[0], 1, pipeline.Reliable, "y")
					}
					w.run(time.Millisecond)
					if left > step && !struck {
						struck = true
						n[killed].restart()
						n[0].dial(n[1])
					}
				}
				require.True(t, struck)
				up := func() bool { return bothUp(n[0], n[1]) }
				if w.until(5*time.Second, up); !up() {
					require.Equal(t, 1, n[0].count(conn.DialEnded))
					n[0].dial(n[1])
					w.await(5*time.Second, up)
				}
				w.requireAllSealed()
				w.checkAll()
			})
		}
	}
}

// Two machines that are started again with the random bytes of the last time make
// the same keys again: the ledger reports it.
func TestLedgerReportsRepeatedKeys(t *testing.T) {
	w := newWorld(t, 1)
	ledger := keyledger.New()
	w.ledger = ledger // its faults are expected, and do not fail the test
	var random [2]*rand.ChaCha8
	reset := func() {
		for i := range random {
			random[i] = rand.NewChaCha8([32]byte{31: byte(i)})
		}
	}
	reset()
	fixed := func(i int) func(*conn.Config) {
		return func(c *conn.Config) {
			c.Rand = readerFunc(func(b []byte) (int, error) { return random[i].Read(b) })
		}
	}
	a, b := w.node(fixed(0)), w.node(fixed(1))
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	require.Empty(t, ledger.Faults())

	reset()
	a.restart()
	b.restart()
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	require.Contains(t, fmt.Sprint(ledger.Faults()), "n1 (process 2) installed key")
	require.Contains(t, fmt.Sprint(ledger.Faults()), "n2 (process 2) sealed packet 0 under key")
}

type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// One key for both directions is reported, whichever counters it has been used
// for.
func TestLedgerReportsOneKeyForBothDirections(t *testing.T) {
	w := newWorld(t, 1)
	ledger := keyledger.New()
	w.ledger = ledger
	for _, n := range []*node{w.node(), w.node()} {
		n.Endpoint().InstallOneKeyForBothDirections(w.Now())
	}
	require.Len(t, ledger.Faults(), 1)
}
