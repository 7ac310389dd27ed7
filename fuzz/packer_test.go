package fuzz_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// framePacker packs messages as the default stage does. Its fields replace or follow
// what it does.
type framePacker struct {
	size      func(p *pipeline.Packet) int // instead
	process   func(p *pipeline.Packet)     // afterwards
	verdict   pipeline.Verdict             // if it is not zero
	growth    int
	panics    string // the method that panics
	messages  int
	dropEvery int // drops each message with such a number
}

func (*framePacker) Name() string      { return "pack" }
func (*framePacker) Reasons() []string { return []string{"third"} }

func (k *framePacker) Size(p *pipeline.Packet) int {
	if k.panics == "Size" {
		panic("no size")
	}
	n := wire.MessageSize(wire.FrameType(p.Intent), p.Channel, len(p.Payload()))
	if k.size != nil {
		return k.size(p)
	}
	return n
}

func (k *framePacker) Process(p *pipeline.Packet) pipeline.Verdict {
	if k.panics == "Process" {
		panic("no frame")
	}
	if k.messages++; k.dropEvery > 0 && k.messages%k.dropEvery == 0 {
		p.Data = append(p.Data, 1) // half of a frame, which the chain takes back
		return pipeline.DropFirst
	}
	if p.Intent == pipeline.Reliable {
		p.Data = wire.AppendReliable(p.Data, p.Channel, p.Sequence, p.Distance, p.Payload())
	} else {
		p.Data = wire.AppendMessage(p.Data, wire.FrameType(p.Intent), p.Channel, p.Payload())
	}
	if k.process != nil {
		k.process(p)
	}
	if k.verdict != 0 {
		return k.verdict
	}
	return pipeline.Accept
}

func frameSize(p *pipeline.Packet) int {
	return wire.MessageSize(wire.FrameType(p.Intent), p.Channel, len(p.Payload()))
}

type growingPacker struct{ *framePacker }

func (g growingPacker) MaxGrowth() int { return g.growth }

// A packer that follows the rules passes, also one that drops messages for a reason of
// its own, or that appends more than a frame and declares it.
func TestGoodPackers(t *testing.T) {
	for name, newStage := range map[string]func() pipeline.Stage{
		"like the default":         func() pipeline.Stage { return &framePacker{} },
		"drops for its own reason": func() pipeline.Stage { return &framePacker{dropEvery: 3} },
		"longer, as declared": func() pipeline.Stage {
			return growingPacker{&framePacker{growth: 1, size: func(p *pipeline.Packet) int { return frameSize(p) + 1 },
				process: func(p *pipeline.Packet) { p.Data = append(p.Data, 0) }}}
		},
	} {
		for i, input := range append(fuzz.Seeds(fuzz.OutMessages), long) {
			require.NoError(t, fuzz.Check(input, newStage), "%s: seed %d", name, i)
		}
		require.NoError(t, fuzz.Check(long, newStage, fuzz.AllocFree()), name)
	}
}

