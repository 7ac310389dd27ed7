package hub

import (
	"errors"
	"fmt"
	"math"
)

// ErrArea is returned for an area that is not one.
var ErrArea = errors.New("hub: invalid area")

// Area is a part of space: a box or a circle. It includes its border. Coordinates are
// in the units of the payloads.
type Area struct {
	// Min and Max are the corners of a box: x, y and, if height matters, z.
	Min []float64 `json:"min,omitempty"`
	Max []float64 `json:"max,omitempty"`
	// Centre and Radius describe a circle, or with z a sphere.
	Centre []float64 `json:"centre,omitempty"`
	Radius float64   `json:"radius,omitempty"`
}

// Box returns a box in the plane.
func Box(minX, minY, maxX, maxY float64) *Area {
	return &Area{Min: []float64{minX, minY}, Max: []float64{maxX, maxY}}
}

// Circle returns a circle in the plane.
func Circle(x, y, radius float64) *Area {
	return &Area{Centre: []float64{x, y}, Radius: radius}
}

func (a *Area) check() error {
	dimensions := func(v []float64) bool { return len(v) == 2 || len(v) == 3 }
	finite := func(list ...float64) bool {
		for _, v := range list {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
		return true
	}
	box, circle := a.Min != nil || a.Max != nil, a.Centre != nil || a.Radius != 0
	switch {
	case box == circle:
		return fmt.Errorf("%w: it needs min and max, or centre and radius", ErrArea)
	case !finite(a.Min...) || !finite(a.Max...) || !finite(a.Centre...) || !finite(a.Radius):
		return fmt.Errorf("%w: a coordinate is not a finite number", ErrArea)
	case box && (len(a.Min) != len(a.Max) || !dimensions(a.Min)):
		return fmt.Errorf("%w: min and max have two or three coordinates each", ErrArea)
	case circle && !dimensions(a.Centre):
		return fmt.Errorf("%w: centre has two or three coordinates", ErrArea)
	case circle && a.Radius < 0:
		return fmt.Errorf("%w: the radius is negative", ErrArea)
	}
	for i := range a.Min {
		if a.Min[i] > a.Max[i] {
			return fmt.Errorf("%w: min %v is greater than max %v", ErrArea, a.Min, a.Max)
		}
	}
	return nil
}

// contains reports whether p is in the area. Height is ignored if the area or p has none.
func (a *Area) contains(p position) bool {
	at := [...]float64{p.x, p.y, p.z}
	n := 3
	if math.IsNaN(p.z) {
		n = 2
	}
	if a.Centre != nil {
		return within(a.Centre[:min(n, len(a.Centre))], at, a.Radius)
	}
	for i := range min(n, len(a.Min)) {
		if at[i] < a.Min[i] || at[i] > a.Max[i] {
			return false
		}
	}
	return true
}

// within reports whether a point is not farther from a centre than a radius.
func within(centre []float64, at [3]float64, radius float64) bool {
	sum, square := 0.0, radius*radius
	for i, c := range centre {
		sum += (at[i] - c) * (at[i] - c)
	}
	if square >= leastSquare && square <= math.MaxFloat64 {
		return sum <= square // also if sum has overflowed, and what has underflowed is too little to matter
	}
	distance := 0.0
	for i, c := range centre {
		distance = math.Hypot(distance, at[i]-c)
	}
	return distance <= radius
}

// leastSquare is the least square of a radius that is exact enough: squares far below it lose
// digits, or become zero.
const leastSquare = 1e-280
