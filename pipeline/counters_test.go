package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

func TestCountsAreVisibleAfterPublish(t *testing.T) {
	c := inbound(t, newSplit("split"), always("b", DropFirst, "r"))
	empty := c.Counts()
	require.Zero(t, empty.Packets)
	require.Zero(t, empty.Messages)

	c.Process(packet(1, 2))
	require.Equal(t, empty, c.Counts())
	c.Publish()
	first := c.Counts()
	require.Equal(t, Tally{In: 1, Accepted: 1}, first.Packets)
	require.Equal(t, Tally{In: 2}, first.Messages)
	require.Equal(t, map[string]DropCount{"b/r": {Messages: 2}}, drops(first))

	c.Process(packet(1))
	require.Equal(t, first, c.Counts())
	c.Publish()
	require.Equal(t, map[string]DropCount{"b/r": {Messages: 3}}, drops(c.Counts()))
	require.Equal(t, map[string]DropCount{"b/r": {Messages: 2}}, drops(first), "an earlier copy does not change")

	c.CountMessageDrop("b", DropFirst, 1)
	c.Publish()
	require.Equal(t, map[string]DropCount{"b/r": {Messages: 4}}, drops(c.Counts()))
}

// ReadCounts returns the same as Counts, and does not allocate the second time.
func TestReadCounts(t *testing.T) {
	c := inbound(t, newSplit("split"), always("b", DropFirst, "r"))
	var into Counts
	for range 3 {
		c.Process(packet(1, 2))
		c.Publish()
		c.ReadCounts(&into)
		require.Equal(t, c.Counts(), into)
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { c.ReadCounts(&into) }))
}

// Rows are in the order of the chain, include those that are zero, and have the same
// names everywhere.
func TestDropLabels(t *testing.T) {
	c := inbound(t, always("a", Accept, "x", "y"), accept("b"))
	want := []DropCount{
		{Stage: "a", Reason: "unspecified"}, {Stage: "a", Reason: "x"}, {Stage: "a", Reason: "y"}, {Stage: "a", Reason: "panic"},
		{Stage: "b", Reason: "unspecified"}, {Stage: "b", Reason: "panic"},
	}
	require.Equal(t, want, c.DropLabels())
	require.Equal(t, want, c.Counts().Drops)
}

func TestOnDropPassesTheRow(t *testing.T) {
	s := newSplit("split")
	c := inbound(t, always("a", Accept, "never"), s, burst("b"), always("c", DropFirst, "r"))
	var rows []string
	c.OnDrop(func(p *Packet, row int) {
		l := c.DropLabels()[row]
		rows = append(rows, fmt.Sprintf("%s/%s %s", l.Stage, l.Reason, p.Payload()))
	})
	c.Process(packet('1', 'x', '2'))
	require.Equal(t, []string{"c/r 1", "b/panic x", "c/r 2"}, rows)
}

// Counts may be called at any time from another goroutine. Its counts never decrease
// and are never ahead of the chain. The race detector adds most to this test.
func TestCountsFromAnotherGoroutine(t *testing.T) {
	const packets = 20000
	v := Accept
	c := inbound(t, newSplit("split"), Func("b", []string{"r"}, func(*Packet) Verdict {
		v ^= Accept ^ DropFirst
		return v
	}))
	start, stop, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		close(start)
		var last Counts
		for {
			n := c.Counts()
			switch d := drops(n)["b/r"].Messages; {
			case n.Packets.In < last.Packets.In || n.Messages.In < last.Messages.In || last.Drops != nil && d < drops(last)["b/r"].Messages:
				result <- fmt.Errorf("went back from %v to %v", last, n)
				return
			case n.Packets.In > packets || n.Messages.In > 2*packets || d > packets:
				result <- fmt.Errorf("ran ahead: %v", n)
				return
			}
			last = n
			select {
			case <-stop:
				result <- nil
				return
			default:
			}
		}
	}()
	<-start
	p := packet(1, 2)
	for i := range packets {
		c.Process(p)
		if i%32 == 0 {
			c.Publish()
		}
	}
	close(stop)
	require.NoError(t, <-result)
	n := counts(t, c)
	require.Equal(t, Tally{In: packets, Accepted: packets}, n.Packets)
	require.Equal(t, Tally{In: 2 * packets, Accepted: packets}, n.Messages)
}
