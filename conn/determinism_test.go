package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// busyDay has four nodes do all that they can, and returns a hash of every
// datagram and event with its time.
func busyDay(t *testing.T, seed uint64) uint64 {
	w := newNetwork(t, seed)
	w.link = rough
	often := func(c *Config) { c.RekeyAfterPackets = 200 }
	nodes := []*node{w.node(often), w.node(often), w.node(often), w.node(often)}
	for _, a := range nodes {
		a.jobDelay = 500 * time.Microsecond
		for _, b := range nodes {
			if a != b {
				a.dial(b)
			}
		}
	}
	w.run(3 * time.Second)
	for _, a := range nodes {
		for _, b := range nodes {
			if a != b {
				(&stream{from: a, to: b, intent: pipeline.Intent(1 + w.rng.IntN(3)), channels: 5, n: 100, size: 200}).run()
			}
		}
	}
	w.run(time.Second)
	nodes[0].rebind(netAddrOf(203, 1))
	nodes[1] = nodes[1].restart(often)
	nodes[1].dial(nodes[2])
	w.link.cut = true
	w.run(10 * time.Second)
	w.link.cut = false
	w.run(10 * time.Second)
	w.checkAll()
	w.closeAll()
	return w.trace.Sum64()
}

// The same inputs at the same times give the same outputs, bit for bit.
func TestDeterminism(t *testing.T) {
	first := busyDay(t, 1)
	for range 2 {
		require.Equal(t, first, busyDay(t, 1))
	}
	require.NotEqual(t, first, busyDay(t, 2))
}
