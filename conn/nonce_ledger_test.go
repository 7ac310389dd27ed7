package conn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/keyledger"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Threat 31, and all others at once: every network of these tests has a ledger
// that sees each key and counter at the cipher (see newNetwork). Here three nodes
// that all dial each other rekey every 64 packets, move, and are killed, over a
// network that loses, doubles and reorders.
func TestNoCounterIsSealedTwice(t *testing.T) {
	seeds(t, 10, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		w.link = rough
		often := func(c *Config) {
			c.RekeyAfterPackets, c.RekeyAfter, c.Suite = 64, 3*time.Second, wire.Suite(1+seed%2)
			c.KeepAlive, c.Unanswered = 200*time.Millisecond, 500*time.Millisecond
		}
		n := []*node{w.node(often), w.node(often), w.node(often)}
		resent := w.resentInits()
		var roams, rekeys uint64
		retire := func(x *node) { roams, rekeys = roams+x.ep.stats.Roams, rekeys+x.ep.stats.Rekeys }
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
						x.push(y, uint32(step%3), pipeline.Intent(1+w.rng.IntN(3)), number(step, 100))
					}
				}
			}
			switch i := w.rng.IntN(3); {
			case step%100 == 20:
				n[i].rebind(netAddrOf(203, byte(step/100*3+i)))
			case step%300 == 170:
				retire(n[i])
				n[i] = n[i].restart(often)
				meet()
			}
			w.run(time.Duration(w.rng.IntN(50)) * time.Millisecond)
		}
		w.checkAll()
		for _, x := range n {
			retire(x)
		}
		// It has happened, and all of it was seen.
		require.Greater(t, rekeys, uint64(100))
		require.NotZero(t, roams)
		require.NotZero(t, *resent)
		require.Greater(t, w.ledger.Keys(), int(rekeys))
		w.requireAllSealed()
		require.Empty(t, w.ledger.Faults())
		t.Logf("%d keys, %d packets, %d rekeys, %d moves, %d first messages sent again", w.ledger.Keys(), w.ledger.Seals(), rekeys, roams, *resent)
	})
}

// requireAllSealed checks that the ledger has seen each data packet that was
// sent: nothing is sealed, or sent a second time, behind its back.
func (w *network) requireAllSealed() {
	w.t.Helper()
	require.Equal(w.t, w.data, w.ledger.Seals())
}

// resentInits counts the handshakes' first messages that are sent more than once.
func (w *network) resentInits() *int {
	seen, again := map[[32]byte]bool{}, new(int)
	before := w.tap
	w.tap = func(from, to netAddr, data []byte) bool {
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

// Either side is killed when the n-th datagram of the first second has left, for
// every n, and starts again with the same key: nothing is sealed twice. They are
// up again within 5 s, of the next dial if it has struck the first one.
func TestKilledAtEachDatagram(t *testing.T) {
	for killed := range 2 {
		for step := range 24 {
			t.Run(fmt.Sprintf("%d/%d", killed, step), func(t *testing.T) {
				w := newNetwork(t, uint64(step))
				often := func(c *Config) { c.RekeyAfterPackets = 16 }
				n := []*node{w.node(often), w.node(often)}
				left, struck := 0, false
				w.tap = func(netAddr, netAddr, []byte) bool {
					left++
					return true
				}
				n[0].dial(n[1])
				for range 200 {
					if n[0].up(n[1]) && n[1].up(n[0]) {
						n[0].push(n[1], 1, pipeline.Reliable, "x")
						n[1].push(n[0], 1, pipeline.Reliable, "y")
					}
					w.run(time.Millisecond)
					if left > step && !struck {
						struck = true
						n[killed] = n[killed].restart(often)
						n[0].dial(n[1])
					}
				}
				require.True(t, struck)
				up := func() bool { return n[0].up(n[1]) && n[1].up(n[0]) }
				if w.until(5*time.Second, up); !up() {
					require.Equal(t, 1, n[0].count(DialEnded))
					n[0].dial(n[1])
					w.await(5*time.Second, up)
				}
				w.requireAllSealed()
				w.checkAll()
			})
		}
	}
}

// What the ledger is for: two machines that start again with the random bytes of
// the last time make the same keys once more.
func TestFixedRandomnessIsSeen(t *testing.T) {
	w := newNetwork(t, 1)
	ledger := keyledger.New()
	w.ledger = ledger // its faults are what is wanted
	fixed := func(c *Config) { c.Rand = rand.NewChaCha8([32]byte{31: byte(len(w.nodes) % 2)}) }
	a, b := w.node(fixed), w.node(fixed)
	a.dial(b)
	w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
	require.Empty(t, ledger.Faults())

	a, b = a.restart(fixed), b.restart(fixed)
	a.dial(b)
	w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
	require.Contains(t, fmt.Sprint(ledger.Faults()), "node 3 at 10.0.0.1:1 installs the key")
	require.Contains(t, fmt.Sprint(ledger.Faults()), "node 4 at 10.0.0.2:2 seals 0 under the key")
}

// One key for both directions is seen, whichever counters it has been used for.
func TestOneKeyForBothDirectionsIsSeen(t *testing.T) {
	w := newNetwork(t, 1)
	ledger := keyledger.New()
	w.ledger = ledger
	a, b := w.node(), w.node()
	for _, n := range w.nodes {
		s := &session{peer: &Peer{}, suite: wire.AESGCM}
		*n.ep.sessions.Open(pipeline.MakeID(1, 1)) = s
		s.id = pipeline.MakeID(1, 1)
		same := &noise.Keys{Send: [32]byte{1}, Receive: [32]byte{1}}
		n.ep.in.OpenSession(pipeline.SessionNotice{Session: s.id})
		require.NotNil(t, n.ep.openEpoch(s, 0, pipeline.MakeID(9, 1), 1, same, w.now))
	}
	require.Len(t, ledger.Faults(), 1)
	require.NotSame(t, a, b)
}
