package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// track is the recorded path of a robot, a line of JSON for each pose.
type track struct {
	lines []string
	at    [][2]float64
}

// readTrack reads one of the MRCLAM trajectories.
func readTrack(t *testing.T, robot int) (tr track) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", fmt.Sprintf("mrclam6_robot%d.txt.gz", robot))
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("needs the trajectories of three robots in shared/data next to the project: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for s := bufio.NewScanner(z); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) != 4 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		x, err := strconv.ParseFloat(fields[1], 64)
		require.NoError(t, err)
		y, err := strconv.ParseFloat(fields[2], 64)
		require.NoError(t, err)
		tr.at = append(tr.at, [2]float64{x, y})
		tr.lines = append(tr.lines, fmt.Sprintf(`{"t":%s,"x":%s,"y":%s,"heading":%s}`, fields[0], fields[1], fields[2], fields[3]))
	}
	require.Greater(t, len(tr.lines), 1000)
	return tr
}

// near returns the lines that a subscription with a circle gets: those inside, and the
// first one outside after one inside.
func (tr track) near(x, y, radius float64) (lines []string) {
	before := false
	for i, at := range tr.at {
		dx, dy := at[0]-x, at[1]-y
		inside := dx*dx+dy*dy <= radius*radius
		if inside || before {
			lines = append(lines, tr.lines[i])
		}
		before = inside
	}
	return lines
}

// Three robots publish real trajectories through a hub, each from its own process. A
// subscriber gets every pose under the right name, one with an area exactly those
// inside, one with a maximum rate no more than that and the newest at the end, and a late
// one begins with the newest of all three.
func TestThreeRobots(t *testing.T) {
	t.Parallel()
	var tracks []track
	for i := range 3 {
		tr := readTrack(t, i+1)
		tracks = append(tracks, track{tr.lines[:4000], tr.at[:4000]})
	}
	s := newSite(t)
	robots := []identity{s.alice, s.carol, s.stranger}
	list := ""
	for i, id := range robots {
		list += fmt.Sprintf("%s robot-%d\n", id.public, i+1)
	}
	// One key is one peer, so each subscriber has its own.
	var viewers []identity
	for i := range 4 {
		viewers = append(viewers, newIdentity(t, s.dir, fmt.Sprint("viewer-", i)))
		list += fmt.Sprintf("%s viewer-%d publish=\n", viewers[i].public, i)
	}
	writeFile(t, s.allow, list)
	hub := startProcess(t, nil, nil, "hub", "--listen", "127.0.0.1:0", "--key", s.server.file, "--access", s.allow)
	addr := hub.address()
	publish := func(topic string, lines func(track) []string, more ...string) (pubs []*running) {
		for i, id := range robots {
			args := s.connect("pub", addr, id, append([]string{"--topic", topic, "--encoding", "json", "--position", "/x,/y"}, more...)...)
			pubs = append(pubs, startProcess(t, strings.NewReader(strings.Join(lines(tracks[i]), "\n")+"\n"), nil, args...))
		}
		return pubs
	}
	subscribe := func(more ...string) *running {
		viewer := viewers[0]
		viewers = viewers[1:]
		r := start(t, nil, s.connect("sub", addr, viewer, append([]string{"--format", "json"}, more...)...)...)
		r.stderr.line(t, "connected ")
		return r
	}

	// Every pose, and exactly those of an area.
	want, near := map[string][]string{}, map[string][]string{}
	total := 0
	for i, tr := range tracks {
		name := fmt.Sprintf("robot-%d/pose", i+1)
		want[name] = tr.lines
		if inside := tr.near(tracks[0].at[0][0], tracks[0].at[0][1], 4); len(inside) > 0 {
			near[name] = inside
			total += len(inside)
		}
	}
	all := subscribe("--topic", "*/pose", "--count", strconv.Itoa(3*4000))
	area := subscribe("--topic", "*/pose", "--area", fmt.Sprintf("%v,%v,4", tracks[0].at[0][0], tracks[0].at[0][1]), "--count", strconv.Itoa(total))
	for _, p := range publish("pose", func(tr track) []string { return tr.lines }, "--intent", "reliable") {
		p.succeed()
	}
	all.succeed()
	area.succeed()
	require.Equal(t, want, byPath(t, all))
	require.Greater(t, total, 1000)
	require.Less(t, total, 3*4000)
	t.Log(total, "poses of", len(near), "robots in the area")
	require.Equal(t, near, byPath(t, area))

	// The newest poses only, and the last ones of all three for a late subscriber.
	slow := subscribe("--topic", "*/live", "--max-rate", "10")
	longest := 0.0
	for _, p := range publish("live", func(tr track) []string { return tr.lines[:400] }, "--intent", "latest", "--rate", "200") {
		p.succeed()
		var sum struct {
			DurationS float64 `json:"duration_s"`
		}
		require.NoError(t, json.Unmarshal([]byte(p.stderr.line(t, "{")), &sum))
		longest = max(longest, sum.DurationS)
	}
	late := subscribe("--topic", "*/live", "--cached", "--count", "3")
	late.succeed()
	last := map[string][]string{}
	for i, tr := range tracks {
		last[fmt.Sprintf("robot-%d/live", i+1)] = tr.lines[399:400]
	}
	require.Equal(t, last, byPath(t, late))
	for path := range last {
		slow.stdout.line(t, strings.ReplaceAll(last[path][0], `"`, `\"`))
	}
	slow.interrupt()
	slow.succeed()
	for path, got := range byPath(t, slow) {
		require.LessOrEqual(t, len(got), int(10*longest)+12, path)
		require.Equal(t, last[path][0], got[len(got)-1], path)
	}
	hub.signal(os.Interrupt)
	hub.succeed()
}

// byPath returns the payloads of a subscriber's output for each topic, in order.
func byPath(t *testing.T, r *running) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for line := range strings.Lines(r.stdout.String()) {
		var u struct{ Path, Payload string }
		require.NoError(t, json.Unmarshal([]byte(line), &u))
		got[u.Path] = append(got[u.Path], u.Payload)
	}
	return got
}
