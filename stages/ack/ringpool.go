package ack

import "math/bits"

// ringPool keeps some empty rings and records for later gaps, so that steady loss causes
// no steady allocation. A nil pool keeps none.
type ringPool struct {
	free [ringSizes][][]reorderEntry // by size, from smallestRing
	size int                         // entries of all free rings
	// records are for held messages.
	records []*heldMessage
	// origin and within are those of the message that was released last, of whichever
	// session; see pipeline.Packet.
	origin uint64
	within uint32
}

// What we chose, in entries and records.
const (
	smallestRing  = 512
	ringSizes     = 4         // up to wire.ReliableWindow
	pooledEntries = 128 << 10 // 2 MiB
	pooledRecords = 4096      // 192 KiB
)

// get returns an empty ring of size entries, which is a power of two.
func (p *ringPool) get(size int) []reorderEntry {
	if p != nil {
		if free := &p.free[bits.Len(uint(size/smallestRing))-1]; len(*free) > 0 {
			last := len(*free) - 1
			r := (*free)[last]
			(*free)[last] = nil
			*free = (*free)[:last]
			p.size -= size
			return r
		}
	}
	return make([]reorderEntry, size)
}

// put takes back a ring whose entries are zero. It ignores nil.
func (p *ringPool) put(r []reorderEntry) {
	if n := len(r); p != nil && n > 0 && p.size+n <= pooledEntries {
		free := &p.free[bits.Len(uint(n/smallestRing))-1]
		*free = append(*free, r)
		p.size += n
	}
}

func (p *ringPool) record() *heldMessage {
	if p == nil || len(p.records) == 0 {
		return new(heldMessage)
	}
	last := len(p.records) - 1
	h := p.records[last]
	p.records = p.records[:last]
	return h
}

func (p *ringPool) putRecord(h *heldMessage) {
	if p != nil && len(p.records) < pooledRecords {
		*h = heldMessage{}
		p.records = append(p.records, h)
	}
}
