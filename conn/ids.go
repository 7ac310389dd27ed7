package conn

import "github.com/intentra/intentra/pipeline"

// ids hands out the IDs of one kind. A number is used again only after it has
// been given back, and then under another generation.
type ids struct {
	free []pipeline.ID // given back; the number is good, the generation is over
	next uint32
	max  uint32
}

// take returns an ID, or false at the limit. gen is a random byte: it makes
// the index on the wire hard to guess and keeps late packets of a previous
// holder apart.
func (a *ids) take(gen byte) (pipeline.ID, bool) {
	gen = max(gen, 1)
	if n := len(a.free); n > 0 {
		old := a.free[n-1]
		a.free = a.free[:n-1]
		if gen == old.Generation() {
			gen = max(gen+1, 1)
		}
		return pipeline.MakeID(old.Number(), gen), true
	}
	if a.next >= a.max {
		return 0, false
	}
	a.next++
	return pipeline.MakeID(a.next-1, gen), true
}

func (a *ids) give(id pipeline.ID) { a.free = append(a.free, id) }
