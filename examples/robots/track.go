package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// state is where a robot is: metres and radians.
type state struct {
	at            time.Duration // since the beginning of the track
	x, y, heading float64
}

// track is the recorded motion of a robot, in the order of time.
type track []state

// readTrack reads lines of "time x y heading" in seconds, metres and radians, such as
// those of the UTIAS MRCLAM data sets. A name that ends in .gz is decompressed.
func readTrack(name string) (track, error) {
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
	var t track
	first := math.NaN()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if text := lines.Text(); text == "" || text[0] == '#' {
			continue
		}
		var s state
		var seconds float64
		if _, err := fmt.Sscan(lines.Text(), &seconds, &s.x, &s.y, &s.heading); err != nil {
			return nil, fmt.Errorf("%s, state %d: %w", name, len(t)+1, err)
		}
		if math.IsNaN(first) {
			first = seconds
		}
		s.at = time.Duration((seconds - first) * float64(time.Second))
		t = append(t, s)
	}
	if len(t) < 2 {
		return nil, fmt.Errorf("%s: a track needs two states", name)
	}
	return t, nil
}

// makeTrack returns a minute of made-up motion: a closed curve with random curvature,
// at 77 Hz like the recorded ones.
func makeTrack(rnd *rand.Rand) track {
	a, b, phase := 1+float64(rnd.IntN(3)), 1+float64(rnd.IntN(4)), rnd.Float64()
	var t track
	for i := range 60 * 77 {
		s := float64(i) / 77
		w := 2 * math.Pi * (s/60 + phase)
		t = append(t, state{
			at: time.Duration(s * float64(time.Second)),
			x:  3 * math.Cos(a*w), y: 3 * math.Sin(b*w), heading: math.Atan2(b*math.Cos(b*w), -a*math.Sin(a*w)),
		})
	}
	return t
}

// find returns the state at a time, which wraps around at the end of the track. from is
// the index that find returned last, where it begins to look.
func (t track) find(at time.Duration, from int) (state, int) {
	at %= t[len(t)-1].at + 1
	if t[from].at > at {
		from = 0
	}
	for from+1 < len(t) && t[from+1].at <= at {
		from++
	}
	return t[from], from
}
