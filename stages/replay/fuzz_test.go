package replay

import (
	"math"
	"testing"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

// FuzzWindow is an observer who records and replays, and a peer that uses any counters.
// The window must agree with an unbounded set about every counter.
func FuzzWindow(f *testing.F) {
	f.Add(uint8(0), uint64(0), []byte{0, 0, 1, 0, 0, 1, 1, 0, 1})
	f.Add(uint8(0), uint64(math.MaxUint64-70), []byte{0, 0, 70, 1, 0, 64, 1, 0, 65, 0, 0, 1})
	f.Add(uint8(7), uint64(1<<40), []byte{0, 255, 255, 1, 32, 0, 1, 32, 1, 2, 200, 7, 1, 0, 0})
	f.Fuzz(func(t *testing.T, size uint8, start uint64, steps []byte) {
		bits := MinBits << (size % 11)
		w, m := NewWindow(bits), newModel(bits)
		require.Equal(t, m.accept(start), w.Accept(start))
		for ; len(steps) >= 3; steps = steps[3:] {
			c := counterOf(m.highest, steps)
			require.Equal(t, m.accept(c), w.Accept(c), "%d bits, counter %d, highest %d", bits, c, m.highest)
		}
	})
}

// counterOf returns a counter above or below the highest, or far above it, within the
// range of counters.
func counterOf(highest uint64, step []byte) uint64 {
	by := uint64(step[1])<<8 | uint64(step[2])
	switch step[0] % 3 {
	case 0:
		return highest + min(by, math.MaxUint64-highest)
	case 1:
		return highest - min(by, highest)
	}
	return highest + min(by<<(step[0]%48), math.MaxUint64-highest)
}

// FuzzStage is anyone whose packets reach the stage, genuine or not, while epochs open
// and close. A packet is accepted and fresh exactly if it is authenticated, its epoch is
// live, and its counter is not in a set of those accepted before.
func FuzzStage(f *testing.F) {
	f.Add([]byte{0, 1, 2, 1, 2, 1, 5, 1, 2, 1, 3, 1, 2, 1})
	f.Add([]byte{0, 0, 2, 0, 1, 0, 2, 0, 0, 0, 2, 0, 2, 200, 0, 9, 2, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := newStage(t, Config{Bits: MinBits})
		live := map[pipeline.ID]*model{}
		for ; len(ops) >= 2; ops = ops[2:] {
			op, arg := ops[0], ops[1]
			id := pipeline.MakeID(uint32(arg%3), 1+arg/3%2)
			other := pipeline.MakeID(uint32(arg%3), 2-arg/3%2)
			switch op % 4 {
			case 0:
				s.EpochOpened(pipeline.EpochNotice{Epoch: id})
				delete(live, other) // the number has a new holder
				live[id] = newModel(MinBits)
			case 1:
				s.EpochClosed(pipeline.EpochNotice{Epoch: id})
				delete(live, id)
			default:
				p := packet(id, uint64(op/4)*7+uint64(arg/6))
				if op%4 == 3 {
					*p = pipeline.Packet{Data: p.Data, Epoch: id, Counter: p.Counter}
				}
				want := expected(live[id], p)
				require.Equal(t, want, s.Process(p))
				require.Equal(t, want == pipeline.Accept, p.Fresh())
				require.Equal(t, "sealed bytes", string(p.Data))
			}
		}
	})
}

func expected(m *model, p *pipeline.Packet) pipeline.Verdict {
	switch {
	case !p.Opened():
		return DropUnopened
	case m == nil:
		return DropUnknownEpoch
	}
	return map[Result]pipeline.Verdict{Accepted: pipeline.Accept, TooOld: DropTooOld, Replayed: DropReplayed}[m.accept(p.Counter)]
}

// FuzzStageLaws holds the stage to the laws of package fuzz.
func FuzzStageLaws(f *testing.F) {
	fuzz.Stage(f, func() *Stage { return must(New(Config{Bits: 256})) }, fuzz.AllocFree())
}

// must is for the constructors passed to package fuzz, which have no *testing.T.
func must(s *Stage, err error) *Stage {
	if err != nil {
		panic(err)
	}
	return s
}
