package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

// failing is a stage that panics in the methods named in fails.
type failing struct {
	Stage
	fails map[string]bool
	calls []string
}

func (s *failing) at(method string) {
	s.calls = append(s.calls, method)
	if s.fails[method] {
		panic(method)
	}
}

func (s *failing) Settle(*Packet, Verdict)       { s.at("Settle") }
func (s *failing) PeerOpened(PeerNotice)         { s.at("PeerOpened") }
func (s *failing) PeerClosed(PeerNotice)         { s.at("PeerClosed") }
func (s *failing) SessionOpened(SessionNotice)   { s.at("SessionOpened") }
func (s *failing) SessionClosed(SessionNotice)   { s.at("SessionClosed") }
func (s *failing) EpochOpened(EpochNotice)       { s.at("EpochOpened") }
func (s *failing) EpochClosed(EpochNotice)       { s.at("EpochClosed") }
func (s *failing) Warm(_, _ ID, c uint64) uint64 { s.at("Warm"); return c }
func (s *failing) Name() string                  { s.at("Name"); return s.Stage.Name() }
func (s *failing) Reasons() []string             { s.at("Reasons"); return nil }
func (s *failing) Guards() string                { s.at("Guards"); return "nothing" }
func (s *failing) ReadsPlaintext() bool          { s.at("ReadsPlaintext"); return false }
func (s *failing) MaxGrowth() int                { s.at("MaxGrowth"); return 0 }

// A panic in a method that decides about no packet is counted under the stage and
// the method, and the following stages are still called.
func TestFaults(t *testing.T) {
	methods := []string{"PeerOpened", "SessionOpened", "EpochOpened", "Settle", "EpochClosed", "SessionClosed", "PeerClosed"}
	bad, good := &failing{Stage: accept("bad"), fails: map[string]bool{}}, &failing{Stage: accept("good")}
	c := inbound(t, bad, good)
	reported := watch(c)
	bad.calls, good.calls = nil, nil
	for _, m := range methods {
		bad.fails[m] = true
	}
	bad.fails["Warm"] = true
	require.Nil(t, counts(t, c).Faults)
	c.OpenPeer(PeerNotice{})
	c.OpenSession(SessionNotice{})
	c.OpenEpoch(EpochNotice{})
	require.Equal(t, Accept, c.Process(packet()))
	c.CloseEpoch(EpochNotice{})
	c.CloseSession(SessionNotice{})
	c.ClosePeer(PeerNotice{})
	require.Equal(t, methods, good.calls)
	require.Equal(t, methods, bad.calls)
	c.Warm(1, 2, 3)

	n := counts(t, c)
	require.Equal(t, Tally{In: 1, Accepted: 1}, n.Packets)
	require.Len(t, n.Faults, len(methods)+1)
	for _, f := range n.Faults {
		require.Equal(t, "bad", f.Stage)
		require.EqualValues(t, 1, f.Count)
		require.True(t, bad.fails[f.Method], f.Method)
		require.Contains(t, *reported, "bad: "+f.Method)
	}
}

func TestWarmAddsUp(t *testing.T) {
	c := inbound(t, &failing{Stage: accept("a")}, accept("b"), &failing{Stage: accept("c")})
	require.EqualValues(t, 14, c.Warm(1, 2, 7))
}

// A stage that panics when it is asked for a declaration makes Build fail. It is
// asked once.
func TestPanicInDeclarations(t *testing.T) {
	for _, method := range []string{"Name", "Reasons", "Guards", "ReadsPlaintext", "MaxGrowth"} {
		bad := &failing{Stage: accept("bad"), fails: map[string]bool{method: true}}
		for _, err := range []error{
			try(NewInbound(accept("a"), bad)), try(NewOutbound(bad)),
			try(NewInbound(accept("a")).InsertAfter("a", bad)), try(NewInbound(accept("a")).InsertBefore("a", bad)),
			try(NewInbound(accept("a")).Replace("a", bad)),
		} {
			require.ErrorIs(t, err, ErrStage)
			require.ErrorContains(t, err, "its "+method+" panicked: "+method)
		}
	}
	good := &failing{Stage: accept("good")}
	c := inbound(t, good)
	c.Process(packet())
	c.Counts()
	require.Equal(t, []string{"Name", "Reasons", "Guards", "ReadsPlaintext", "MaxGrowth", "Settle"}, good.calls)
}

func TestMaxGrowthIsBounded(t *testing.T) {
	for _, by := range []int{-1, MaxGrowth + 1} {
		require.ErrorIs(t, try(NewOutbound(grower{accept("m"), by}, newPack("p"))), ErrStage)
	}
	c := outbound(t, grower{accept("m"), MaxGrowth}, grower{accept("n"), 0}, newPack("p"), grower{accept("q"), 7})
	require.Equal(t, MaxGrowth, c.MaxGrowth(), "only stages up to the packer make messages longer")
}

