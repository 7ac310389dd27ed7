package chain

import (
	"reflect"
	"slices"
	"testing"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// Fuzz fuzzes the default chains as changed by change, or unchanged if it is nil.
// change is called for each input and must make new stages each time. The test fails
// if change or building the chains returns an error, or if change inserts a stage
// that it has inserted before. If several seeds fail for one cause, the first fails
// and the others are skipped. Fuzz calls f.Fuzz, so a fuzz test needs nothing else.
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
	judged.Report(f)
}

// Check runs one input, which may be any bytes, and returns the first check that
// failed, or nil. Fuzz does the same with each input.
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

// checkUnshared returns an error if a stage is in the chains of both rigs. It compares
// addresses, so it does not find what stages share that are not pointers.
func checkUnshared(a, b *rig) error {
	for _, c := range [][2]pipeline.Chain{{a.In, b.In}, {a.Out, b.Out}} {
		others := c[1].Stages()
		for _, s := range c[0].Stages() {
			v := reflect.ValueOf(s)
			if v.Kind() == reflect.Pointer && v.Type().Elem().Size() > 0 && slices.ContainsFunc(others, func(o pipeline.Stage) bool {
				return reflect.TypeOf(o) == v.Type() && reflect.ValueOf(o).Pointer() == v.Pointer()
			}) {
				return fault.Errorf("fuzz/chain: the change put the same stage %q into two chains: it must make new stages on each call", s.Name())
			}
		}
	}
	return nil
}

// check returns the chains and the outcome of each packet and message.
func check(input []byte, change func(*stages.Set) error) (*rig, []outcome, error) {
	r, err := newRig(change)
	if err != nil {
		return nil, nil, err
	}
	c := newSenders(r)
	err = r.guarded(func() error { return c.all(input) })
	return r, c.outcome, err
}

// all sends the items of the input, and closes all sessions.
func (c *senders) all(input []byte) error {
	for _, i := range parseItems(input) {
		if c.send(i); c.err != nil {
			return c.err
		}
	}
	r := c.rig
	r.closeAll()
	if n := r.Set.Ack.HeldBytes(); n != 0 {
		r.fail("%d bytes are still held back after all sessions have closed", n)
	}
	r.checkCounts(r.In)
	r.checkCounts(r.Out)
	return r.err
}
