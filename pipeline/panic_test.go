package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

// burst panics at the payload or datagram that starts with 'x'.
func burst(name string) Stage {
	return Func(name, nil, func(p *Packet) Verdict {
		b := p.Data
		if p.Payload() != nil {
			b = p.Payload()
		}
		if len(b) > 0 && b[0] == 'x' {
			panic(name)
		}
		return Accept
	})
}

// watch returns a list to which c adds the panics that it reports.
func watch(c Chain) *[]string {
	reported := new([]string)
	c.OnPanic(func(stage string, value any) { *reported = append(*reported, stage+": "+value.(string)) })
	return reported
}

func TestPanicInPacketStage(t *testing.T) {
	c := inbound(t, accept("a"), burst("b"), accept("c"))
	reported := watch(c)
	require.Equal(t, Drop, c.Process(packet('x')))
	require.Equal(t, []string{"b: b"}, *reported)
	require.Equal(t, map[string]DropCount{"b/panic": {Packets: 1}}, drops(counts(t, c)))

	require.Equal(t, Accept, c.Process(packet('y')), "the next packet passes")
	require.Equal(t, Tally{In: 2, Accepted: 1}, counts(t, c).Packets)
}

func TestPanicInMessageStage(t *testing.T) {
	c := inbound(t, accept("a"), newSplit("split"), burst("b"), accept("c"))
	reported := watch(c)
	require.Equal(t, Accept, c.Process(packet('y', 'x', 'z')), "the packet itself is valid")
	require.Equal(t, []string{"b: b"}, *reported)
	n := counts(t, c)
	require.Equal(t, Tally{In: 3, Accepted: 2}, n.Messages, "the other messages are accepted")
	require.Equal(t, map[string]DropCount{"b/panic": {Messages: 1}}, drops(n))

	require.Equal(t, Accept, c.Process(packet('y')))
	require.Equal(t, Tally{In: 4, Accepted: 3}, counts(t, c).Messages)
}

func TestPanicInNext(t *testing.T) {
	s := newSplit("split")
	s.next = func(p *Packet, at int) Verdict {
		if p.Payload()[0] == 'x' {
			panic("next")
		}
		return Accept
	}
	c := inbound(t, accept("a"), s, accept("b"))
	reported := watch(c)
	p := packet('y', 'x', 'z')
	require.Equal(t, Accept, c.Process(p))
	require.True(t, p.Unacknowledged(), "so that its sender sends the lost messages again")
	require.Equal(t, []string{"split: next"}, *reported)
	n := counts(t, c)
	require.Equal(t, Tally{In: 2, Accepted: 1}, n.Messages, "the message before it is accepted")
	require.Equal(t, map[string]DropCount{"split/panic": {Messages: 1}}, drops(n))

	p = packet('y')
	require.Equal(t, Accept, c.Process(p))
	require.False(t, p.Unacknowledged())
	require.Equal(t, Tally{In: 3, Accepted: 2}, counts(t, c).Messages)
}

func TestPanicInSettle(t *testing.T) {
	settled := 0
	bad := settling{accept("bad"), func(p *Packet, _ Verdict) {
		if p.Data[0] == 'x' {
			panic("settle")
		}
	}}
	good := settling{accept("good"), func(*Packet, Verdict) { settled++ }}
	for _, out := range []bool{false, true} {
		settled = 0
		in := inbound(t, bad, good, accept("last"))
		process, c := in.Process, Chain(in)
		if out {
			out := outbound(t, newPack("pack"), bad, good, accept("last"))
			process, c = out.ProcessPacket, out
		}
		reported := watch(c)
		require.Equal(t, Accept, process(packet('x')), "the verdict stays")
		require.Equal(t, []string{"bad: settle"}, *reported)
		require.Equal(t, Accept, process(packet('y')))
		require.Equal(t, 2, settled, "the others are still called")
		require.Equal(t, Tally{In: 2, Accepted: 2}, counts(t, c).Packets)
	}
}

func TestPanicWithoutOnPanic(t *testing.T) {
	c := inbound(t, burst("b"))
	require.Equal(t, Drop, c.Process(packet('x')))
	require.Equal(t, map[string]DropCount{"b/panic": {Packets: 1}}, drops(counts(t, c)))
}
