package sim

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// newWorld returns a world with the conservation check, and logs its seed if the
// test fails.
func newWorld(t testing.TB, seed uint64) *World {
	w := New(seed)
	w.Check("conservation", Conservation)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return w
}

// node adds a node that allows every key.
func (w *World) node(t testing.TB, name string, cfg ...intentra.Config) *Node {
	cfg = append(cfg, intentra.Config{})
	c := cfg[0]
	if c.Authorize == nil {
		c.Authorize = intentra.AllowAny
	}
	n, err := w.Node(name, netip.AddrPort{}, c)
	require.NoError(t, err)
	return n
}

// pair returns two nodes, the first of which has dialled the second.
func (w *World) pair(t testing.TB, cfg ...intentra.Config) (a, b *Node) {
	a, b = w.node(t, "a", cfg...), w.node(t, "b", cfg...)
	w.connect(t, a, b)
	return a, b
}

func (w *World) connect(t testing.TB, a, b *Node) {
	require.NoError(t, a.Dial(b.Key()))
	w.await(t, 5*time.Second, func() bool { return a.Connected(b.Key()) && b.Connected(a.Key()) })
}

func (w *World) await(t testing.TB, d time.Duration, done func() bool) time.Duration {
	took, ok := w.Until(d, done)
	require.NoError(t, w.Err())
	require.True(t, ok, "not within %v", d)
	return took
}

func (w *World) run(t testing.TB, d time.Duration) { require.NoError(t, w.Run(d)) }

// wireTest is a link between two nodes over which a test sends its own datagrams,
// with those that have arrived.
type wireTest struct {
	t    *testing.T
	w    *World
	a, b *Node
	came []arrival
	sent int
}

type spy struct{ pipeline.Stage }

func (spy) ReadsPlaintext() bool { return false }

type arrival struct {
	after time.Duration // since it was sent
	data  []byte
	from  netip.AddrPort
}

// overLink makes the receiver record what arrives, by a stage before all others.
func overLink(t *testing.T, seed uint64, l Link) *wireTest {
	wt := &wireTest{t: t, w: newWorld(t, seed)}
	look := func(p *pipeline.Packet) pipeline.Verdict {
		a := arrival{data: bytes.Clone(p.Data), from: p.Addr}
		if len(p.Data) >= 16 {
			a.after = time.Duration(uint64(p.Now) - binary.BigEndian.Uint64(p.Data[8:]))
		}
		wt.came = append(wt.came, a)
		return pipeline.DropFirst
	}
	wt.a = wt.w.node(t, "a")
	wt.b = wt.w.node(t, "b", intentra.Config{Stages: func(s *stages.Set) error {
		s.InsertBefore("cookie", spy{pipeline.Func("spy", []string{"seen"}, look)})
		return nil
	}})
	wt.w.SetLink(wt.a, wt.b, l)
	return wt
}

// send sends a datagram of n bytes, at least 16, that contains its number and its
// time.
func (wt *wireTest) send(n int) {
	data := make([]byte, n)
	binary.BigEndian.PutUint64(data, uint64(wt.sent))
	binary.BigEndian.PutUint64(data[8:], uint64(wt.w.now))
	wt.sent++
	wt.w.send(wt.a, wire.Datagram{Data: data, Addr: wt.b.addr})
}

// stream sends count datagrams with a pause between them, and waits for them.
func (wt *wireTest) stream(count int, pause time.Duration) LinkStats {
	for range count {
		wt.send(100)
		wt.w.run(wt.t, pause)
	}
	wt.w.run(wt.t, time.Hour)
	s := wt.stats()
	require.Zero(wt.t, s.InFlight)
	require.True(wt.t, s.conserved(), "%+v", s)
	return s
}

func (wt *wireTest) stats() LinkStats { return wt.w.LinkStats(wt.a, wt.b) }

func (a arrival) number() int { return int(binary.BigEndian.Uint64(a.data)) }

// about requires that got, of n trials with probability p, is within five
// standard deviations of the mean. One seed in two million is not.
func about(t testing.TB, n int, p float64, got uint64) {
	variance := float64(n) * p * (1 - p)
	off := float64(got) - float64(n)*p
	require.LessOrEqual(t, off*off, 25*variance, "%d of %d with p = %v", got, n, p)
}
