package fair

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// rounds is a model of a Limiter that counts in billionths of a token and keeps the
// turns in a set. It takes only the place of an address from the Limiter, since two
// addresses may share one.
type rounds struct {
	level, full, reserve, rate int64
	last                       pipeline.Time
	had                        map[*uint32]bool
}

const one = 1_000_000_000

// near bounds the rounding error of the limiter.
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

// allowed returns the correct answers: more than one if rounding decides.
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

// FuzzLimiter: an attacker (OFF) sends from several addresses at any times. Each
// answer agrees with exactly counted turns and tokens.
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
			// One of 16 addresses, after up to several minutes.
			addr := address(int(in[0] % 16))
			now += pipeline.Time(in[1]) << (in[0] / 16 * 2)
			m.refill(now)
			round := l.round
			right := m.allowed(l.mark(addr))
			got := l.Take(now, addr)
			require.Contains(t, right, got, "level %d", m.level)
			if l.round != round {
				require.Equal(t, round+1, l.round)
				require.Equal(t, Granted, got, "a refusal began a round")
				clear(m.had)
			}
			if got == Granted {
				m.level -= one
				m.had[l.mark(addr)] = true
			}
		}
	})
}
