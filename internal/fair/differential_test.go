package fair

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// rounds is a Limiter in whole billionths of a token, with a set for the turns
// that have been had. It asks the Limiter for one thing alone: which place stands
// for an address in a round, since two may share one.
type rounds struct {
	level, full, reserve, rate int64
	last                       pipeline.Time
	had                        map[*uint32]bool
}

const one = 1_000_000_000

// near is how far off the limiter's floating-point numbers may be.
const near = one / 1_000_000

func (r *rounds) refill(now pipeline.Time) {
	elapsed := int64(now - r.last)
	r.last = now
	if elapsed > (r.full-r.level)/r.rate {
		r.level = r.full
		return
	}
	r.level += elapsed * r.rate
}

// allowed returns the answers that are right, more than one where the limiter's
// rounding decides.
func (r *rounds) allowed(mark *uint32) (all []Answer) {
	if r.level < one+near {
		all = append(all, Empty)
	}
	if r.level > one-near {
		if r.had[mark] && r.level < r.reserve+one+near {
			all = append(all, Share)
		}
		if !r.had[mark] || r.level > r.reserve+one-near {
			all = append(all, Granted)
		}
	}
	return all
}

// FuzzLimiter is OFF with several addresses: whoever asks when, each answer is
// what turns and tokens, counted exactly, come to.
func FuzzLimiter(f *testing.F) {
	f.Add(uint16(200), uint8(50), []byte{0, 0, 0, 0, 1, 0, 0, 2, 9, 1, 1, 0})
	f.Add(uint16(1), uint8(0), []byte{0, 0, 1, 0, 0, 255, 0, 200, 1, 0, 255, 0})
	f.Add(uint16(10_000), uint8(255), []byte("\x00\x00\x00\x00\x01\x00\x00\x02\x00\x00\x03\x00\x00\x00\x11\x01"))
	f.Fuzz(func(t *testing.T, perSecond uint16, burst uint8, in []byte) {
		perSecond = max(perSecond, 1)
		l := New(float64(perSecond), int(burst), [16]byte{3})
		tokens := int64(max(burst, 2))
		m := &rounds{
			level: tokens * one, full: tokens * one, reserve: tokens / 2 * one, rate: int64(perSecond),
			last: start, had: map[*uint32]bool{},
		}
		for now := start; len(in) >= 2; in = in[2:] {
			// 0 to 15 addresses, and a time from nothing to minutes.
			addr := address(int(in[0] % 16))
			now += pipeline.Time(in[1]) << (in[0] / 16 * 2)
			m.refill(now)
			round := l.round
			right := m.allowed(l.mark(addr))
			got := l.Take(now, addr)
			require.Contains(t, right, got, "level %d", m.level)
			if l.round != round {
				require.Equal(t, round+1, l.round)
				require.Equal(t, Granted, got, "only a grant begins a round")
				clear(m.had)
			}
			if got == Granted {
				m.level -= one
				m.had[l.mark(addr)] = true
			}
		}
	})
}
