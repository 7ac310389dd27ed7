package compare

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/trial"
)

// A sweep becomes two well-formed SVG files, for light and dark pages, that name the
// axes, with units, and every contender twice: at its line in either panel.
func TestDraw(t *testing.T) {
	b, err := os.ReadFile("testdata/sweep.json")
	require.NoError(t, err)
	r := new(Sweep)
	require.NoError(t, json.Unmarshal(b, r))
	require.Len(t, r.Curves, 5)
	folder := filepath.Join(t.TempDir(), "new")
	require.NoError(t, Draw(folder, r))
	for _, name := range []string{LightFile, DarkFile} {
		texts := texts(t, filepath.Join(folder, name))
		for _, w := range []string{"What arrives, and how late", "messages sent per second", "Delivered messages per second", "One-way latency", "200 k", "1 M", "100 µs", "10 ms"} {
			require.Contains(t, texts, w, name)
		}
		for _, label := range []string{"intentra", "raw limit", "quic-go datagrams", "pion/dtls", "plain UDP, not encrypted"} {
			require.Equal(t, 2, strings.Count(texts, "\n"+label+"\n"), label)
		}
	}
}

// Labels stay in their panel, keep their distance and their order, and are as near to
// their lines as that allows.
func TestSpread(t *testing.T) {
	names := []name{{y: 198}, {y: 100}, {y: 101}, {y: 199}, {y: 150}}
	spread(names, 90, 200)
	var at []float64
	for _, n := range names {
		at = append(at, n.at)
	}
	require.Equal(t, []float64{100, 115, 150, 185, 200}, at)
}

// texts returns the text in an SVG file, which must be well-formed.
func texts(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	var all strings.Builder
	d := xml.NewDecoder(f)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		require.NoError(t, err)
		if text, ok := token.(xml.CharData); ok {
			all.Write(text)
			all.WriteByte('\n')
		}
	}
}

// A curve without points cannot be drawn on a logarithmic axis.
func TestDrawWithoutPoints(t *testing.T) {
	r := &Sweep{Curves: []Curve{{Contender: "intentra"}, {Contender: "unknown"}}}
	require.ErrorIs(t, Draw(t.TempDir(), r), ErrEmpty)
}

func TestEveryContenderHasALook(t *testing.T) {
	var names []string
	seen := map[string]bool{}
	for _, l := range looks {
		names = append(names, l.name)
		for _, key := range []string{"light " + l.light, "dark " + l.dark} {
			require.False(t, seen[key], "%s has the colour of another contender", l.name)
			seen[key] = true
		}
	}
	require.ElementsMatch(t, trial.Names(), names)
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		marks     decades
		low, high float64
		want      []string
	}{
		{rates, 900, 2.5e6, []string{"1 k", "2 k", "5 k", "10 k", "20 k", "50 k", "100 k", "200 k", "500 k", "1 M", "2 M"}},
		{latencies, 9, 3e6, []string{"10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"}},
	} {
		var labels []string
		for _, tick := range tc.marks.Ticks(tc.low, tc.high) {
			require.GreaterOrEqual(t, tick.value, tc.low)
			require.LessOrEqual(t, tick.value, tc.high)
			if tick.label != "" {
				labels = append(labels, tick.label)
			}
		}
		require.Equal(t, tc.want, labels)
	}
}
