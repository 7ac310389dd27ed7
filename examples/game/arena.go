package main

import (
	"math"
	"slices"
)

// What the rules fix. Distances are in units, and the arena is a square of side units.
const (
	hertz   = 60   // ticks per second
	side    = 1000 // fits 16 bits with sixteenths of a unit
	speed   = 2.0  // units per tick
	near    = 120  // what is nearer is in every snapshot
	far     = 300  // what is nearer is in every fourth
	farTick = 4
	visible = 64 // the most entities of a snapshot, nearest first
)

// vector is a position, or a direction of length 1 or 0.
type vector struct{ x, y float64 }

func (v vector) distance(o vector) float64 { return math.Hypot(v.x-o.x, v.y-o.y) }

// move returns where an entity is after a tick. Server and clients share it, so that a
// client can predict what the server will say.
func move(at, direction vector) vector {
	clamp := func(v float64) float64 { return math.Round(max(0, min(side, v))*scale) / scale }
	return vector{clamp(at.x + speed*direction.x), clamp(at.y + speed*direction.y)}
}

// entity is one player as a snapshot shows it.
type entity struct {
	id uint16
	at vector
}

// interest returns what a player at the given place sees in a tick: itself, what is near,
// and in every fourth tick what is far, at most visible entities, in the order of their
// numbers. all is in that order.
func interest(all []entity, self int, tick int) []entity {
	type ranked struct {
		entity
		distance float64
	}
	reach := float64(near)
	if tick%farTick == int(all[self].id)%farTick { // not all players in one tick
		reach = far
	}
	var seen []ranked
	for _, e := range all {
		if d := e.at.distance(all[self].at); d <= reach {
			seen = append(seen, ranked{e, d})
		}
	}
	slices.SortFunc(seen, func(a, b ranked) int {
		if a.distance != b.distance {
			return int(math.Copysign(1, a.distance-b.distance))
		}
		return int(a.id) - int(b.id)
	})
	seen = seen[:min(len(seen), visible)]
	list := make([]entity, len(seen))
	for i, s := range seen {
		list[i] = s.entity
	}
	slices.SortFunc(list, func(a, b entity) int { return int(a.id) - int(b.id) })
	return list
}
