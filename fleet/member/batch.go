package member

import (
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// outgoing is the batch to one hub.
type outgoing struct {
	lane    uint32
	seq     uint64        // of the batch, or the latest one if it has no updates
	at      time.Duration // the time in the header
	buf     []byte
	updates int
	sent    Traffic
}

// LocalUpdate is called for each update of a topic of this hub that is wanted elsewhere.
// The payload is borrowed.
func (m *Member) LocalUpdate(id uint64, payload []byte, made Stamp) {
	t := m.topics[id]
	if t == nil {
		m.stats.Unsent[UnsentRetracted]++
		return
	}
	t.seq++
	switch {
	case len(t.wantedBy) == 0:
		m.stats.Unsent[UnsentUnwanted]++
		return
	case len(payload)+updateOverhead > frame.MaxFrame:
		m.stats.Unsent[UnsentTooLarge]++
		return
	}
	m.stats.Accepted++
	u := frame.Update{ID: id, Seq: t.seq, Payload: payload}
	for _, o := range t.wantedBy {
		if o.alive {
			m.batch(o, u, made)
		} else {
			m.stats.Unsent[UnsentSilent]++
		}
	}
}

// updateOverhead is the size of an update and a header without the payload, at most.
const updateOverhead = frame.HeaderSize + 60

// batch adds an update to the batch to a hub.
func (m *Member) batch(o *other, u frame.Update, made Stamp) {
	out := &o.out
	if out.updates > 0 && len(out.buf)+len(u.Payload)+updateOverhead > m.cfg.Batch {
		m.flushBatch(o)
	}
	if out.updates == 0 {
		m.dirty = append(m.dirty, o)
		out.seq++
		out.at = m.now
		out.buf = frame.Header{Incarnation: m.cfg.Incarnation, Lane: out.lane, Seq: out.seq, Time: out.at.Microseconds()}.Append(out.buf[:0])
	}
	u.Stamp = made.relative(out.at)
	out.buf = u.Append(out.buf)
	out.updates++
}

// Flush sends the batches. It is called in a turn, as long after [Member.LocalUpdate] as
// updates are to wait for others.
func (m *Member) Flush() {
	for len(m.dirty) > 0 {
		m.flushBatch(m.dirty[0])
	}
}

// flushBatch sends the batch to a hub, if it has updates.
func (m *Member) flushBatch(o *other) {
	out := &o.out
	if out.updates == 0 {
		return
	}
	m.bus.Direct(o.key, out.buf)
	m.stats.BatchesSent++
	m.stats.UpdatesSent += uint64(out.updates)
	m.stats.BytesSent += uint64(len(out.buf))
	out.sent.add(Traffic{Batches: 1, Updates: uint64(out.updates), Bytes: uint64(len(out.buf))})
	out.updates = 0
	if cap(out.buf) > 2*m.cfg.Batch {
		out.buf = nil // a single large update
	}
	i := slices.Index(m.dirty, o)
	m.dirty = slices.Delete(m.dirty, i, i+1)
}

// values sends the newest values of topics to one hub, with the numbers after which
// updates follow.
func (m *Member) values(o *other, ids []uint64) {
	m.flushBatch(o) // so that the number of the batch is that of the values
	header := frame.Header{Values: true, Incarnation: m.cfg.Incarnation, Lane: o.out.lane, Seq: o.out.seq, Time: m.now.Microseconds()}.Append(nil)
	list := header
	for _, id := range ids {
		t := m.topics[id]
		if t == nil || !o.wants[id] {
			continue
		}
		u := frame.Update{ID: id, Seq: t.seq, Absent: true}
		if t.Intent == intentra.Latest {
			if v, age, ok := m.hub.Value(id); ok && len(v) < frame.MaxFrame/2 {
				u.Absent, u.Payload, u.Stamp = false, v, StampOf(age, m.now).relative(m.now)
			}
		}
		list = u.Append(list)
		if len(list) > valuesBytes {
			m.bus.Direct(o.key, list)
			list = header
		}
	}
	if len(list) > len(header) {
		m.bus.Direct(o.key, list)
	}
}
