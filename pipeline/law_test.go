package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"

	"github.com/intentra/intentra/internal/seed"
)

// A trial drives a chain whose stages act as a source of bytes says, and computes
// from their actions what the chain must count.
type trial struct {
	t      testing.TB
	source func() (b byte, ok bool)

	chain *Inbound
	names []string
	joint int // of the splitter, or -1

	trace    []event
	settled  []Verdict // on the current packet, one for each call of Settle
	rows     []int     // passed to OnDrop
	panics   int       // that the stages raised
	reported int       // calls of OnPanic

	packets, messages Tally
	drops             map[string]DropCount
}

// event is one call of a stage and what it did.
type event struct {
	stage int
	next  bool // Next, not Process
	do    deed
}

// deed is the action of a stage in one call.
type deed struct {
	verdict Verdict
	reason  string // under which the verdict is counted if it drops
	panics  bool
	end     bool // of Next: no message is left
}

var deeds = [16]deed{
	0:  {reason: "unspecified"},
	1:  {verdict: DropFirst, reason: "first"},
	2:  {verdict: DropFirst + 1, reason: "second"},
	3:  {verdict: DropFirst + 2, reason: "unspecified"}, // not declared
	4:  {verdict: 255, reason: "unspecified"},
	5:  {verdict: Accept + 1, reason: "unspecified"}, // no verdict at all
	6:  {verdict: 0xffff, reason: "unspecified"},
	7:  {verdict: Consumed},
	8:  {reason: "panic", panics: true},
	9:  {verdict: Accept, end: true},
	10: {verdict: Accept}, 11: {verdict: Accept}, 12: {verdict: Accept},
	13: {verdict: Accept}, 14: {verdict: Accept}, 15: {verdict: Accept},
}

// actor is a stage of a trial.
type actor struct {
	*trial
	at int
}

func (a *actor) Name() string                { return a.names[a.at] }
func (a *actor) Reasons() []string           { return []string{"first", "second"} }
func (a *actor) Process(*Packet) Verdict     { return a.act(false).verdict }
func (a *actor) Settle(_ *Packet, v Verdict) { a.settle(v) }

// actingSplitter is an actor that is the splitter of its chain.
type actingSplitter struct{ *actor }

func (a actingSplitter) Next(*Packet) (Verdict, bool) {
	d := a.act(true)
	return d.verdict, !d.end
}

func (a *actor) act(next bool) deed {
	b, ok := a.source()
	d := deeds[b%16]
	if !ok {
		d = deed{verdict: Accept, end: true}
	}
	a.trace = append(a.trace, event{a.at, next, d})
	if d.panics {
		a.panics++
		panic("as the source says")
	}
	return d
}

func (a *actor) settle(v Verdict) {
	a.settled = append(a.settled, v)
	if b, _ := a.source(); b%16 == 8 {
		a.panics++
		panic("in Settle")
	}
}

// newTrial builds a chain of up to seven stages, with or without a splitter.
func newTrial(t testing.TB, source func() (byte, bool)) *trial {
	tr := &trial{t: t, source: source, drops: map[string]DropCount{}}
	length, _ := source()
	joint, _ := source()
	n := int(length) % 8
	tr.joint = int(joint)%(n+1) - 1
	var stages []Stage
	for i := range n {
		tr.names = append(tr.names, fmt.Sprintf("s%d", i))
		var s Stage = &actor{tr, i}
		if i == tr.joint {
			s = actingSplitter{&actor{tr, i}}
		}
		stages = append(stages, s)
	}
	tr.chain = inbound(t, stages...)
	tr.chain.OnDrop(func(_ *Packet, row int) { tr.rows = append(tr.rows, row) })
	tr.chain.OnPanic(func(stage string, _ any) {
		require.Contains(t, tr.names, stage)
		tr.reported++
	})
	return tr
}

