package replay

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

var (
	epochA = pipeline.MakeID(1, 1)
	epochB = pipeline.MakeID(2, 1)
)

func newStage(t testing.TB, cfg Config) *Stage {
	s, err := New(cfg)
	require.NoError(t, err)
	return s
}

func packet(epoch pipeline.ID, counter uint64) *pipeline.Packet {
	p := new(pipeline.Packet)
	p.Reset([]byte("sealed bytes"), netip.AddrPort{}, 0)
	p.Epoch, p.Counter = epoch, counter
	p.SetPlaintext(p.Data)
	return p
}

func TestStageVerdicts(t *testing.T) {
	s := newStage(t, Config{Bits: MinBits})
	s.EpochOpened(pipeline.EpochNotice{Epoch: epochA})
	unopened := packet(epochA, 5)
	unopened.Reset(unopened.Data, unopened.Addr, 0)
	unopened.Epoch, unopened.Counter = epochA, 5

	for _, step := range []struct {
		name string
		p    *pipeline.Packet
		want pipeline.Verdict
	}{
		{"unopened", unopened, DropUnopened},
		{"new", packet(epochA, 5), pipeline.Accept},
		{"again", packet(epochA, 5), DropReplayed},
		{"other epoch", packet(epochB, 6), DropUnknownEpoch},
		{"no epoch", packet(0, 6), DropUnknownEpoch},
		{"jump", packet(epochA, 5+MinBits+1), pipeline.Accept},
		{"below the window", packet(epochA, 4), DropTooOld},
		{"the same, below the window", packet(epochA, 5), DropTooOld},
		{"the limit", packet(epochA, Limit), DropTooHigh},
		{"the greatest", packet(epochA, math.MaxUint64), DropTooHigh},
		{"in the window that those have not moved", packet(epochA, 5+MinBits), pipeline.Accept},
		{"below the limit", packet(epochA, Limit-1), pipeline.Accept},
	} {
		require.Equal(t, step.want, s.Process(step.p), step.name)
		require.Equal(t, step.want == pipeline.Accept, step.p.Fresh(), step.name)
		require.Equal(t, "sealed bytes", string(step.p.Data), step.name)
	}
}

// A forged counter never reaches the window (threat 11).
func TestUnopenedPacketDoesNotMoveTheWindow(t *testing.T) {
	s := newStage(t, Config{})
	s.EpochOpened(pipeline.EpochNotice{Epoch: epochA})
	require.Equal(t, pipeline.Accept, s.Process(packet(epochA, 1)))
	before := *s.windows.Get(epochA)
	before.ring = slices.Clone(before.ring)

	forged := new(pipeline.Packet)
	forged.Epoch, forged.Counter = epochA, math.MaxUint64
	require.Equal(t, DropUnopened, s.Process(forged))
	require.Equal(t, before, *s.windows.Get(epochA))
}

func TestEpochsHaveSeparateWindows(t *testing.T) {
	s := newStage(t, Config{})
	next := pipeline.MakeID(epochA.Number(), epochA.Generation()+1)
	for _, e := range []pipeline.ID{epochA, epochB} {
		s.EpochOpened(pipeline.EpochNotice{Epoch: e})
		require.Equal(t, pipeline.Accept, s.Process(packet(e, 7)))
	}
	s.EpochClosed(pipeline.EpochNotice{Epoch: epochA})
	require.Equal(t, DropUnknownEpoch, s.Process(packet(epochA, 8)))
	require.Equal(t, DropReplayed, s.Process(packet(epochB, 7)))

	s.EpochOpened(pipeline.EpochNotice{Epoch: next})
	require.Equal(t, DropUnknownEpoch, s.Process(packet(epochA, 9)))
	require.Equal(t, pipeline.Accept, s.Process(packet(next, 7)), "a new epoch starts empty")
}

func TestNewChecksBits(t *testing.T) {
	require.Equal(t, DefaultBits, newStage(t, Config{}).bits)
	require.Equal(t, MaxBits, newStage(t, Config{Bits: MaxBits}).bits)
	for _, bits := range []int{-1, 1, 100, 2 * MaxBits} {
		_, err := New(Config{Bits: bits})
		require.ErrorIs(t, err, ErrBits)
	}
}

// The builder must refuse the stage before the cipher, and a chain without it.
func TestBuild(t *testing.T) {
	s := newStage(t, Config{})
	_, err := pipeline.NewInbound(s, opener{}).Build()
	require.ErrorIs(t, err, pipeline.ErrOrder)
	_, err = pipeline.NewInbound(opener{}, s).Remove("replay").Build()
	require.ErrorIs(t, err, pipeline.ErrUnguarded)
	_, err = pipeline.NewInbound(opener{}, s).Build()
	require.NoError(t, err)
}

type opener struct{}

func (opener) Name() string                              { return "open" }
func (opener) Reasons() []string                         { return nil }
func (opener) Process(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }
func (opener) OpensPlaintext()                           {}

func TestReasonsMatchTheConstants(t *testing.T) {
	names := new(Stage).Reasons()
	for name, v := range map[string]pipeline.Verdict{
		"replayed": DropReplayed, "too_old": DropTooOld, "unopened": DropUnopened, "unknown_epoch": DropUnknownEpoch,
		"too_high": DropTooHigh,
	} {
		require.Equal(t, name, names[v-pipeline.DropFirst])
	}
	require.Len(t, names, 5)
}

func TestProcessDoesNotAllocate(t *testing.T) {
	s := newStage(t, Config{})
	s.EpochOpened(pipeline.EpochNotice{Epoch: epochA})
	p := packet(epochA, 0)
	data := bytes.Clone(p.Data)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p.Counter++
		s.Process(p)
		s.Process(p) // the replay
	}))
	require.Equal(t, data, p.Data)
}

// Warm returns the word with the bit of the counter, of any epoch, and changes nothing.
func TestWarm(t *testing.T) {
	s := newStage(t, Config{Bits: 1024})
	require.Zero(t, s.Warm(0, epochA, 5), "an unknown epoch")
	s.EpochOpened(pipeline.EpochNotice{Epoch: epochA})
	require.Zero(t, s.Warm(0, epochA, 5), "nothing received")
	for c := uint64(0); c < 5000; c += 67 {
		require.Equal(t, pipeline.Accept, s.Process(packet(epochA, c)))
		for range 2 {
			require.Equal(t, uint64(1), s.Warm(0, epochA, c)>>(c%64)&1, "counter %d", c)
		}
	}
	*s.windows.Open(epochB) = Window{}
	require.Zero(t, s.Warm(0, epochB, 5), "a window that was never made")
}
