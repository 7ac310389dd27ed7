package sim

import (
	"bytes"
	"slices"

	"github.com/intentra/intentra/wire"
)

// Recorder is an observer on the wire that keeps datagrams for later use; see
// World.Inject. At its limit it keeps the newest.
type Recorder struct {
	kinds  []wire.PacketType // none: all
	kept   []Datagram
	limit  int
	oldest int // in kept, once that is full
	passed uint64
	stop   func()
}

// Record starts a recorder of at most limit datagrams, which must be positive, of
// the given types, or of all types if none is given. It is a tap, and sees
// datagrams as the taps before it have left them.
func (w *World) Record(limit int, kinds ...wire.PacketType) *Recorder {
	w.checked()
	need(limit > 0, "Record", "a positive limit")
	r := &Recorder{kinds: kinds, limit: limit}
	r.stop = w.Tap(r.see)
	return r
}

func (r *Recorder) see(d Datagram) (pass Action) {
	if len(r.kinds) > 0 && !slices.Contains(r.kinds, d.Type()) {
		return pass
	}
	r.passed++
	if len(r.kept) < r.limit {
		d.Data = bytes.Clone(d.Data)
		r.kept = append(r.kept, d)
		return pass
	}
	slot := &r.kept[r.oldest]
	d.Data = append(slot.Data[:0], d.Data...)
	*slot = d
	r.oldest = (r.oldest + 1) % r.limit
	return pass
}

// Stop ends the recording. Recorded datagrams are kept.
func (r *Recorder) Stop() { r.checked().stop() }

// Passed returns how many datagrams of its types it has seen, including those
// that it does not keep any more.
func (r *Recorder) Passed() uint64 { return r.checked().passed }

// Kept returns the recorded datagrams of the types, or all if none is given, in
// the order in which they were sent. The result belongs to the caller.
func (r *Recorder) Kept(kinds ...wire.PacketType) (all []Datagram) {
	r.checked()
	for i := range r.kept {
		d := r.kept[(r.oldest+i)%len(r.kept)]
		if len(kinds) == 0 || slices.Contains(kinds, d.Type()) {
			d.Data = bytes.Clone(d.Data)
			all = append(all, d)
		}
	}
	return all
}
