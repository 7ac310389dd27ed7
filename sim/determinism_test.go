package sim

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// busyDay makes four nodes and the network do everything that they can, and
// returns the trace hash.
func busyDay(t *testing.T, seed uint64) string {
	w := newWorld(t, seed)
	w.SetDefault(Link{
		Delay: 5 * time.Millisecond, Jitter: 3 * time.Millisecond, Loss: 0.05, Duplicate: 0.02,
		Reorder: 0.05, ReorderDelay: 10 * time.Millisecond, Corrupt: 0.01, Truncate: 0.01,
		Burst: Burst{0.01, 0.3, 0.9}, Rate: 1 << 20,
	})
	var all []*Node
	for _, name := range []string{"a", "b", "c", "d"} {
		n := w.node(t, name, intentra.Config{RekeyAfterPackets: 200})
		n.JobDelay = 500 * time.Microsecond
		n.OnMessage = func(from intentra.PublicKey, m intentra.Message) {
			if m.Channel == 9 {
				n.Send(from, intentra.Message{Channel: 8, Intent: intentra.Latest, Payload: m.Payload})
			}
		}
		all = append(all, n)
	}
	dialAll(t, all, all)
	number := 0
	w.Every(10*time.Millisecond, func() {
		for _, n := range all {
			number++
			n.Broadcast(intentra.Message{
				Channel: uint32(number % 10), Intent: intentra.Intent(1 + w.Rand().Uint64()%3),
				Payload: fmt.Appendf(nil, "%0*d", 10+number%300, number),
			})
		}
	})
	w.run(t, 2*time.Second)
	require.NoError(t, all[0].Rebind(w.address(1000)))
	all[1].Kill()
	w.Partition(all[:1], all[2:3])
	all[3].Pause()
	w.run(t, 3*time.Second)
	require.NoError(t, all[1].Restart())
	dialAll(t, all[1:2], all)
	all[3].Resume()
	w.Heal()
	all[2].JumpClock(time.Second)
	w.run(t, 3*time.Second)
	for _, n := range all {
		require.Greater(t, n.Delivered(), uint64(500))
		require.Len(t, n.Peers(), 3)
		require.Zero(t, n.Stats().Panics)
	}
	all[0].Close()
	w.run(t, time.Second)
	return w.TraceHash()
}

func dialAll(t *testing.T, from, to []*Node) {
	for _, a := range from {
		for _, b := range to {
			if a != b {
				require.NoError(t, a.Dial(b.Key()))
			}
		}
	}
}

// The same seed gives the same run, bit for bit, with any number of processors.
func TestSameSeedSameTrace(t *testing.T) {
	race.SkipHistory(t)
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	first := busyDay(t, 1)
	require.Len(t, first, 64)
	runtime.GOMAXPROCS(2)
	require.Equal(t, first, busyDay(t, 1))
	require.NotEqual(t, first, busyDay(t, 2))
	t.Log(first) // to compare with other machines
}

// Runs that differ in one thing have different hashes.
func TestTraceTakesInEverything(t *testing.T) {
	key, other := intentra.PublicKey{1}, intentra.PublicKey{2}
	seen := map[string]int{}
	for i, note := range []func(tr *trace, n, m *Node){
		func(tr *trace, n, m *Node) {},
		func(tr *trace, n, m *Node) { tr.sent(1, n.addr, m.addr, []byte("ab")) },
		func(tr *trace, n, m *Node) { tr.sent(1, n.addr, m.addr, []byte("ac")) },
		func(tr *trace, n, m *Node) { tr.sent(2, n.addr, m.addr, []byte("ab")) },
		func(tr *trace, n, m *Node) { tr.sent(1, n.addr, n.addr, []byte("ab")) },
		func(tr *trace, n, m *Node) { tr.sent(1, m.addr, m.addr, []byte("ab")) },
		func(tr *trace, n, m *Node) { tr.event(n, Event{At: 1, Kind: 1, Peer: key}) },
		func(tr *trace, n, m *Node) { tr.event(n, Event{At: 2, Kind: 1, Peer: key}) },
		func(tr *trace, n, m *Node) { tr.event(n, Event{At: 1, Kind: 2, Peer: key}) },
		func(tr *trace, n, m *Node) { tr.event(n, Event{At: 1, Kind: 1, Peer: other}) },
		func(tr *trace, n, m *Node) { tr.event(n, Event{At: 1, Kind: 1, Peer: key, Reason: 1}) },
		func(tr *trace, n, m *Node) { tr.event(m, Event{At: 1, Kind: 1, Peer: key}) },
		func(tr *trace, n, m *Node) { tr.delivered(n, key, message("x")) },
		func(tr *trace, n, m *Node) { tr.delivered(n, key, message("y")) },
		func(tr *trace, n, m *Node) { tr.delivered(n, other, message("x")) },
		func(tr *trace, n, m *Node) { tr.delivered(m, key, message("x")) },
		func(tr *trace, n, m *Node) { tr.delivered(n, key, intentra.Message{Intent: 2, Payload: []byte("x")}) },
		func(tr *trace, n, m *Node) {
			tr.delivered(n, key, intentra.Message{Channel: 1, Intent: 1, Payload: []byte("x")})
		},
	} {
		w := New(1)
		note(&w.trace, w.node(t, "n"), w.node(t, "m"))
		first, twice := seen[w.TraceHash()]
		require.False(t, twice, "change %d has the hash of %d", i, first)
		seen[w.TraceHash()] = i
	}
}

// The hash covers messages and events, and not only datagrams: here the receiver
// changes what it delivers.
func TestTraceHasDeliveries(t *testing.T) {
	hash := func(change string, event bool) string {
		w := newWorld(t, 1)
		a := w.node(t, "a")
		b := w.node(t, "b", intentra.Config{Stages: func(s *stages.Set) error {
			s.InsertAfter("ack", pipeline.Func("change", nil, func(p *pipeline.Packet) pipeline.Verdict {
				p.SetPayload([]byte(change))
				return pipeline.Accept
			}))
			return nil
		}})
		w.connect(t, a, b)
		a.Send(b.Key(), message("x"))
		w.run(t, 10*time.Millisecond)
		if event {
			b.hear(Event{At: w.now, Kind: 1})
		}
		return w.TraceHash()
	}
	require.Equal(t, hash("y", false), hash("y", false))
	require.NotEqual(t, hash("y", false), hash("z", false))
	require.NotEqual(t, hash("y", false), hash("y", true))
}

// Dice are the same on every machine.
func TestDice(t *testing.T) {
	d := dice{New(1).stream("x", "y")}
	require.Equal(t, New(1).stream("x", "y").Uint64(), d.Uint64())
	require.NotEqual(t, New(1).stream("x", "y").Uint64(), New(1).stream("xy", "").Uint64())
	require.NotEqual(t, New(1).stream("x").Uint64(), New(2).stream("x").Uint64())
	var got []uint64
	for range 4 {
		got = append(got, d.below(1000), d.below(1<<40), d.below(1))
	}
	require.Equal(t, []uint64{
		977, 961479777840, 0, 853, 1042786628094, 0, 176, 153136827891, 0, 957, 977641697540, 0,
	}, got)
	require.Zero(t, d.below(0))
	before := *d.ChaCha8
	require.False(t, d.chance(0))
	require.True(t, d.chance(1))
	require.Equal(t, before, *d.ChaCha8, "a certain outcome draws nothing")
}
