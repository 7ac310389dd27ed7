package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/load"
)

func TestNotes(t *testing.T) {
	for _, tt := range []struct {
		point load.Point
		words string
	}{
		{load.Point{Offered: 100, Sent: 100, Delivery: 1}, "stable"},
		{load.Point{Offered: 100, Sent: 100, Delivery: 0.9899}, "near limit"},
		{load.Point{Offered: 100, Sent: 100, Delivery: 0.5}, "overload"},
		{load.Point{Offered: 100, Sent: 60, Delivery: 1}, "stable"},
		{load.Point{Offered: 100}, "unsent"},
	} {
		require.Equal(t, tt.words, note(&tt.point))
	}
	var b bytes.Buffer
	writePoint(&b, &load.Point{Drops: load.Drops{"socket/overflow": 7}, SenderDrops: load.Drops{"send/displaced": 8}})
	require.Contains(t, b.String(), "drops: socket/overflow 7\n")
	require.Contains(t, b.String(), "send/displaced 8\n")
	b.Reset()
	writePoint(&b, &load.Point{Offered: 100, Sent: 60, OfferedPPS: 50, Delivery: 1})
	require.Contains(t, b.String(), "senders at their limit: sent 60.0 % of 50/s\n")
}

// checkWidth requires that no line is wider than 80 columns.
func checkWidth(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 80, line)
	}
}

// A bar overwrites itself and is removed at the end.
func TestProgressBar(t *testing.T) {
	var b bytes.Buffer
	p := progress{&b, true}
	state := func() (float64, string) { return 0.5, "half" }
	p.show("work", state)
	p.end("work", state, nil)
	require.Equal(t, "\r\x1b[Kwork ["+strings.Repeat("#", barWidth/2)+strings.Repeat(".", barWidth/2)+"] half\r\x1b[K", b.String())
	share, words := elapsed(time.Hour)()
	require.Less(t, share, 1.0)
	require.Contains(t, words, "of 3600.0 s")
}
