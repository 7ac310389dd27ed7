package pipeline_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

// leaving is a stage that calls runtime.Goexit in one method.
type leaving struct {
	Stage
	in string
}

func (s leaving) at(method string) {
	if s.in == method {
		runtime.Goexit()
	}
}

func (s leaving) Process(p *Packet) Verdict {
	s.at("Process")
	return s.Stage.Process(p)
}
func (s leaving) Settle(*Packet, Verdict)       { s.at("Settle") }
func (s leaving) PeerOpened(PeerNotice)         { s.at("PeerOpened") }
func (s leaving) PeerClosed(PeerNotice)         { s.at("PeerClosed") }
func (s leaving) SessionOpened(SessionNotice)   { s.at("SessionOpened") }
func (s leaving) SessionClosed(SessionNotice)   { s.at("SessionClosed") }
func (s leaving) EpochOpened(EpochNotice)       { s.at("EpochOpened") }
func (s leaving) EpochClosed(EpochNotice)       { s.at("EpochClosed") }
func (s leaving) Warm(_, _ ID, c uint64) uint64 { s.at("Warm"); return c }

type leavingPack struct {
	pack
	in string
}

func (s leavingPack) Size(p *Packet) int {
	leaving{in: s.in}.at("Size")
	return s.pack.Size(p)
}

func (s leavingPack) Process(p *Packet) Verdict {
	leaving{in: s.in}.at("Process")
	return s.pack.Process(p)
}

// leaves runs f, which ends its goroutine.
func leaves(t *testing.T, f func()) {
	returned, done := false, make(chan bool)
	go func() {
		defer close(done)
		f()
		returned = true
	}()
	<-done
	require.False(t, returned, "runtime.Goexit ends the goroutine")
}

// losses returns the panics that c has counted, as drops and as faults.
func losses(t *testing.T, c Chain) (lost, faults uint64) {
	n := counts(t, c)
	for _, d := range n.Drops {
		if d.Reason == "panic" {
			lost += d.Packets + d.Messages
		}
	}
	for _, f := range n.Faults {
		faults += f.Count
	}
	return lost, faults
}

// Nothing recovers from runtime.Goexit, which ends the goroutine of the driver. Before
// that, the loss is counted and reported like that of a panic.
func TestGoexit(t *testing.T) {
	bad := func(in string) Stage { return leaving{accept("bad"), in} }
	message := func() *Packet {
		p := &Packet{Data: make([]byte, 0, 64)}
		p.SetPayload([]byte("ab"))
		return p
	}
	next := newSplit("split")
	next.next = func(*Packet, int) Verdict { runtime.Goexit(); return Accept }
	for name, c := range map[string]struct {
		in           *Inbound
		out          *Outbound
		run          func(in *Inbound, out *Outbound)
		lost, faults uint64
	}{
		"packet stage":  {in: inbound(t, bad("Process")), run: func(in *Inbound, _ *Outbound) { in.Process(packet(1)) }, lost: 1},
		"message stage": {in: inbound(t, newSplit("split"), bad("Process")), run: func(in *Inbound, _ *Outbound) { in.Process(packet(1, 2)) }, lost: 1},
		"Next":          {in: inbound(t, next), run: func(in *Inbound, _ *Outbound) { in.Process(packet(1)) }, lost: 1},
		"Settle":        {in: inbound(t, bad("Settle")), run: func(in *Inbound, _ *Outbound) { in.Process(packet(1)) }, faults: 1},
		"PeerOpened":    {in: inbound(t, bad("PeerOpened")), run: func(in *Inbound, _ *Outbound) { in.OpenPeer(PeerNotice{}) }, faults: 1},
		"PeerClosed":    {in: inbound(t, bad("PeerClosed")), run: func(in *Inbound, _ *Outbound) { in.ClosePeer(PeerNotice{}) }, faults: 1},
		"SessionOpened": {in: inbound(t, bad("SessionOpened")), run: func(in *Inbound, _ *Outbound) { in.OpenSession(SessionNotice{}) }, faults: 1},
		"SessionClosed": {in: inbound(t, bad("SessionClosed")), run: func(in *Inbound, _ *Outbound) { in.CloseSession(SessionNotice{}) }, faults: 1},
		"EpochOpened":   {in: inbound(t, bad("EpochOpened")), run: func(in *Inbound, _ *Outbound) { in.OpenEpoch(EpochNotice{}) }, faults: 1},
		"EpochClosed":   {in: inbound(t, bad("EpochClosed")), run: func(in *Inbound, _ *Outbound) { in.CloseEpoch(EpochNotice{}) }, faults: 1},
		"Warm":          {in: inbound(t, bad("Warm")), run: func(in *Inbound, _ *Outbound) { in.Warm(1, 2, 3) }, faults: 1},

		"outbound message stage": {out: outbound(t, bad("Process"), newPack("p")), run: func(_ *Inbound, out *Outbound) { out.ProcessMessage(message()) }, lost: 1},
		"outbound packet stage":  {out: outbound(t, newPack("p"), bad("Process")), run: func(_ *Inbound, out *Outbound) { out.ProcessPacket(message()) }, lost: 1},
		"outbound Settle":        {out: outbound(t, newPack("p"), bad("Settle")), run: func(_ *Inbound, out *Outbound) { out.ProcessPacket(message()) }, faults: 1},
		"Size":                   {out: outbound(t, leavingPack{newPack("p"), "Size"}), run: func(_ *Inbound, out *Outbound) { out.Pack(message(), 9) }, lost: 1},
		"Process of a packer": {out: outbound(t, accept("m"), leavingPack{newPack("p"), "Process"}), run: func(_ *Inbound, out *Outbound) {
			p := message()
			require.Equal(t, Accept, out.ProcessMessage(p))
			out.Pack(p, 9)
		}, lost: 1},
		"Process of a packer, again": {out: outbound(t, leavingPack{newPack("p"), "Process"}), run: func(_ *Inbound, out *Outbound) { out.Repack(message(), 9) }, faults: 1},
	} {
		t.Run(name, func(t *testing.T) {
			chain := Chain(c.in)
			if c.out != nil {
				chain = c.out
			}
			var reported []string
			chain.OnPanic(func(stage string, value any) { reported = append(reported, stage+": "+value.(error).Error()) })
			leaves(t, func() { c.run(c.in, c.out) })
			lost, faults := losses(t, chain)
			require.Equal(t, c.lost, lost)
			require.Equal(t, c.faults, faults)
			require.Len(t, reported, 1)
			require.Contains(t, reported[0], ": runtime.Goexit")
		})
	}
}

// A hook that calls runtime.Goexit is counted once, and so is the packet or message that
// it was called for.
func TestGoexitInHooks(t *testing.T) {
	for name, c := range map[string]*Inbound{
		"of a packet":  inbound(t, always("a", DropFirst, "r")),
		"of a message": inbound(t, newSplit("split"), always("a", DropFirst, "r")),
		"of a panic":   inbound(t, burst("a")),
	} {
		t.Run(name, func(t *testing.T) {
			method := "OnDrop"
			if name == "of a panic" {
				method = "OnPanic"
				c.OnPanic(func(string, any) { runtime.Goexit() })
			} else {
				c.OnDrop(func(*Packet, int) { runtime.Goexit() })
			}
			leaves(t, func() { c.Process(packet('x')) })
			n := counts(t, c)
			require.Equal(t, []Fault{{Method: method, Count: 1}}, n.Faults)
			require.EqualValues(t, 1, n.Packets.In)
			require.LessOrEqual(t, n.Messages.In, uint64(1))
			require.Len(t, drops(n), 1)
		})
	}
}
