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

// Current names the stage that is running, and nothing before the first and after the
// last one. LastDrop names any stage and reason, the first ones too.
func TestCurrentAndLastDrop(t *testing.T) {
	var c *Inbound
	var ran []string
	stage := func(name string) Stage {
		return Func(name, []string{"r"}, func(p *Packet) Verdict {
			ran = append(ran, c.Current())
			if len(p.Data) > 0 && string(p.Data[1:]) == name {
				return Verdict(p.Data[0])
			}
			return Accept
		})
	}
	c = inbound(t, stage("a"), stage("b"))
	require.Equal(t, "a", c.Current(), "about to be called")
	require.Equal(t, Accept, c.Process(packet()))
	require.Equal(t, []string{"a", "b"}, ran)
	require.Empty(t, c.Current())
	at, reason := c.LastDrop()
	require.Empty(t, at+reason)
	for _, name := range []string{"a", "b"} {
		for v, want := range map[Verdict]string{Drop: "unspecified", DropFirst: "r"} {
			require.Equal(t, v, c.Process(packet(append([]byte{byte(v)}, name...)...)))
			at, reason := c.LastDrop()
			require.Equal(t, name, at)
			require.Equal(t, want, reason)
			require.Equal(t, name, c.Current())
		}
	}
}

// Each stage counts what it has consumed, and the rows add up to the tally.
func TestConsumedByStage(t *testing.T) {
	take := func(id uint32) func(p *Packet) Verdict {
		return func(p *Packet) Verdict {
			if len(p.Payload()) > 0 && uint32(p.Payload()[0]) == id {
				return Consumed
			}
			return Accept
		}
	}
	c := inbound(t, newSplit("split"), Func("one", nil, take(1)), Func("two", nil, take(2)))
	c.Process(packet(1, 2, 2, 3))
	c.Publish()
	got := c.Counts()
	require.Equal(t, []ConsumedCount{{Stage: "split"}, {Stage: "one", Messages: 1}, {Stage: "two", Messages: 2}}, got.Consumed)
	require.EqualValues(t, 3, got.Messages.Consumed)
}

// Counts are of one moment: the law of conservation holds in each copy, also of a
// chain that publishes at the same time.
func TestCountsAreOfOneMoment(t *testing.T) {
	c := inbound(t, newSplit("split"), always("b", DropFirst, "r"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 300 {
			for range 100 { // as a turn of the loop has packets
				c.Process(packet(1, 2, 3))
			}
			c.Publish()
		}
	}()
	var n Counts
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		c.ReadCounts(&n)
		require.Equal(t, n.Packets.In, n.Packets.Accepted)
		dropped := uint64(0)
		for _, d := range n.Drops {
			dropped += d.Messages
		}
		require.Equal(t, n.Messages.In, dropped)
		require.Equal(t, 3*n.Packets.In, n.Messages.In)
	}
}