// packet passes one packet through the chain and checks all visible effects.
func (tr *trial) packet() {
	tr.trace, tr.settled, tr.rows = nil, nil, nil
	before := tr.total()
	p := new(Packet)
	v := tr.chain.Process(p)
	want := tr.expect(p)

	t := tr.t
	require.Equal(t, want, v)
	require.Len(t, tr.settled, len(tr.names), "Settle is called once for each stage")
	for _, s := range tr.settled {
		require.Equal(t, v, s)
	}
	require.Len(t, tr.rows, int(tr.total()-before), "OnDrop is called for each drop")
	for _, row := range tr.rows {
		l := tr.chain.DropLabels()[row]
		require.Contains(t, tr.drops, l.Stage+"/"+l.Reason)
	}
	require.Equal(t, tr.panics, tr.reported, "OnPanic is called for each panic")

	n := counts(t, tr.chain)
	require.Equal(t, tr.packets, n.Packets)
	require.Equal(t, tr.messages, n.Messages)
	require.Equal(t, tr.drops, drops(n))
}

func (tr *trial) total() (n uint64) {
	for _, d := range tr.drops {
		n += d.Packets + d.Messages
	}
	return n
}

// expect checks the trace against the rules: stages are called once, in order, until
// one does not accept; the message stages for each message.
func (tr *trial) expect(p *Packet) Verdict {
	n := len(tr.names)
	last := n
	if tr.joint >= 0 {
		last = tr.joint + 1
	}
	v := tr.level(0, last, &tr.packets, func(d *DropCount) { d.Packets++ })
	for v == Accept && tr.joint >= 0 {
		d := tr.take(event{stage: tr.joint, next: true})
		if d.end {
			break
		}
		if d.verdict == Accept {
			tr.level(tr.joint+1, n, &tr.messages, func(d *DropCount) { d.Messages++ })
			continue
		}
		tr.messages.In++
		tr.count(tr.joint, d, &tr.messages, func(d *DropCount) { d.Messages++ })
		if d.panics {
			require.True(tr.t, p.Unacknowledged(), "messages are lost, so the packet must not be acknowledged")
			break
		}
	}
	require.Empty(tr.t, tr.trace, "calls that no rule allows")
	return v
}

func (tr *trial) level(first, last int, tally *Tally, drop func(*DropCount)) Verdict {
	tally.In++
	for at := first; at < last; at++ {
		if d := tr.take(event{stage: at}); d.verdict != Accept {
			tr.count(at, d, tally, drop)
			return d.verdict
		}
	}
	tally.Accepted++
	return Accept
}

// take removes the next event, which must be a call like want, and returns
// what the stage did.
func (tr *trial) take(want event) deed {
	require.NotEmpty(tr.t, tr.trace, "a stage was not called")
	got := tr.trace[0]
	want.do = got.do
	require.Equal(tr.t, want, got)
	tr.trace = tr.trace[1:]
	return got.do
}

func (tr *trial) count(at int, d deed, tally *Tally, drop func(*DropCount)) {
	if d.verdict == Consumed {
		tally.Consumed++
		return
	}
	require.Equal(tr.t, d.panics || d.verdict.Dropped(), true)
	key := tr.names[at] + "/" + d.reason
	row := tr.drops[key]
	drop(&row)
	tr.drops[key] = row
}

// Counts are conserved, by stage and reason, whatever the stages do.
func TestConservation(t *testing.T) {
	r := seed.Rand(t)
	for range 300 {
		// With few drops and panics packets get far, with many they end early.
		share := r.IntN(16)
		tr := newTrial(t, func() (byte, bool) {
			b := byte(r.IntN(256))
			if r.IntN(16) >= share && b%16 != 9 {
				b |= 15
			}
			return b, r.IntN(40) > 0
		})
		for range 1 + r.IntN(12) {
			tr.packet()
		}
	}
}

// FuzzChain is PEER and APP together: what arrives makes any stage, including a
// user's, return any verdict or panic. Nothing is lost, counted twice, or called out
// of order.
func FuzzChain(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{7, 0})
	f.Add([]byte{3, 2, 10, 10, 10, 10, 8, 10, 0, 9, 10, 10, 10})  // a panic in one message
	f.Add([]byte{4, 2, 10, 10, 8, 8, 8, 8, 8, 10, 10, 10, 1, 9})  // panics in Next and Settle
	f.Add([]byte{2, 1, 10, 5, 10, 6, 10, 7, 10, 4, 10, 3, 10, 9}) // stray verdicts
	f.Fuzz(func(t *testing.T, program []byte) {
		tr := newTrial(t, func() (b byte, ok bool) {
			if len(program) == 0 {
				return 0, false
			}
			b, program = program[0], program[1:]
			return b, true
		})
		for range 8 {
			tr.packet()
		}
	})
}
