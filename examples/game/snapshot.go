package main

import (
	"encoding/binary"
	"math"
)

// scale is how many steps of a coordinate a unit has on the wire.
const scale = 16

// snapshot is what the server tells one player in one tick.
type snapshot struct {
	number   uint32 // of the tick, from 1
	input    uint32 // the newest input of this player that is in it
	self     uint16 // the number of the player that it is for
	entities []entity
}

// own returns where the player itself is.
func (s snapshot) own() (vector, bool) {
	for _, e := range s.entities {
		if e.id == s.self {
			return e.at, true
		}
	}
	return vector{}, false
}

const (
	snapshotHeader = 12
	entitySize     = 6
)

// appendFull appends a snapshot on its own: number, input, player, count, and for each entity
// its number and coordinates. All numbers are big-endian.
func (s snapshot) appendFull(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, s.number)
	b = binary.BigEndian.AppendUint32(b, s.input)
	b = binary.BigEndian.AppendUint16(b, s.self)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.entities)))
	for _, e := range s.entities {
		b = binary.BigEndian.AppendUint16(b, e.id)
		b = binary.BigEndian.AppendUint16(b, coordinate(e.at.x))
		b = binary.BigEndian.AppendUint16(b, coordinate(e.at.y))
	}
	return b
}

// parseFull is the reverse of appendFull. It reuses into's memory.
func parseFull(b []byte, into *snapshot) bool {
	if len(b) < snapshotHeader {
		return false
	}
	into.number, into.input = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	into.self = binary.BigEndian.Uint16(b[8:])
	n := int(binary.BigEndian.Uint16(b[10:]))
	if b = b[snapshotHeader:]; len(b) != n*entitySize {
		return false
	}
	into.entities = into.entities[:0]
	for ; len(b) > 0; b = b[entitySize:] {
		into.entities = append(into.entities, entity{
			binary.BigEndian.Uint16(b), vector{float64(binary.BigEndian.Uint16(b[2:])) / scale, float64(binary.BigEndian.Uint16(b[4:])) / scale},
		})
	}
	return true
}

func coordinate(v float64) uint16 { return uint16(math.Round(v * scale)) }

// appendDelta appends a snapshot as its difference from an older one: number, input,
// player, how much older that is (0 without one), count, and for each entity a varint of
// twice the distance to the number before it. If the lowest bit is set, two signed bytes
// follow, which say how far the entity has moved, else its coordinates.
func (s snapshot) appendDelta(b []byte, base *snapshot) []byte {
	age := uint32(0)
	if base != nil {
		age = s.number - base.number
	}
	b = binary.BigEndian.AppendUint32(b, s.number)
	b = binary.BigEndian.AppendUint32(b, s.input)
	b = binary.BigEndian.AppendUint16(b, s.self)
	b = append(b, byte(age), byte(len(s.entities)))
	last, i := uint16(0), 0
	for _, e := range s.entities {
		head := uint64(e.id-last) << 1
		last = e.id
		if base != nil {
			for i < len(base.entities) && base.entities[i].id < e.id {
				i++
			}
			if i < len(base.entities) && base.entities[i].id == e.id {
				dx := int(coordinate(e.at.x)) - int(coordinate(base.entities[i].at.x))
				dy := int(coordinate(e.at.y)) - int(coordinate(base.entities[i].at.y))
				if dx == int(int8(dx)) && dy == int(int8(dy)) {
					b = append(binary.AppendUvarint(b, head|1), byte(dx), byte(dy))
					continue
				}
			}
		}
		b = binary.AppendUvarint(b, head)
		b = binary.BigEndian.AppendUint16(b, coordinate(e.at.x))
		b = binary.BigEndian.AppendUint16(b, coordinate(e.at.y))
	}
	return b
}

// parseDelta is the reverse of appendDelta. find returns an older snapshot, or nil.
func parseDelta(b []byte, into *snapshot, find func(number uint32) *snapshot) bool {
	if len(b) < snapshotHeader {
		return false
	}
	into.number, into.input = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	into.self = binary.BigEndian.Uint16(b[8:])
	age, n := uint32(b[10]), int(b[11])
	b = b[snapshotHeader:]
	var base *snapshot
	if age != 0 {
		if base = find(into.number - age); base == nil {
			return false
		}
	}
	into.entities = into.entities[:0]
	id, i := uint64(0), 0
	for range n {
		head, size := binary.Uvarint(b)
		if size <= 0 || head>>1 > math.MaxUint16 {
			return false
		}
		b = b[size:]
		if id += head >> 1; id > math.MaxUint16 {
			return false
		}
		e := entity{id: uint16(id)}
		switch moved := head&1 == 1; {
		case moved && len(b) >= 2 && base != nil:
			for i < len(base.entities) && base.entities[i].id < e.id {
				i++
			}
			if i == len(base.entities) || base.entities[i].id != e.id {
				return false
			}
			at := base.entities[i].at
			e.at = vector{at.x + float64(int8(b[0]))/scale, at.y + float64(int8(b[1]))/scale}
			b = b[2:]
		case !moved && len(b) >= 4:
			e.at = vector{float64(binary.BigEndian.Uint16(b)) / scale, float64(binary.BigEndian.Uint16(b[2:])) / scale}
			b = b[4:]
		default:
			return false
		}
		if e.at.x < 0 || e.at.y < 0 || e.at.x > side || e.at.y > side {
			return false
		}
		into.entities = append(into.entities, e)
	}
	return len(b) == 0
}

// history is the last snapshots of a session, by number.
type history struct {
	ring [64]snapshot
}

// slot returns the place for a snapshot, whose memory is reused.
func (h *history) slot(number uint32) *snapshot { return &h.ring[number%uint32(len(h.ring))] }

// find returns a snapshot, or nil if it is not there any more.
func (h *history) find(number uint32) *snapshot {
	if s := h.slot(number); s.number == number && number != 0 {
		return s
	}
	return nil
}