// A hook that panics loses nothing, and is counted.
func TestPanicInHooks(t *testing.T) {
	c := inbound(t, newSplit("split"), burst("b"), always("c", DropFirst, "r"))
	c.OnDrop(func(*Packet, int) { panic("OnDrop") })
	c.OnPanic(func(string, any) { panic("OnPanic") })
	require.Equal(t, Accept, c.Process(packet('1', 'x', '2')))
	n := counts(t, c)
	require.Equal(t, Tally{In: 3}, n.Messages)
	require.Equal(t, map[string]DropCount{"b/panic": {Messages: 1}, "c/r": {Messages: 2}}, drops(n))
	require.Equal(t, []Fault{{Method: "OnDrop", Count: 3}, {Method: "OnPanic", Count: 1}}, n.Faults)
}

// A stage that leaves Data in a state that it must not loses what it was given, and
// Data is restored.
func TestOutboundRestoresData(t *testing.T) {
	for name, spoil := range map[string]func(p *Packet){
		"replaces": func(p *Packet) { p.Data = append(make([]byte, 0, cap(p.Data)), p.Data...) },
		"outgrows": func(p *Packet) { p.Data = append(p.Data, make([]byte, 100)...) },
		"shortens": func(p *Packet) { p.Data = p.Data[:1] },
		"drops":    func(p *Packet) { p.Data = nil },
		"narrows":  func(p *Packet) { p.Data = p.Data[:len(p.Data):len(p.Data)] },
	} {
		t.Run(name, func(t *testing.T) {
			bad := Func("bad", nil, func(p *Packet) Verdict { spoil(p); return Accept })
			data := append(make([]byte, 0, 64), "data"...)
			p := &Packet{Data: data}
			restored := func(what string) {
				require.Equal(t, "data", string(p.Data), what)
				require.Equal(t, 64, cap(p.Data), what)
				require.Same(t, &data[0], &p.Data[0], what)
			}
			c := outbound(t, bad, newPack("p"))
			require.Equal(t, Drop, c.ProcessMessage(p))
			restored("after a message")
			require.Equal(t, map[string]DropCount{"bad/bad_data": {Messages: 1}}, drops(counts(t, c)))

			c = outbound(t, newPack("p"), bad)
			require.Equal(t, Drop, c.ProcessPacket(p))
			restored("after a packet")
			require.Equal(t, map[string]DropCount{"bad/bad_data": {Packets: 1}}, drops(counts(t, c)))
		})
	}
	appends := Func("appends", nil, func(p *Packet) Verdict { p.Data = append(p.Data, 1); return Accept })
	p := &Packet{Data: make([]byte, 0, 64)}
	require.Equal(t, Drop, outbound(t, appends, newPack("p")).ProcessMessage(p), "earlier messages are in Data")
	require.Equal(t, Accept, outbound(t, newPack("p"), appends).ProcessPacket(p))
	require.Len(t, p.Data, 1)
}

// Pack leaves Data as it was, unless the packer accepts the message.
func TestPackRestoresData(t *testing.T) {
	size, verdict, panics := 3, Accept, false
	packer := sizedPack{Func("p", []string{"r"}, func(p *Packet) Verdict {
		p.Data = append(p.Data, 1, 2, 3)
		if panics {
			panic("pack")
		}
		return verdict
	}), &size}
	c := outbound(t, packer)
	p := &Packet{Data: make([]byte, 0, 64)}
	pack := func(v Verdict, fits bool, row string) {
		got, ok := c.Pack(p, 3)
		require.Equal(t, fits, ok)
		require.Equal(t, v, got)
		if v == Accept {
			require.Len(t, p.Data, 3)
			p.Data = p.Data[:0]
			return
		}
		require.Empty(t, p.Data)
		if row != "" {
			require.Positive(t, drops(counts(t, c))["p/"+row].Messages, row)
		}
	}
	pack(Accept, true, "")
	size = 4
	pack(Drop, false, "")
	require.Equal(t, Tally{In: 1, Accepted: 1}, counts(t, c).Messages, "a message that does not fit is not counted")
	c.DropTooLarge(p)
	require.EqualValues(t, 1, drops(counts(t, c))["p/too_large"].Messages)
	size = 2
	pack(Drop, true, "bad_data")
	size = -1
	pack(Drop, true, "bad_data")
	size, verdict = 3, DropFirst
	pack(DropFirst, true, "r")
	verdict = Consumed
	pack(Consumed, true, "")
	panics = true
	pack(Drop, true, "panic")
	require.Equal(t, Tally{In: 7, Accepted: 1, Consumed: 1}, counts(t, c).Messages)

	packed, fits := c.Repack(p, 3)
	require.False(t, packed)
	require.True(t, fits)
	require.Empty(t, p.Data)
	require.Equal(t, []Fault{{Stage: "p", Method: "Process", Count: 1}}, counts(t, c).Faults)
	panics, verdict = false, Accept
	packed, fits = c.Repack(p, 2)
	require.False(t, packed || fits)
	packed, fits = c.Repack(p, 3)
	require.True(t, packed && fits)
	require.Equal(t, uint64(7), counts(t, c).Messages.In, "a message counts once")

	require.Panics(t, func() { outbound(t, accept("a")).Pack(p, 3) })
}

type sizedPack struct {
	Stage
	size *int
}

func (s sizedPack) Size(*Packet) int { return *s.size }
