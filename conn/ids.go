package conn

import "github.com/intentra/intentra/pipeline"

// ids allocates the IDs of one kind. A number is reused only after it has been
// given back, and then with another generation.
type ids struct {
	free []pipeline.ID // given back, with the generation that was used last
	next uint32
	max  uint32
}

// take returns an unused ID, or false at the limit. gen is a random byte that makes
// the index on the wire hard to guess and tells late packets of a previous user of
// the number apart.
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
