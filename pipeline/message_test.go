package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

func TestMessageStagesRunOncePerMessage(t *testing.T) {
	var packets, messages int
	var delivered string
	c := inbound(t,
		Func("packets", nil, func(*Packet) Verdict { packets++; return Accept }),
		newSplit("split"),
		Func("fence", []string{"outside"}, func(p *Packet) Verdict {
			messages++
			switch p.Payload()[0] {
			case 'o':
				return DropFirst
			case 'c':
				return Consumed
			}
			return Accept
		}),
		Func("dispatch", nil, func(p *Packet) Verdict { delivered += string(p.Payload()); return Accept }),
	)
	require.Equal(t, Accept, c.Process(packet([]byte("1o2c3")...)))
	require.Equal(t, 1, packets)
	require.Equal(t, 5, messages)
	require.Equal(t, "123", delivered, "the other messages are delivered, in order")

	n := counts(t, c)
	require.Equal(t, Tally{In: 1, Accepted: 1}, n.Packets)
	require.Equal(t, Tally{In: 5, Accepted: 3, Consumed: 1}, n.Messages)
	require.Equal(t, map[string]DropCount{"fence/outside": {Messages: 1}}, drops(n))
}

func TestSplitterDropsSingleMessages(t *testing.T) {
	s := newSplit("split")
	s.next = func(p *Packet, at int) Verdict { return []Verdict{Accept, DropFirst, Drop, Consumed, Accept}[at] }
	seen := 0
	c := inbound(t, s, Func("b", nil, func(*Packet) Verdict { seen++; return Accept }))
	require.Equal(t, Accept, c.Process(packet(1, 2, 3, 4, 5)))
	require.Equal(t, 2, seen)
	n := counts(t, c)
	require.Equal(t, Tally{In: 5, Accepted: 2, Consumed: 1}, n.Messages)
	require.Equal(t, map[string]DropCount{"split/malformed": {Messages: 1}, "split/unspecified": {Messages: 1}}, drops(n))
}

func TestNextIsCalledOnlyAfterAccept(t *testing.T) {
	for _, v := range []Verdict{Drop, DropFirst, Consumed} {
		s := newSplit("split")
		s.Stage = always("split", v, "malformed")
		c := inbound(t, s, accept("b"))
		require.Equal(t, v, c.Process(packet(1, 2)))
		require.Zero(t, counts(t, c).Messages)
	}
}

func TestSettleOncePerPacket(t *testing.T) {
	for _, v := range []Verdict{Accept, Consumed, Drop, DropFirst, 77} {
		for first := range 3 {
			var settled []Verdict
			s := newSplit("split")
			stages := []Stage{accept("a"), accept("b"), s, accept("m")}
			if first < 2 {
				stages[first] = always("decides", v)
			} else {
				s.Stage = always("split", v)
			}
			stages[0] = settling{stages[0], func(_ *Packet, v Verdict) { settled = append(settled, v) }}
			c := inbound(t, stages...)
			s.at = 0
			require.Equal(t, v, c.Process(packet(1, 2, 3)))
			require.Equal(t, []Verdict{v}, settled, "verdict of stage %d", first)
		}
	}
}

// Settle is called after the last message, so that a stage has seen all messages.
func TestSettleComesLast(t *testing.T) {
	var order string
	c := inbound(t,
		settling{accept("a"), func(*Packet, Verdict) { order += "S" }},
		newSplit("split"),
		Func("m", nil, func(p *Packet) Verdict { order += string(p.Payload()); return Drop }))
	c.Process(packet('1', '2'))
	require.Equal(t, "12S", order)
}

// Counts stay conserved if a stage drops messages that it held back.
func TestCountMessageDrop(t *testing.T) {
	c := inbound(t, newSplit("split"), always("hold", Consumed, "closed"))
	c.Process(packet(1, 2, 3))
	c.CountMessageDrop("hold", DropFirst, 3)
	c.CountMessageDrop("hold", 99, 1)
	c.CountMessageDrop("nobody", DropFirst, 5)
	n := counts(t, c)
	require.Equal(t, Tally{In: 7, Consumed: 3}, n.Messages)
	require.Equal(t, map[string]DropCount{"hold/closed": {Messages: 3}, "hold/unspecified": {Messages: 1}}, drops(n))
}
