package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"

	"github.com/intentra/intentra/internal/seed"
)

func TestOutbound(t *testing.T) {
	var order string
	note := func(name string, then func(*Packet) Verdict) Stage {
		return Func(name, []string{"unfit"}, func(p *Packet) Verdict { order += name; return then(p) })
	}
	c := outbound(t,
		grower{note("m", func(p *Packet) Verdict {
			if p.Payload()[0] == 'x' {
				return DropFirst
			}
			p.SetPayload(append(p.Payload(), '!'))
			return Accept
		}), 1},
		grower{note("n", func(*Packet) Verdict { return Accept }), 7},
		newPack("pack"),
		note("h", func(p *Packet) Verdict { p.Data[0] = 'H'; return Accept }),
		sealer{note("s", func(p *Packet) Verdict { p.Data = append(p.Data, 'T'); return Accept })},
	)
	require.True(t, c.HasMessageStages())
	require.Equal(t, 8, c.MaxGrowth())

	p := &Packet{Data: append(make([]byte, 0, 64), '-')}
	for _, m := range []string{"ab", "x", "c"} {
		p.SetPayload([]byte(m))
		if c.ProcessMessage(p) != Accept {
			continue
		}
		v, fits := c.Pack(p, 64)
		require.True(t, fits)
		require.Equal(t, Accept, v)
	}
	require.Equal(t, Accept, c.ProcessPacket(p))
	require.Equal(t, "H\x03ab!\x02c!T", string(p.Data))
	require.Equal(t, "mnm"+"mn"+"hs", order)

	n := counts(t, c)
	require.Equal(t, Tally{In: 3, Accepted: 2}, n.Messages)
	require.Equal(t, Tally{In: 1, Accepted: 1}, n.Packets)
	require.Equal(t, map[string]DropCount{"m/unfit": {Messages: 1}}, drops(n))
}

func TestOutboundWithoutMessageStages(t *testing.T) {
	c := outbound(t, newPack("pack"), sealer{accept("seal")})
	require.False(t, c.HasMessageStages())
	require.Zero(t, c.MaxGrowth())
	p := &Packet{Data: make([]byte, 0, 64)}
	p.SetPayload([]byte("ab"))
	pack := func() {
		v, fits := c.Pack(p, 64)
		require.True(t, fits)
		require.Equal(t, Accept, v)
	}
	pack()
	require.Equal(t, Accept, c.ProcessMessage(p), "need not be called")
	pack()
	require.Equal(t, Tally{In: 2, Accepted: 2}, counts(t, c).Messages)
}

// A splitter in an outbound chain and a packer in an inbound one are ordinary
// stages.
func TestSplitterOutboundAndPackerInbound(t *testing.T) {
	in := inbound(t, newPack("pack"), always("b", DropFirst, "r"))
	require.Equal(t, DropFirst, in.Process(packet()), "every stage processes the packet")
	require.Equal(t, map[string]DropCount{"b/r": {Packets: 1}}, drops(counts(t, in)))

	out := outbound(t, newSplit("split"), always("b", DropFirst, "r"))
	require.Equal(t, DropFirst, out.ProcessMessage(packet(1)), "every stage processes the message")
	require.Equal(t, map[string]DropCount{"b/r": {Messages: 1}}, drops(counts(t, out)))
}

