package sendq

import (
	"testing"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

// TakePlain fills packets of any size with messages of which most are plain, up to each of
// its limits, and leaves the others for Take.
func TestTakePlainAgainstSlices(t *testing.T) {
	r := seed.Rand(t)
	p := newPair(t, roomy)
	p.setOnline(true)
	ends := make(map[[3]bool]int)
	for range rounds(2000) {
		for range r.IntN(8) {
			m := p.message(r.Uint32N(64), pipeline.Realtime+pipeline.Intent(r.IntN(2)), r.IntN(100))
			if r.IntN(8) == 0 {
				m.token = 2 * uint64(p.next)
			}
			p.push(m)
		}
		w := Frames{
			Room: r.IntN(500), Messages: r.IntN(2), Bytes: r.IntN(100),
			MostMessages: 1 + r.IntN(12), MostBytes: 20 + r.IntN(1000), Longest: 60 + r.IntN(60),
		}
		full, more := p.takePlain(w)
		ends[[3]bool{full, more, len(p.m.state) == 0}]++
		p.check()
		if more {
			p.take(false, 1+r.IntN(8))
		}
		if r.IntN(8) == 0 {
			p.take(false, 1<<20)
		}
		p.attend()
	}
	require.Len(t, ends, 4, "full, not plain, enough, and empty")
}

// TakePlain allocates nothing, and gives shared payloads back.
func TestTakePlainReleases(t *testing.T) {
	q := online(roomy)
	data, payload := make([]byte, 0, 1000), []byte("latest")
	w := new(Frames)
	shared := NewPayload([]byte("shared"), 1<<20)
	const each = 100
	n := testing.AllocsPerRun(each, func() {
		for channel := range uint32(4) {
			push(q, channel, pipeline.Latest, payload)
			pushShared(q, channel, pipeline.Realtime, shared)
		}
		*w = Frames{Data: data, Room: 1000, MostMessages: 100, MostBytes: 1000, Longest: 1000}
		if taken, more := q.TakePlain(w); taken != 8 || more {
			t.Error("not all were taken")
		}
	})
	require.Zero(t, n)
	require.EqualValues(t, 1<<20-4*(each+1), shared.shares.Load())
	require.Zero(t, q.Bytes())
}
