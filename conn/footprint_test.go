package conn_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
)

// footprint is the most that an idle peer may take of the heap, in bytes, in the
// core and all stages.
const footprint = 4096

// An idle peer, with one session of one epoch and all that the stages keep for
// it, stays within footprint at either end. The dialling end also has the
// identity.
func TestFootprint(t *testing.T) {
	const waves, size = 16, 64 // whole pages of slots
	w := newWorld(t, 1)
	w.ledger = nil // remembers every key
	crowd := func(c *conn.Config) {
		c.MaxHandshakes, c.MaxHandshakesPerAddress = size, size
		c.HandshakeRate, c.HandshakeBurst = 1e6, size
	}
	a, b := w.node(crowd), w.node(crowd)
	connect := func(n int) {
		up := b.Stats().Sessions
		for range n {
			a.dialAs(w.newIdentity(), b)
		}
		w.await(20*time.Second, func() bool { return b.Stats().Sessions == up+n })
	}
	settle := func() int {
		w.run(20 * time.Second)
		a.events, b.events = nil, nil
		return conn.HeapInUse()
	}
	connect(size)
	before := settle()
	for range waves {
		connect(size)
	}
	each := (settle() - before) / (2 * waves * size)
	require.Equal(t, (waves+1)*size, a.Stats().Sessions)
	t.Logf("%d B a peer", each)
	require.LessOrEqual(t, each, footprint)
	runtime.KeepAlive(w)
}