// Outbound counts are conserved at both levels, and Settle is called once for each
// packet.
func TestOutboundConservation(t *testing.T) {
	r := seed.Rand(t)
	for range 100 {
		act := func(name string) Stage {
			return Func(name, []string{"first", "second"}, func(*Packet) Verdict {
				d := deeds[r.IntN(16)]
				if d.panics {
					panic(name)
				}
				return d.verdict
			})
		}
		var settled []Verdict
		var stages []Stage
		for _, name := range []string{"a", "b", "c"}[:r.IntN(4)] {
			stages = append(stages, act(name))
		}
		stages = append(stages, newPack("pack"),
			settling{act("x"), func(_ *Packet, v Verdict) { settled = append(settled, v) }})
		if r.IntN(2) == 0 {
			stages = append(stages, act("y"))
		}
		c := outbound(t, stages...)
		var packets, messages Tally
		tally := func(n *Tally, v Verdict) {
			n.In++
			switch v {
			case Accept:
				n.Accepted++
			case Consumed:
				n.Consumed++
			}
		}
		for range 20 {
			p := &Packet{Data: make([]byte, 0, 64)}
			for range r.IntN(3) {
				v := c.ProcessMessage(p)
				if v == Accept && r.IntN(4) == 0 {
					c.DropTooLarge(p)
					v = Drop
				} else if v == Accept {
					v, _ = c.Pack(p, 64)
				}
				tally(&messages, v)
			}
			v := c.ProcessPacket(p)
			tally(&packets, v)
			require.Equal(t, []Verdict{v}, settled)
			settled = nil
		}
		n := counts(t, c)
		require.Equal(t, packets, n.Packets)
		require.Equal(t, messages, n.Messages)
		for _, d := range n.Drops {
			after := d.Stage == "x" || d.Stage == "y"
			require.True(t, after || d.Packets == 0, "a packet cannot be dropped by %s", d.Stage)
			require.True(t, !after || d.Messages == 0, "a message cannot be dropped by %s", d.Stage)
		}
	}
}

// A packer may append nothing for a message, and its verdicts count as those of any
// other.
func TestPackerThatAppendsNothing(t *testing.T) {
	zero, verdict := 0, Accept
	c := outbound(t, sizedPack{Func("p", []string{"r"}, func(*Packet) Verdict { return verdict }), &zero})
	p := &Packet{Data: make([]byte, 0, 64)}
	v, fits := c.Pack(p, 0)
	require.True(t, fits)
	require.Equal(t, Accept, v)
	verdict = DropFirst
	v, fits = c.Pack(p, 0)
	require.True(t, fits)
	require.Equal(t, DropFirst, v)
	n := counts(t, c)
	require.Equal(t, Tally{In: 2, Accepted: 1}, n.Messages)
	require.Equal(t, map[string]DropCount{"p/r": {Messages: 1}}, drops(n))
}

// Each panic of a packer is reported once, and nothing else is.
func TestPanicOfAPackerIsReported(t *testing.T) {
	size, panics := 1, true
	c := outbound(t, sizedPack{Func("p", nil, func(p *Packet) Verdict {
		if panics {
			panic("pack")
		}
		p.Data = append(p.Data, 1)
		return Accept
	}), &size})
	reported := watch(c)
	p := &Packet{Data: make([]byte, 0, 64)}
	c.Pack(p, 9)
	c.Repack(p, 9)
	require.Equal(t, []string{"p: pack", "p: pack"}, *reported)
	panics = false
	c.Pack(p, 9)
	size = -1 // a fault without a panic
	c.Pack(p, 9)
	c.Repack(p, 9)
	require.Len(t, *reported, 2)
	require.Equal(t, map[string]DropCount{"p/panic": {Messages: 1}, "p/bad_data": {Messages: 1}}, drops(counts(t, c)))
}

// A message that the driver takes for fragments counts as accepted, once, whether or not
// there are message stages.
func TestTakeForFragments(t *testing.T) {
	for _, c := range []*Outbound{
		outbound(t, newPack("pack"), sealer{accept("seal")}),
		outbound(t, accept("m"), newPack("pack"), sealer{accept("seal")}),
	} {
		p := &Packet{Data: make([]byte, 0, 64)}
		for range 3 {
			p.SetPayload([]byte("large"))
			if c.HasMessageStages() {
				require.Equal(t, Accept, c.ProcessMessage(p))
			}
			c.TakeForFragments(p)
		}
		require.Empty(t, p.Data)
		require.Equal(t, Tally{In: 3, Accepted: 3}, counts(t, c).Messages)
	}
}

// Messages that the driver has packed itself count as accepted.
func TestPacked(t *testing.T) {
	c := outbound(t, newPack("pack"), sealer{accept("seal")})
	c.Packed(3)
	c.Packed(0)
	require.Equal(t, Tally{In: 3, Accepted: 3}, counts(t, c).Messages)
	require.Zero(t, counts(t, c).Packets)
}
