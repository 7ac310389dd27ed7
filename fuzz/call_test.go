package fuzz_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
)

// What Prepare does wrong is laid to it, and not to a good stage.
func TestBadPreparesAreNamed(t *testing.T) {
	calls := 0
	var kept []byte
	for _, tc := range []struct {
		name     string
		prepare  func(p *pipeline.Packet)
		position fuzz.Position
		want     string
	}{
		{"panics", func(p *pipeline.Packet) { _ = p.Payload()[4] }, fuzz.Messages, "Prepare panicked at message 1 of 7"},
		{"exits", func(*pipeline.Packet) { runtime.Goexit() }, fuzz.Messages, "Prepare called runtime.Goexit at message 1 of 7"},
		{"appends to Data", func(p *pipeline.Packet) { _ = append(p.Data, 1) }, fuzz.Messages, "Prepare wrote behind the end of Data"},
		{"appends to Data and keeps it", func(p *pipeline.Packet) { p.Data = p.Data[:len(p.Data)+1] }, fuzz.Datagrams, "Prepare changed the length of Data"},
		{"replaces Data", func(p *pipeline.Packet) { p.Data = make([]byte, len(p.Data)) }, fuzz.Sealed, "Prepare replaced Data"},
		{"lengthens Data for messages", func(p *pipeline.Packet) { p.Data = append(p.Data, 1) }, fuzz.OutMessages, "Prepare changed the length of Data"},
		{"answers from elsewhere", func(p *pipeline.Packet) { p.Reply = []byte{1} }, fuzz.Datagrams, "Prepare put its answer into memory of its own"},
		{"does as it likes", func(p *pipeline.Packet) {
			calls++
			p.Channel = uint32(calls)
		}, fuzz.Messages, "Prepare made something else of the same packet"},
		{"panics later", func(*pipeline.Packet) {
			if calls++; calls > 10 {
				panic("full")
			}
		}, fuzz.Messages, "Prepare made something else of the same packet"},
		{"keeps memory", func(p *pipeline.Packet) {
			if kept != nil {
				p.Payload()[0] = kept[0]
			}
			if kept = nil; len(p.Payload()) == 5 {
				kept = p.Payload()
			}
		}, fuzz.Messages, "Prepare made something else of the same packet"},
		{"allocates", func(p *pipeline.Packet) { p.SetPayload(append([]byte(nil), 1, 2, 3)) }, fuzz.Messages, "Prepare allocates, 7 times"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls, kept = 0, nil
			good := blind(accept(func(p *pipeline.Packet) { p.SetPayload(p.Payload()) }))
			err := fuzz.Check(long, good, fuzz.At(tc.position), fuzz.Prepare(tc.prepare), fuzz.AllocFree())
			require.ErrorContains(t, err, "fuzz: "+tc.want)
			require.NotContains(t, err.Error(), `stage "bad"`)
			t.Log(err)
		})
	}
}

// Prepare may write all over the packet, also where the stage may not, and keep
// the stage from nothing.
func TestGoodPrepares(t *testing.T) {
	for position := fuzz.Datagrams; position <= fuzz.OutPackets; position++ {
		require.NoError(t, fuzz.Check(long, blind(of(nil)), fuzz.At(position), fuzz.AllocFree(), fuzz.Prepare(func(p *pipeline.Packet) {
			for i := range p.Data {
				p.Data[i] ^= byte(i)
			}
			for i := range p.Payload() {
				p.Payload()[i]++
			}
			p.Channel++
		})), "%s", position)
	}
}

// ill is a stage of which the chain cannot have the name.
type ill struct{ *stage }

func (ill) Name() string { panic("no name") }

// A constructor that makes no stage is named, whichever call of it that is.
func TestBadConstructorsAreNamed(t *testing.T) {
	calls := 0
	later := func(fail func()) func() pipeline.Stage {
		return func() pipeline.Stage {
			if calls++; calls > 3 {
				fail()
			}
			return newStage(nil)
		}
	}
	for _, tc := range []struct {
		name     string
		newStage func() pipeline.Stage
		want     string
	}{
		{"panics", newBroken, "the constructor fuzz_test.newBroken() panicked when it was called for a new stage: no map"},
		{"exits", func() pipeline.Stage { runtime.Goexit(); return nil }, "TestBadConstructorsAreNamed.func"},
		{"exits as a test does", func() pipeline.Stage { new(testing.T).SkipNow(); return nil }, "() called runtime.Goexit when it was called for a new stage"},
		{"panics later", later(func() { panic("used up") }), "() panicked when it was called for a new stage: used up"},
		{"exits later", later(runtime.Goexit), "() called runtime.Goexit when it was called for a new stage"},
		{"returns none", func() pipeline.Stage { return nil }, "() returned no stage"},
		{"returns one without a name", func() pipeline.Stage { return ill{newStage(nil)} }, "a fuzz_test.ill: its Name panicked: no name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls = 0
			err := fuzz.Check(long, tc.newStage)
			require.ErrorContains(t, err, tc.want)
			require.True(t, strings.HasPrefix(err.Error(), "fuzz: the "), err)
			t.Log(err)
		})
	}
}

func newBroken() pipeline.Stage { panic(errors.New("no map")) }
