package header

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// table holds the live epochs by the receiver index that names them on the
// wire. The generation in an index keeps packets of an earlier holder of its
// number from being taken for the new one's.
type table struct{ slots pipeline.Slots[entry] }

type entry struct {
	peer, session pipeline.ID
	seq           uint32
}

func (t *table) open(n pipeline.EpochNotice) {
	*t.slots.Open(n.Epoch) = entry{peer: n.Peer, session: n.Session, seq: n.Seq}
}

func (t *table) close(epoch pipeline.ID) { t.slots.Close(epoch) }

// stamp fills in p from h, the header of a Data packet. It reports false, and
// leaves p alone, if h names no live epoch.
func (t *table) stamp(p *pipeline.Packet, h wire.Header) bool {
	epoch := pipeline.ID(h.Receiver)
	e := t.slots.Get(epoch)
	if e == nil {
		return false
	}
	p.Peer, p.Session, p.Epoch = e.peer, e.session, epoch
	p.EpochSeq, p.Counter = e.seq, h.Counter
	return true
}
