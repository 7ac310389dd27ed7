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

// A fault of Prepare is reported as such, not as a fault of the stage.
func TestFaultsOfPrepareAreNamed(t *testing.T) {
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
		{"appends to Data", func(p *pipeline.Packet) { _ = append(p.Data, 1) }, fuzz.Messages, "Prepare wrote past the end of Data"},
		{"appends to Data and keeps it", func(p *pipeline.Packet) { p.Data = p.Data[:len(p.Data)+1] }, fuzz.Datagrams, "Prepare changed the length of Data"},
		{"replaces Data", func(p *pipeline.Packet) { p.Data = make([]byte, len(p.Data)) }, fuzz.Sealed, "Prepare replaced Data"},
		{"lengthens Data for messages", func(p *pipeline.Packet) { p.Data = append(p.Data, 1) }, fuzz.OutMessages, "Prepare changed the length of Data"},
		{"replies from other memory", func(p *pipeline.Packet) { p.Reply = []byte{1} }, fuzz.Datagrams, "Prepare put its reply into memory of its own"},
		{"has other results each time", func(p *pipeline.Packet) {
			calls++
			p.Channel = uint32(calls)
		}, fuzz.Messages, "Prepare changed the same packet in two ways"},
		{"panics later", func(*pipeline.Packet) {
			if calls++; calls > 10 {
				panic("full")
			}
		}, fuzz.Messages, "Prepare changed the same packet in two ways"},
		{"keeps memory", func(p *pipeline.Packet) {
			if kept != nil {
				p.Payload()[0] = kept[0]
			}
			if kept = nil; len(p.Payload()) == 5 {
				kept = p.Payload()
			}
		}, fuzz.Messages, "Prepare changed the same packet in two ways"},
		{"allocates", func(p *pipeline.Packet) { p.SetPayload(append([]byte(nil), 1, 2, 3)) }, fuzz.Messages, "Prepare allocates, 7 times"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls, kept = 0, nil
			good := withoutPlaintext(accept(func(p *pipeline.Packet) { p.SetPayload(p.Payload()) }))
			err := fuzz.Check(long, good, fuzz.At(tc.position), fuzz.Prepare(tc.prepare), fuzz.AllocFree())
			require.ErrorContains(t, err, "fuzz: "+tc.want)
			require.NotContains(t, err.Error(), `stage "bad"`)
			t.Log(err)
		})
	}
}

// Prepare may write anywhere in the packet, also where the stage may not.
func TestPrepareMayWriteAnywhereInThePacket(t *testing.T) {
	for position := fuzz.Datagrams; position <= fuzz.OutPackets; position++ {
		require.NoError(t, fuzz.Check(long, withoutPlaintext(of(nil)), fuzz.At(position), fuzz.AllocFree(), fuzz.Prepare(func(p *pipeline.Packet) {
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

// nameless is a stage whose Name panics.
type nameless struct{ *stage }

func (nameless) Name() string { panic("no name") }

// A constructor that makes no stage is named, on whichever call it fails.
func TestFailingConstructorsAreNamed(t *testing.T) {
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
		{"panics", newPanicking, "the constructor fuzz_test.newPanicking() panicked when it was called for a new stage: no map"},
		{"exits", func() pipeline.Stage { runtime.Goexit(); return nil }, "TestFailingConstructorsAreNamed.func"},
		{"exits as a test does", func() pipeline.Stage { new(testing.T).SkipNow(); return nil }, "() called runtime.Goexit when it was called for a new stage"},
		{"panics later", later(func() { panic("used up") }), "() panicked when it was called for a new stage: used up"},
		{"exits later", later(runtime.Goexit), "() called runtime.Goexit when it was called for a new stage"},
		{"returns none", func() pipeline.Stage { return nil }, "() returned no stage"},
		{"returns one without a name", func() pipeline.Stage { return nameless{newStage(nil)} }, "a fuzz_test.nameless: its Name panicked: no name"},
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

func newPanicking() pipeline.Stage { panic(errors.New("no map")) }
