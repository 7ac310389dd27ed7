package fuzz_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// A kept buffer is reported as kept, not as loss, whichever seed shows it.
func TestKeptMemoryIsNotReportedAsLoss(t *testing.T) {
	shown := 0
	for i, input := range fuzz.Seeds(fuzz.Messages) {
		if err := fuzz.Check(input, repeats); err != nil {
			require.ErrorContains(t, err, "has kept", "seed %d", i)
			shown++
		}
	}
	require.Greater(t, shown, 10)
}

// A random decision is reported as random, whatever its odds.
func TestChanceIsNotReportedAsKeptMemory(t *testing.T) {
	random := seed.Rand(t)
	inputs := append(fuzz.Seeds(fuzz.Messages), fuzz.Input([]byte("one")), long)
	for _, odds := range []int{2, 4, 16, 64, 256} {
		shown := 0
		for i := range 400 {
			err := fuzz.Check(inputs[i%len(inputs)], of(func(*pipeline.Packet) pipeline.Verdict {
				if random.IntN(odds) == 0 {
					return pipeline.DropFirst
				}
				return pipeline.Accept
			}))
			if err != nil {
				require.ErrorContains(t, err, "the same input gave two results", "1 in %d", odds)
				shown++
			}
		}
		require.NotZero(t, shown)
	}
}

// All seeds that show a fault have the same cause; another rule, field or line has another
// cause.
func TestCauses(t *testing.T) {
	all := map[string]string{}
	for name, newStage := range map[string]func() pipeline.Stage{
		"short":   accept(func(p *pipeline.Packet) { _ = p.Payload()[1000] }),
		"shorter": accept(func(p *pipeline.Packet) { _ = p.Payload()[2000] }),
		"time":    accept(func(p *pipeline.Packet) { p.Now++ }),
		"peer":    accept(func(p *pipeline.Packet) { p.Peer += pipeline.ID(p.Counter) + 1 }),
		"kept":    repeats,
		"verdict": of(func(*pipeline.Packet) pipeline.Verdict { return 99 }),
		"outside": accept(func(p *pipeline.Packet) { p.Data[0]++ }),
	} {
		shown := 0
		for _, input := range fuzz.Seeds(fuzz.Messages) {
			err := fuzz.Check(input, newStage)
			if err == nil {
				continue
			}
			shown++
			cause := fault.Cause(err)
			require.NotEqual(t, err.Error(), cause)
			if other, ok := all[cause]; ok {
				require.Equal(t, name, other, cause)
			}
			all[cause] = name
		}
		require.Greater(t, shown, 10, name)
	}
	require.Len(t, all, 7, "%q", all)
}

// At refuses a position in which a chain would refuse the stage or not use its interfaces.
func TestMisplacedStagesAreRefused(t *testing.T) {
	s := struct{ pipeline.Stage }{newStage(nil)} // a value: each is another
	for _, tc := range []struct {
		stage    pipeline.Stage
		position fuzz.Position
		want     string
	}{
		{s, fuzz.Datagrams, `the chain refuses the stage where it is given each datagram: pipeline: unsafe order: "bad" may read plaintext`},
		{s, fuzz.Sealed, "let it declare ReadsPlaintext() false"},
		{guard{s}, fuzz.Messages, "guards whole packets"},
		{guard{s}, fuzz.OutMessages, "guards whole packets"},
		{splits{s}, fuzz.Messages, "as a pipeline.Splitter it takes packets apart"},
		{splits{s}, fuzz.Sealed, `At: stage "bad" cannot stand where it is given each sealed packet: as a pipeline.Splitter it splits plaintext, and these are sealed; it belongs where it is given each fresh packet`},
		{splits{s}, fuzz.OutPackets, "it opens or splits what has been received"},
		{opener{noPlaintext{s}}, fuzz.Messages, "as a pipeline.Opener it opens packets, and these are open"},
		{opener{noPlaintext{s}}, fuzz.Fresh, "it belongs where it is given each sealed packet"},
		{opener{noPlaintext{s}}, fuzz.OutMessages, "it opens or splits what has been received"},
		{packed{s}, fuzz.OutPackets, "as a pipeline.Packer it makes packets"},
		{packed{s}, fuzz.Messages, "it packs or seals what is to be sent"},
		{sealer{s}, fuzz.OutMessages, "as a pipeline.Sealer it seals packets"},
		{sealer{noPlaintext{s}}, fuzz.Datagrams, "it belongs where it is given each outbound packet"},
	} {
		err := fuzz.Check(long, func() pipeline.Stage { return tc.stage }, fuzz.At(tc.position))
		require.ErrorContains(t, err, tc.want)
	}
}

type (
	splits struct{ pipeline.Stage }
	packed struct{ pipeline.Stage }
)

func (splits) Next(*pipeline.Packet) (pipeline.Verdict, bool) { return 0, false }
func (packed) Size(*pipeline.Packet) int                      { return 0 }

// Stages in a position that their interfaces allow pass, also those that set the fields
// that are theirs.
func TestStagesInValidPositionsPass(t *testing.T) {
	for i, tc := range []struct {
		newStage func() pipeline.Stage
		opts     []fuzz.Option
	}{
		{withoutPlaintext(of(nil)), []fuzz.Option{fuzz.At(fuzz.Sealed)}},
		{withoutPlaintext(of(nil)), []fuzz.Option{fuzz.At(fuzz.Messages)}},
		{withoutPlaintext(of(nil)), []fuzz.Option{fuzz.At(fuzz.OutPackets)}},
		{of(nil), []fuzz.Option{fuzz.At(fuzz.OutPackets)}},
		{func() pipeline.Stage { return &parser{noPlaintext: noPlaintext{newStage(nil)}} }, nil},
		{func() pipeline.Stage { return guard{accept(func(p *pipeline.Packet) { p.MarkFresh() })()} }, nil},
		{func() pipeline.Stage {
			return opener{noPlaintext{accept(func(p *pipeline.Packet) { p.SetPlaintext(bytes.Clone(p.Data)) })()}}
		}, nil},
		{accept(func(p *pipeline.Packet) { p.Channel++; p.Strike(); p.LeaveUnacknowledged() }), []fuzz.Option{fuzz.Sets("Channel")}},
	} {
		require.NoError(t, fuzz.Check(long, tc.newStage, tc.opts...), fmt.Sprint(i))
	}
}

// parser sets the epoch that was opened last, whatever the header says.
type parser struct {
	noPlaintext
	last pipeline.EpochNotice
}

func (h *parser) EpochOpened(n pipeline.EpochNotice) { h.last = n }
func (h *parser) EpochClosed(pipeline.EpochNotice)   {}
func (h *parser) Process(p *pipeline.Packet) pipeline.Verdict {
	p.Peer, p.Session, p.Epoch, p.EpochSeq, p.Counter = h.last.Peer, h.last.Session, h.last.Epoch, h.last.Seq, 5
	return pipeline.Accept
}
