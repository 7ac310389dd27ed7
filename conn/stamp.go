package conn

import (
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// stamp has the current message carry its origin, if the peer and the packer know what that
// is.
func (f *fill) stamp(p *pipeline.Packet, marked bool, m sendq.Mark) {
	p.Origin, p.Within = 0, 0
	if marked && f.standard && f.s.capabilities&wire.CapOrigin != 0 {
		p.Origin, p.Within = m.Origin, m.Within
	}
}

// tryPack is Outbound.Pack, without the origin if a packet has no room for both.
func (f *fill) tryPack(p *pipeline.Packet) (v pipeline.Verdict, fits bool) {
	v, fits = f.e.out.Pack(p, f.room(p))
	if !fits && p.Origin != 0 && (f.vacant() || f.unlocked) {
		p.Origin, p.Within = 0, 0
		v, fits = f.e.out.Pack(p, f.room(p))
	}
	return v, fits
}

// tryRepack is Outbound.Repack, without the origin if a packet has no room for both, and in a
// larger packet if that is needed.
func (f *fill) tryRepack(p *pipeline.Packet) (packed, fits bool) {
	packed, fits = f.e.out.Repack(p, f.room(p))
	if !fits && p.Origin != 0 && f.vacant() {
		p.Origin, p.Within = 0, 0
		packed, fits = f.e.out.Repack(p, f.room(p))
	}
	if !fits && f.extend(p) {
		packed, fits = f.e.out.Repack(p, f.room(p))
	}
	return packed, fits
}

// originSize returns what the current message needs in addition in each packet, for its origin.
func (f *fill) originSize() int {
	if f.marked && f.mark.Origin != 0 && f.s.capabilities&wire.CapOrigin != 0 {
		return wire.OriginSize(f.mark.Within)
	}
	return 0
}
