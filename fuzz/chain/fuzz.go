package chain

import (
	"reflect"
	"slices"
	"testing"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// Fuzz fuzzes the default chains as change leaves them, or as they are if it is
// nil. change is called for each input and makes new stages each time; an error
// of it, or of building the chains, fails the test, and so does a stage that it
// has given to the chains before. Of seeds that fail for one cause, the first
// fails and the others are skipped. Fuzz calls f.Fuzz, so it is all that a fuzz
// test does.
func Fuzz(f *testing.F, change func(*stages.Set) error) {
	f.Helper()
	inputs, err := seeds(change)
	if err != nil {
		f.Fatal(err)
	}
	for _, input := range inputs {
		f.Add(input)
	}
	var judged fault.Seeds
	f.Fuzz(func(t *testing.T, input []byte) { judged.Judge(t, Check(input, change)) })
	judged.Sum(f)
}

// Check runs one input, any bytes, and returns what has gone wrong, or nil. It
// is what Fuzz does with each input.
func Check(input []byte, change func(*stages.Set) error) error {
	r, first, err := check(input, change)
	if err != nil {
		return err
	}
	other, again, err := check(input, change)
	if err != nil {
		return err
	}
	if err := checkUnshared(r, other); err != nil {
		return err
	}
	return checkSame(r, first, again)
}

// checkUnshared looks for a stage that is in the chains of both. It knows stages
// by their addresses; what values share, it cannot see.
func checkUnshared(a, b *rig) error {
	for _, c := range [][2]pipeline.Chain{{a.in, b.in}, {a.out, b.out}} {
		others := c[1].Stages()
		for _, s := range c[0].Stages() {
			v := reflect.ValueOf(s)
			if v.Kind() == reflect.Pointer && v.Type().Elem().Size() > 0 && slices.ContainsFunc(others, func(o pipeline.Stage) bool {
				return reflect.TypeOf(o) == v.Type() && reflect.ValueOf(o).Pointer() == v.Pointer()
			}) {
				return fault.Errorf("fuzz/chain: the change put the same stage %q into two chains: it must make new stages each time that it is called", s.Name())
			}
		}
	}
	return nil
}

// check returns the chains, and what became of each packet and message.
func check(input []byte, change func(*stages.Set) error) (*rig, []outcome, error) {
	r, err := newRig(change)
	if err != nil {
		return nil, nil, err
	}
	c := newCrowd(r)
	err = r.guarded(func() error { return c.all(input) })
	return r, c.outcome, err
}

// all sends what is in the input, and closes all sessions.
func (c *crowd) all(input []byte) error {
	for _, i := range parseItems(input) {
		if c.send(i); c.err != nil {
			return c.err
		}
	}
	r := c.rig
	for _, l := range links {
		r.hand = hand{r.in, "at SessionClosed", false}
		if r.acks {
			r.set.Ack.Release(r.in, l.session)
		}
		r.in.CloseSession(pipeline.SessionNotice{Peer: l.peer, Session: l.session})
		r.hand.chain = r.out
		r.out.CloseSession(pipeline.SessionNotice{Peer: l.peer, Session: l.session})
	}
	if n := r.set.Ack.HeldBytes(); n != 0 {
		r.fail("%d bytes are held back for sessions that are closed", n)
	}
	r.conserved(r.in)
	return r.err
}
