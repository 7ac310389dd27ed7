package main

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// fix is a reported position of an aircraft: degrees and feet.
type fix struct {
	at       time.Duration // since the first one of the aircraft
	lat, lon float64
	alt      float64
}

// flight is the track of one aircraft, in the order of time.
type flight struct {
	name  string
	fixes []fix
}

// readFlights reads a JSON array of ADS-B reports, such as those of the data sets of
// xoolive/traffic. A name that ends in .gz is decompressed. All flights begin at zero,
// and pauses of more than a minute are cut out, so that all are in the air at once.
func readFlights(name string) ([]flight, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	var reports []struct {
		Aircraft  string   `json:"icao24"`
		Timestamp int64    `json:"timestamp"` // ms
		Latitude  *float64 `json:"latitude"`
		Longitude *float64 `json:"longitude"`
		Altitude  float64  `json:"altitude"`
	}
	if err := json.NewDecoder(r).Decode(&reports); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	by := map[string][]fix{}
	for _, p := range reports {
		if p.Latitude != nil && p.Longitude != nil && p.Aircraft != "" {
			by[p.Aircraft] = append(by[p.Aircraft], fix{time.Duration(p.Timestamp) * time.Millisecond, *p.Latitude, *p.Longitude, p.Altitude})
		}
	}
	var all []flight
	for aircraft, fixes := range by {
		slices.SortStableFunc(fixes, func(a, b fix) int { return cmp.Compare(a.at, b.at) })
		if fixes = withoutPauses(fixes); len(fixes) >= 2 {
			all = append(all, flight{aircraft, fixes})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no aircraft with two positions", name)
	}
	slices.SortFunc(all, func(a, b flight) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

// withoutPauses returns the longest part of fixes without a pause of more than a minute,
// beginning at zero.
func withoutPauses(fixes []fix) (best []fix) {
	for begin := 0; begin < len(fixes); {
		end := begin + 1
		for end < len(fixes) && fixes[end].at-fixes[end-1].at <= time.Minute {
			end++
		}
		if end-begin > len(best) {
			best = fixes[begin:end]
		}
		begin = end
	}
	for i, first := 0, best[0].at; i < len(best); i++ {
		best[i].at -= first
	}
	return best
}

// makeFlights makes up aircraft that circle over an area of a degree.
func makeFlights(seed uint64, n int) (all []flight) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		lat, lon, radius, turn := 46+rnd.Float64(), 7+rnd.Float64(), 0.02+0.1*rnd.Float64(), 2*math.Pi*rnd.Float64()
		f := flight{name: fmt.Sprintf("made-up-%02d", i)}
		for s := range 120 {
			w := turn + float64(s)/20
			f.fixes = append(f.fixes, fix{time.Duration(s) * 5 * time.Second, lat + radius*math.Sin(w), lon + radius*math.Cos(w), 3000 + 20*float64(s)})
		}
		all = append(all, f)
	}
	return all
}

// where returns the position at a time, between two fixes. The track is flown back and
// forth, so that the aircraft never jumps.
func (f flight) where(at time.Duration) fix {
	last := f.fixes[len(f.fixes)-1].at
	if at %= 2*last + 1; at > last {
		at = 2*last - at
	}
	i, _ := slices.BinarySearchFunc(f.fixes, at, func(p fix, at time.Duration) int { return cmp.Compare(p.at, at) })
	if i == 0 {
		return f.fixes[0]
	}
	i = min(i, len(f.fixes)-1)
	a, b := f.fixes[i-1], f.fixes[i]
	if b.at == a.at {
		return b
	}
	k := float64(at-a.at) / float64(b.at-a.at)
	return fix{at, a.lat + k*(b.lat-a.lat), a.lon + k*(b.lon-a.lon), a.alt + k*(b.alt-a.alt)}
}

// metres returns the distance on the ground, near enough for a few kilometres.
func metres(a, b fix) float64 {
	const perDegree = 111_195 // of a great circle on a sphere of 6,371 km
	dy := (a.lat - b.lat) * perDegree
	dx := (a.lon - b.lon) * perDegree * math.Cos(a.lat*math.Pi/180)
	return math.Hypot(dx, dy)
}
