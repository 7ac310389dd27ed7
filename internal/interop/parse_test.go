package interop_test

import "encoding/binary"

// parse decodes the plaintext of a Data packet according to sections 5 and 6.1 of
// PROTOCOL.md, field by field. It rejects everything that they call malformed.
func parse(b []byte) (all []frame, ok bool) { return parseOptional(b, false) }

// parseOptional is parse. With optional it knows GivenUp, AckNow, Probe, Origin and
// AckTime too, of a session in which both sides have announced them.
func parseOptional(b []byte, optional bool) (all []frame, ok bool) {
	r := &reader{b: b, ok: len(b) > 0}
	for r.ok && len(r.b) > 0 {
		f := frame{kind: r.take(1)[0]}
		switch {
		case optional && f.kind == 11:
			f.channel = r.varint()
			f.number = binary.BigEndian.Uint64(r.take(8))
			f.distance = binary.BigEndian.Uint16(r.take(2))
			all = append(all, f)
			continue
		case optional && (f.kind == 14 || f.kind == 15):
			f.number = binary.BigEndian.Uint64(r.take(8))
			if r.must(f.number < 1<<60); f.kind == 14 {
				f.within = r.varint()
			}
			all = append(all, f)
			continue
		}
		switch f.kind {
		case 0, 5:
		case 12:
			r.must(optional)
		case 1, 2:
			f.channel = r.varint()
			f.payload = r.take(r.varint())
		case 3:
			f.channel = r.varint()
			f.number = binary.BigEndian.Uint64(r.take(8))
			f.distance = binary.BigEndian.Uint16(r.take(2))
			f.payload = r.take(r.varint())
			r.must(f.distance < ourWindow && uint64(f.distance) <= f.number)
		case 4:
			r.ack(&f)
		case 6:
			f.payload = r.take(1)
		case 7, 8:
			f.payload = r.take(8)
		case 9:
			f.step = r.take(1)[0]
			f.payload = r.take(r.varint())
			r.must(f.step <= 3 && (f.step != 0 || len(f.payload) == 0))
		case 13:
			r.must(optional)
			f.payload = r.take(r.varint())
			for _, v := range f.payload {
				r.must(v == 0)
			}
		default:
			// An extension is skipped by its length.
			r.must(f.kind >= 0x20 && f.kind <= 0x5f)
			f.payload = r.take(r.varint())
		}
		all = append(all, f)
	}
	return all, r.ok
}

// reader reads fields from b. Once ok is false, its results are meaningless.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) must(condition bool) { r.ok = r.ok && condition }

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.ok = false
		return make([]byte, min(n, 8))
	}
	field := r.b[:n]
	r.b = r.b[n:]
	return field
}

func (r *reader) varint() uint32 {
	v, rest, ok := getVarint(r.b)
	r.must(ok)
	if ok {
		r.b = rest
	}
	return v
}

func (r *reader) ack(f *frame) {
	f.epoch = r.take(1)[0]
	f.delay = binary.BigEndian.Uint16(r.take(2))
	f.number = binary.BigEndian.Uint64(r.take(8))
	f.upTo = binary.BigEndian.Uint64(r.take(8))
	n := r.take(1)[0]
	r.must(n <= 128)
	f.payload = r.take(uint32(n))
	r.must(n == 0 || r.ok && f.payload[n-1] != 0)
	if r.ok {
		for i := range 8 * uint64(n) {
			r.must(!f.names(i) || i < f.number)
		}
	}
}

// names reports whether the bitmap of an ACK acknowledges the counter i + 1 below
// the largest.
func (f frame) names(i uint64) bool { return f.payload[i/8]>>(i%8)&1 == 1 }

// counters returns all counters that an ACK acknowledges.
func (f frame) counters() []uint64 {
	all := []uint64{f.number}
	for i := range 8 * uint64(len(f.payload)) {
		if f.names(i) {
			all = append(all, f.number-1-i)
		}
	}
	return all
}