// Each fault of a packer is found, and reported as what it is.
func TestBadPackersAreCaught(t *testing.T) {
	calls := 0
	for _, tc := range []struct {
		name  string
		stage framePacker
		want  string
	}{
		{"Size is too small", framePacker{size: func(p *pipeline.Packet) int { return frameSize(p) - 1 }}, "Size returned 5, but Process appended 6 bytes"},
		{"Size is too large", framePacker{growth: 1, size: func(p *pipeline.Packet) int { return frameSize(p) + 1 }}, "Size returned 7, but Process appended 6 bytes"},
		{"Size is negative", framePacker{size: func(*pipeline.Packet) int { return -1 }}, "Size returned -1"},
		{"Size changes", framePacker{size: func(*pipeline.Packet) int { calls++; return calls }}, "Size returned 1 and then 2 for the same message"},
		{"Size panics", framePacker{panics: "Size"}, `stage "pack" panicked at Size, outbound message 1 of 7`},
		{"Size appends", framePacker{size: func(p *pipeline.Packet) int { n := frameSize(p); p.Data = append(p.Data, 1); return n }}, "in Size, changed the length of Data"},
		{"Size writes into earlier messages", framePacker{size: func(p *pipeline.Packet) int { p.Data[0] ^= 1; return frameSize(p) }}, "in Size, wrote into Data, where earlier messages lie"},
		{"Size sets a field", framePacker{size: func(p *pipeline.Packet) int { p.Channel++; return frameSize(p) }}, "in Size, changed the packet's Channel"},
		{"longer than declared", framePacker{size: func(p *pipeline.Packet) int { return frameSize(p) + 1 },
			process: func(p *pipeline.Packet) { p.Data = append(p.Data, 0) }}, "Size returned 7, but the message takes 6 bytes as a frame, and MaxGrowth declares 0 more"},
		{"Process panics", framePacker{panics: "Process"}, `stage "pack" panicked at outbound message 1 of 7`},
		{"appends nothing", framePacker{process: func(p *pipeline.Packet) { p.Data = p.Data[:wire.HeaderSize] }}, "Size returned 6, but Process appended 0 bytes"},
		{"writes into earlier messages", framePacker{process: func(p *pipeline.Packet) { p.Data[0] ^= 1 }}, "wrote into Data, where earlier messages lie"},
		{"writes past the room", framePacker{process: func(p *pipeline.Packet) { p.Data = append(p.Data, make([]byte, 2000)...) }}, "replaced Data"},
		{"limits the room", framePacker{process: func(p *pipeline.Packet) { p.Data = p.Data[:len(p.Data):len(p.Data)] }}, "changed the capacity of Data"},
		{"drops without a reason", framePacker{verdict: pipeline.DropFirst + 1}, "returned verdict 2 with 1 reasons declared"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls = 0
			newStage := func() pipeline.Stage { s := tc.stage; return growingPacker{&s} }
			err := fuzz.Check(long, newStage)
			require.ErrorContains(t, err, tc.want)
			t.Log(err)
		})
	}
}

// Memory that a packer keeps is reported as kept.
func TestPackersThatKeepMemoryAreCaught(t *testing.T) {
	for name, tc := range map[string]struct {
		process func(kept *[]byte, p *pipeline.Packet)
		want    string
	}{
		"decides by an earlier payload": {func(kept *[]byte, p *pipeline.Packet) {
			if len(*kept) > 0 && len(p.Payload()) > 0 {
				p.Data[len(p.Data)-1] ^= (*kept)[0]
			}
			*kept = p.Payload()
		}, "has kept the Packet, Data, a payload or Reply"},
		"decides by earlier Data": {func(kept *[]byte, p *pipeline.Packet) {
			if *kept != nil && len(p.Payload()) > 0 {
				p.Data[len(p.Data)-1] ^= (*kept)[len(*kept)-1]
			}
			*kept = p.Data
		}, "has kept the Packet, Data, a payload or Reply"},
		"writes into earlier Data": {func(kept *[]byte, p *pipeline.Packet) {
			if *kept != nil {
				(*kept)[0] ^= 1
			}
			*kept = p.Data
		}, "wrote to a packet after it had returned"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fuzz.Check(long, func() pipeline.Stage {
				var kept []byte
				return &framePacker{process: func(p *pipeline.Packet) { tc.process(&kept, p) }}
			})
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// growthStage is a message stage whose MaxGrowth is a function.
type growthStage struct {
	*stage
	growth func() int
}

func (g growthStage) MaxGrowth() int { return g.growth() }

// What MaxGrowth declares must be possible, and stay as it is.
func TestBadGrowthIsCaught(t *testing.T) {
	for name, tc := range map[string]struct {
		growth func(calls int) int
		want   string
	}{
		"negative": {func(int) int { return -1 }, `the chain refuses the stage where it is given each outbound message: pipeline: invalid stage: stage 0 "bad", a fuzz_test.growthStage: its MaxGrowth is -1`},
		"too much": {func(int) int { return 1 << 20 }, "its MaxGrowth is 1048576"},
		"panics":   {func(int) int { panic("unknown") }, "its MaxGrowth panicked: unknown"},
		"changes":  {func(calls int) int { return calls }, "MaxGrowth returned 1 and then 2: the chain reads it once"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fuzz.Check(long, func() pipeline.Stage {
				calls := 0
				return growthStage{newStage(nil), func() int { calls++; return tc.growth(calls) }}
			})
			require.ErrorContains(t, err, tc.want)
		})
	}
}
