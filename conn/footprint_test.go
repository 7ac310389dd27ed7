package conn

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heapInUse returns the bytes of all that is reachable.
func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first has left to finalizers and pools
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// footprint is what a peer may take of the heap, in bytes, in the core and all
// stages.
const footprint = 4096

// An idle peer, with one session of one epoch and all that the stages keep for
// it, takes little at either end. The dialling end also has the identity.
func TestFootprint(t *testing.T) {
	const waves, size = 16, 64 // whole pages of slots
	w := newNetwork(t, 1)
	w.ledger = nil // remembers every key
	crowd := func(c *Config) {
		c.MaxHandshakes, c.MaxHandshakesPerAddress = size, size
		c.HandshakeRate, c.HandshakeBurst = 1e6, size
	}
	a, b := w.node(crowd), w.node(crowd)
	a.book[b.key] = b.addr
	connect := func(n int) {
		up := b.ep.stats.Sessions
		for range n {
			_, err := a.ep.DialAs(w.newIdentity(), b.key, w.now)
			require.NoError(t, err)
		}
		a.turn()
		w.await(20*time.Second, func() bool { return b.ep.stats.Sessions == up+n })
	}
	settle := func() int {
		w.run(20 * time.Second)
		w.queue, a.events, b.events = nil, nil, nil
		return heapInUse()
	}
	connect(size)
	before := settle()
	for range waves {
		connect(size)
	}
	each := (settle() - before) / (2 * waves * size)
	require.Equal(t, (waves+1)*size, a.ep.stats.Sessions)
	t.Logf("%d B a peer", each)
	require.LessOrEqual(t, each, footprint)
	runtime.KeepAlive(w)
}
