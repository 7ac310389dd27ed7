package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

// seven returns seven trivial stages, as many as the default chain has, with the
// splitter at the same position.
func seven() []Stage {
	return []Stage{
		accept("cookie"), accept("ratelimit"), accept("header"), accept("aead"), accept("replay"),
		newSplit("ack"), accept("dispatch"),
	}
}

func TestProcessDoesNotAllocate(t *testing.T) {
	s := new(counting)
	stages := append(seven(), always("late", DropFirst, "r"), s)
	stages[0] = settling{stages[0], func(*Packet, Verdict) {}}
	c := inbound(t, stages...)
	c.OnDrop(func(*Packet, int) {})
	id := MakeID(9, 1)
	c.OpenSession(SessionNotice{Session: id})
	data := make([]byte, 9)
	p := new(Packet)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p.Reset(data, p.Addr, 1)
		p.Session = id
		c.Process(p)
		c.Publish()
	}))

	out := outbound(t, accept("m"), newPack("pack"), sealer{accept("seal")})
	buf := make([]byte, 0, 64)
	out.OnDrop(func(*Packet, int) {})
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p.Reset(buf, p.Addr, 1)
		p.SetPayload(data)
		if out.ProcessMessage(p) == Accept {
			out.Pack(p, 64)
		}
		out.ProcessPacket(p)
	}))
}

func BenchmarkProcess(b *testing.B) {
	for _, bb := range []struct {
		name     string
		messages int
		stages   []Stage
	}{
		{"packet", 0, seven()},
		{"one message", 1, seven()},
		{"nine messages", 9, seven()},
		{"dropped by first", 0, append([]Stage{always("first", DropFirst, "r")}, seven()...)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			c := inbound(b, bb.stages...)
			data := make([]byte, bb.messages)
			p := new(Packet)
			b.ReportAllocs()
			for b.Loop() {
				p.Reset(data, p.Addr, 0)
				c.Process(p)
			}
		})
	}
}

func BenchmarkSlotsGet(b *testing.B) {
	var s Slots[int]
	for n := range uint32(1000) {
		s.Open(MakeID(n, 1))
	}
	var n uint32
	b.ReportAllocs()
	for b.Loop() {
		n = (n + 7) % 1000
		*s.Get(MakeID(n, 1))++
	}
}
