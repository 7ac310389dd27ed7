package replay

import (
	"slices"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
)

// What the core asks its driver is answered as it was then.

func (f *full) authorize([conn.KeySize]byte) bool {
	if f.entry.Panicked {
		panic("replay: Authorize has panicked")
	}
	return f.entry.Authorized
}

func (f *full) deliver(p *conn.Peer, pk *pipeline.Packet) bool {
	f.takeEvents()
	at := f.outcome.Delivered
	f.outcome.Sum = journal.Checksum(f.outcome.Sum, p, pk)
	f.outcome.Delivered++
	if slices.Contains(f.entry.Panics, at) {
		panic("replay: the handler has panicked")
	}
	return !slices.Contains(f.entry.Refused, at)
}

func (f *full) room(*conn.Peer) bool {
	at := f.asked
	f.asked++
	return at >= len(f.entry.Rooms) || f.entry.Rooms[at] == '1'
}
