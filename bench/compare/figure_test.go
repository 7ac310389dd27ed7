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

// A sweep becomes two well-formed SVG files that name the axes, with units, and
// every contender.
func TestDraw(t *testing.T) {
	b, err := os.ReadFile("testdata/sweep.json")
	require.NoError(t, err)
	r := new(Sweep)
	require.NoError(t, json.Unmarshal(b, r))
	require.Len(t, r.Curves, 5)
	folder := filepath.Join(t.TempDir(), "new")
	require.NoError(t, Draw(folder, r))
	for name, want := range map[string][]string{
		DeliveryFile: {"Delivery against load", "load (messages sent per second)", "delivered (% of messages sent)", "200 k",
			"intentra", "raw limit", "quic-go datagrams", "pion/dtls", "net.UDPConn, not encrypted"},
		LatencyFile: {"One-way latency against load", "load (messages sent per second)", "latency (p50 solid, p99 dashed)", "1 M", "100 µs", "10 ms",
			"intentra", "raw limit", "quic-go datagrams", "pion/dtls", "net.UDPConn, not encrypted"},
	} {
		texts := texts(t, filepath.Join(folder, name))
		for _, w := range want {
			require.Contains(t, texts, w, name)
		}
	}
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
		red, green, blue, _ := l.color.RGBA()
		key := string([]byte{byte(red >> 8), byte(green >> 8), byte(blue >> 8)})
		require.False(t, seen[key], "%s has the colour of another contender", l.name)
		seen[key] = true
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
			require.GreaterOrEqual(t, tick.Value, tc.low)
			require.LessOrEqual(t, tick.Value, tc.high)
			if tick.Label != "" {
				labels = append(labels, tick.Label)
			}
		}
		require.Equal(t, tc.want, labels)
	}
}
