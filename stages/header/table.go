package header

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// table contains the live epochs by their receiver index on the wire. The generation in
// an index distinguishes packets of earlier holders of its number.
type table struct{ slots pipeline.Slots[entry] }

type entry struct {
	peer, session pipeline.ID
	seq           uint32
}

func (t *table) open(n pipeline.EpochNotice) {
	*t.slots.Open(n.Epoch) = entry{peer: n.Peer, session: n.Session, seq: n.Seq}
}

func (t *table) close(epoch pipeline.ID) { t.slots.Close(epoch) }

// stamp fills in p from h, the header of a Data packet. It returns false and does not
// change p if h names no live epoch.
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
