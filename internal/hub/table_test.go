package hub

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Compared with a model: no two mappings share a number, a mapping never changes,
// numbers stay below the cap, and Len is exact.
func TestAgainstModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var table Table
	var publishers []*Publisher
	for range 20 {
		publishers = append(publishers, table.Join())
	}
	type name struct {
		publisher int
		channel   uint32
	}
	model := map[name]uint32{}
	owner := map[uint32]name{}
	for range 20_000 {
		i := rnd.IntN(len(publishers))
		if rnd.IntN(200) == 0 {
			publishers[i].Leave()
			for n, own := range model {
				if n.publisher == i {
					delete(model, n)
					delete(owner, own)
				}
			}
			continue
		}
		n := name{i, rnd.Uint32N(50)}
		own, ok := publishers[i].Map(n.channel)
		require.True(t, ok)
		if want, known := model[n]; known {
			require.Equal(t, want, own)
		} else if _, taken := owner[own]; taken || own >= 20*50 {
			require.Fail(t, "taken, or not reused before new ones are given out", "%d", own)
		}
		model[n], owner[own] = own, n
		if len(model) != table.Len() {
			require.Equal(t, len(model), table.Len())
		}
	}
}

func TestCapOfPublisher(t *testing.T) {
	var table Table
	greedy, modest := table.Join(), table.Join()
	for c := range uint32(MaxPerPublisher) {
		_, ok := greedy.Map(c)
		require.True(t, ok)
	}
	_, ok := greedy.Map(MaxPerPublisher)
	require.False(t, ok)
	require.Equal(t, MaxPerPublisher, greedy.Len())

	own, ok := greedy.Map(5)
	require.True(t, ok, "known channels go on at the cap")
	require.EqualValues(t, 5, own)
	_, ok = modest.Map(1)
	require.True(t, ok, "the others have their own cap")

	greedy.Leave()
	require.Zero(t, greedy.Len())
	require.Equal(t, 1, table.Len())
	_, ok = greedy.Map(MaxPerPublisher)
	require.True(t, ok)
}

func TestCapOfTable(t *testing.T) {
	var table Table
	var publishers []*Publisher
	for range MaxTotal / MaxPerPublisher {
		p := table.Join()
		publishers = append(publishers, p)
		for c := range uint32(MaxPerPublisher) {
			if own, ok := p.Map(c); !ok || own >= MaxTotal {
				require.Fail(t, "full too early", "%d %v", own, ok)
			}
		}
	}
	late := table.Join()
	_, ok := late.Map(0)
	require.False(t, ok)
	require.Equal(t, MaxTotal, table.Len())
	require.Zero(t, late.Len())

	publishers[3].Leave()
	for c := range uint32(MaxPerPublisher) {
		own, ok := late.Map(c)
		require.True(t, ok)
		require.EqualValues(t, 3*MaxPerPublisher+c, own, "the channel freed first is used first")
	}
	_, ok = publishers[3].Map(0)
	require.False(t, ok)
	require.Equal(t, MaxTotal, table.Len())
}

func TestLeaveTwice(t *testing.T) {
	var table Table
	p, q := table.Join(), table.Join()
	a, _ := p.Map(1)
	p.Leave()
	p.Leave()
	require.Zero(t, table.Len())
	b, _ := p.Map(1)
	c, _ := q.Map(1)
	require.Equal(t, a, b)
	require.NotEqual(t, b, c, "a number freed twice would go to two publishers")
}

// Repeated joining, mapping and leaving needs no more memory than one round.
func TestFreedStaysBounded(t *testing.T) {
	var table Table
	for range 100 {
		p := table.Join()
		for c := range uint32(100) {
			p.Map(c)
		}
		p.Leave()
		require.LessOrEqual(t, len(table.freed), 100)
	}
	require.EqualValues(t, 100, table.next)
	require.Less(t, cap(table.freed), 1000)
}

func TestMapDoesNotAllocate(t *testing.T) {
	var table Table
	p := table.Join()
	p.Map(7)
	require.Zero(t, testing.AllocsPerRun(1000, func() { p.Map(7) }))
}

// FuzzTable runs a malicious publisher next to an honest one. Whatever the former
// maps, the mapping of the latter does not change.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 1, 2, 255, 3, 255, 255, 1})
	f.Fuzz(func(t *testing.T, calls []byte) {
		var table Table
		honest, evil := table.Join(), table.Join()
		mine, _ := honest.Map(1)
		for _, c := range calls {
			if c == 255 {
				evil.Leave()
				continue
			}
			if own, ok := evil.Map(uint32(c)); !ok || own == mine {
				require.Fail(t, "refused, or given another's", "%d %v", own, ok)
			}
		}
		again, ok := honest.Map(1)
		require.True(t, ok)
		require.Equal(t, mine, again)
	})
}

func ExampleTable() {
	var table Table
	alice, bob := table.Join(), table.Join()
	a, _ := alice.Map(7)
	b, _ := bob.Map(7)
	fmt.Println(a, b)
	// Output: 0 1
}

func BenchmarkMap(b *testing.B) {
	var table Table
	p := table.Join()
	for c := range uint32(16) {
		p.Map(c)
	}
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		p.Map(i % 16)
	}
}
