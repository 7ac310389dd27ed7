package fuzz

import (
	"flag"
	"fmt"
	"reflect"
	"testing"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// Stage fuzzes the stages that newStage returns, on each call a new one that shares
// nothing with the others. newStage is called for each input, where f cannot be used;
// if it cannot make a stage it panics, which fails the test. Stage calls f.Fuzz, so a
// fuzz test needs nothing else. The package comment says what is checked. If several
// seeds fail for one cause, the first fails and the others are skipped.
func Stage[S pipeline.Stage](f *testing.F, newStage func() S, opts ...Option) {
	f.Helper()
	k := newKit(newStage, opts)
	if err := k.place(); err != nil {
		f.Fatal(err)
	}
	inputs := k.seeds()
	if !fuzzing() {
		r := k.reach(inputs)
		if err := r.err(); err != nil {
			f.Fatal(err)
		}
		f.Log(r)
	}
	for _, input := range inputs {
		f.Add(input)
		// If another check fails, f.Fuzz reports that one.
		if k.allocFree && !fuzzing() && k.check(input) == nil {
			if err := k.checkAllocs(input); err != nil {
				f.Fatal(err)
			}
		}
	}
	var judged fault.Seeds
	f.Fuzz(func(t *testing.T, input []byte) { judged.Judge(t, k.check(input)) })
	judged.Report(f)
}

// fuzzing reports whether the fuzzing engine is running, which may allocate at any
// time.
func fuzzing() bool {
	target := flag.Lookup("test.fuzz")
	return target != nil && target.Value.String() != ""
}

// Check runs one input, which may be any bytes, through new stages, and returns the
// first check that failed, an error about the arguments, or nil. Stage does the same
// with each input. [Input] makes an input of payloads. With [AllocFree], Check must not
// run alongside parallel tests.
func Check[S pipeline.Stage](input []byte, newStage func() S, opts ...Option) error {
	k := newKit(newStage, opts)
	if err := k.place(); err != nil {
		return err
	}
	if err := k.check(input); err != nil {
		return err
	}
	if k.allocFree {
		return k.checkAllocs(input)
	}
	return nil
}

// kit is a stage's constructor and the options for its checks.
type kit struct {
	newStage    func() pipeline.Stage
	constructor string   // the name of newStage
	position    Position // zero until place derives it from the stage's interfaces
	prepare     func(p *pipeline.Packet)
	payloads    [][]byte
	sets        []string // further fields of the Packet that the stage may set
	allocFree   bool
	err         error // the first invalid argument
	unmade      error // why newStage made no stage for the current input
}

func newKit[S pipeline.Stage](newStage func() S, opts []Option) *kit {
	k := &kit{newStage: func() pipeline.Stage { return newStage() }}
	if newStage == nil {
		k.misuse("newStage is nil: give a constructor of the stage")
	} else {
		k.constructor = fault.NameOf(newStage)
	}
	for i, o := range opts {
		if o == nil {
			k.misuse("option %d of %d is nil", i+1, len(opts))
			continue
		}
		o(k)
	}
	return k
}

// misuse records an invalid argument, if it is the first.
func (k *kit) misuse(format string, args ...any) {
	if k.err == nil {
		k.err = wrong(format, args...)
	}
}

// check runs an input and returns the first check that failed, or why the constructor
// made no stage.
func (k *kit) check(input []byte) error {
	k.unmade = nil
	err := k.judge(input)
	if k.unmade != nil {
		return k.unmade // not a failure that follows from it
	}
	return err
}

// judge makes all checks except that of allocations. Their order matters, because one
// fault can look like another: a stage that decides at random also seems to keep
// memory, and one that keeps memory seems to lose packets.
func (k *kit) judge(input []byte) error {
	p := newPlan(input, k.position)
	first, err := k.run(p, kept)
	if err != nil {
		return err
	}
	if d := k.difference(p, first, kept); d != nil {
		return d.unsteady(first.name)
	}
	if err := k.checkWarm(p, first); err != nil {
		return err
	}
	for _, m := range []memory{overwritten, reused} {
		if err := k.checkMemory(p, first, m); err != nil {
			return err
		}
	}
	if err := k.checkConserved(p, first); err != nil {
		return err
	}
	return k.checkMarks(p, first)
}

// place makes two stages to check the constructor and the names, and determines the
// position of the stage.
func (k *kit) place() error {
	if k.err != nil {
		return k.err
	}
	s, err := k.make()
	if err != nil {
		return err
	}
	other, err := k.make()
	if err != nil {
		return err
	}
	if e := fault.Catch(func() { err = k.placeOf(s, other) }); e != nil {
		return e.Error("fuzz", fmt.Sprintf("the stage that %s() made, a %T,", k.constructor, s), "while a chain read its names and interfaces", "")
	}
	return err
}

func (k *kit) placeOf(s, other pipeline.Stage) error {
	if err := checkUnshared(s, other); err != nil {
		return err
	}
	if k.position == 0 {
		k.position = positionOf(s)
	}
	return checkPlace(s, k.position)
}

// checkUnshared returns an error if two results of the constructor are one stage.
func checkUnshared(a, b pipeline.Stage) error {
	va := reflect.ValueOf(a)
	if va.Kind() == reflect.Pointer && va.Type().Elem().Size() > 0 && any(a) == any(b) {
		return wrong("the constructor returned the same stage %q twice: each call must make a new one that shares nothing with the others", a.Name())
	}
	return nil
}
