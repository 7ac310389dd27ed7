package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

// always returns a stage that always returns v.
func always(name string, v Verdict, reasons ...string) Stage {
	return Func(name, reasons, func(*Packet) Verdict { return v })
}

func accept(name string) Stage { return always(name, Accept) }

// split is a splitter that takes each byte of the datagram as a message.
type split struct {
	Stage
	at   int
	next func(p *Packet, at int) Verdict // overrides Accept, if set
}

func newSplit(name string) *split {
	s := new(split)
	s.Stage = Func(name, []string{"malformed"}, func(*Packet) Verdict {
		s.at = 0
		return Accept
	})
	return s
}

func (s *split) Next(p *Packet) (Verdict, bool) {
	if s.at == len(p.Data) {
		return Accept, false
	}
	s.at++
	p.SetPayload(p.Data[s.at-1 : s.at])
	if s.next != nil {
		return s.next(p, s.at-1), true
	}
	return Accept, true
}

// pack is a packer that appends a length byte and the payload.
type pack struct{ Stage }

func newPack(name string) pack {
	return pack{Func(name, nil, func(p *Packet) Verdict {
		p.Data = append(append(p.Data, byte(len(p.Payload()))), p.Payload()...)
		return Accept
	})}
}

func (pack) Size(p *Packet) int { return 1 + len(p.Payload()) }

// Wrappers that add one declaration to a stage.
type (
	opener struct{ Stage }
	sealer struct{ Stage }
	guard  struct {
		Stage
		against string
	}
	reader struct {
		Stage
		reads bool
	}
	grower struct {
		Stage
		by int
	}
	settling struct {
		Stage
		settle func(*Packet, Verdict)
	}
	guardingSplit struct{ *split }
	guardingPack  struct{ pack }
)

func (opener) OpensPlaintext()                 {}
func (sealer) SealsPlaintext()                 {}
func (g guard) Guards() string                 { return g.against }
func (r reader) ReadsPlaintext() bool          { return r.reads }
func (g grower) MaxGrowth() int                { return g.by }
func (s settling) Settle(p *Packet, v Verdict) { s.settle(p, v) }
func (guardingSplit) Guards() string           { return "forged acknowledgements" }
func (guardingPack) Guards() string            { return "oversized packets" }

func inbound(t testing.TB, stages ...Stage) *Inbound {
	c, err := NewInbound(stages...).Build()
	require.NoError(t, err)
	return c
}

func outbound(t testing.TB, stages ...Stage) *Outbound {
	c, err := NewOutbound(stages...).Build()
	require.NoError(t, err)
	return c
}

// counts publishes and returns c's counters, and checks that they are conserved.
func counts(t testing.TB, c Chain) Counts {
	c.Publish()
	n := c.Counts()
	var packets, messages uint64
	for _, d := range n.Drops {
		packets += d.Packets
		messages += d.Messages
	}
	require.Equal(t, n.Packets.In, n.Packets.Accepted+n.Packets.Consumed+packets, "packets are not conserved")
	require.Equal(t, n.Messages.In, n.Messages.Accepted+n.Messages.Consumed+messages, "messages are not conserved")
	return n
}

// drops returns the rows that are not zero, by stage/reason.
func drops(n Counts) map[string]DropCount {
	m := map[string]DropCount{}
	for _, d := range n.Drops {
		if d.Packets+d.Messages > 0 {
			m[d.Stage+"/"+d.Reason] = DropCount{Packets: d.Packets, Messages: d.Messages}
		}
	}
	return m
}

func packet(data ...byte) *Packet { return &Packet{Data: data} }
