package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/hub"
)

// TestView: the tables have what the hub knows, and no loss that has not happened.
func TestView(t *testing.T) {
	s := node.Status{Connected: true, Hubs: []member.Seen{{Self: true, Alive: true}, {Alive: true, Peers: 7, Draining: true}, {Addr: "away:1"}}}
	s.Stats.Hubs, s.Moves = 1, 5
	s.Batches.Missing, s.Batches.Reordered, s.Drops[member.Doubtful] = 9, 2, 3
	s.Shards = []node.Shard{
		{In: true, Subject: "intentra.1.default.to.0123456789abcdef", Traffic: member.Traffic{Batches: 4, Updates: 1234567}, UpdatesPerSecond: 29.6, BytesPerSecond: 2000, Gaps: 7},
		{Subject: "none"},
	}
	list := view(&s)
	require.Equal(t, "1 other hub alive", list[0].Note)
	require.Equal(t, "hub AAAAAAAA silent", list[0].Warning)
	var states []string
	for _, r := range list[0].Rows {
		states = append(states, r[2])
	}
	require.Equal(t, []string{"this one", "draining", "silent"}, states)
	require.Equal(t, "7", list[0].Rows[1][3])
	require.Equal(t, "Shards", list[1].Title)
	require.Equal(t, []string{"30", "2,000", "1,234,567", "4", "7", "intentra.1.default.to.01234567…"}, list[1].Rows[0][2:])
	require.Equal(t, []string{"0", "0", "0", "0", "–", "none"}, list[1].Rows[1][2:], "the receiver counts the gaps")
	s.Connected, s.Hubs = false, s.Hubs[:2]
	require.Equal(t, "NATS away", view(&s)[0].Warning)
	s.Connected = true
	require.Empty(t, view(&s)[0].Warning)
	for _, section := range list {
		for _, r := range section.Rows {
			require.LessOrEqual(t, len(r), len(section.Columns))
		}
	}
	require.True(t, slices.ContainsFunc(list[2].Rows, func(r []string) bool { return r[0] == "publishers that moved" && r[1] == "5" }))
	require.Equal(t, [][]string{{"batches missing", "7"}, {"dropped: doubtful", "3"}}, list[3].Rows)
}

// TestPageOfAHub: the page is served to this machine, and names the fleet's tables.
func TestPageOfAHub(t *testing.T) {
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	n, err := node.Open(node.Config{Listen: "127.0.0.1:0", Hub: hub.Config{Transport: intentra.Config{Key: key}, Access: hub.AllowAny()}})
	require.NoError(t, err)
	defer func() { _ = n.Close() }()
	var printed bytes.Buffer
	stop, err := (&hubCommand{HTTP: "127.0.0.1:0"}).page(n, &output{io.Discard, &printed})
	require.NoError(t, err)
	defer stop()
	base := strings.TrimSpace(strings.TrimPrefix(printed.String(), "page "))
	get := func(path string) string {
		answer, err := http.Get(base + path)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		text := make([]byte, 1<<16)
		got, _ := io.ReadFull(answer.Body, text[:min(len(text), 1<<13)])
		return string(text[:got])
	}
	require.Contains(t, get(""), "<title>intentra</title>")
	require.Contains(t, get("status"), `"Hubs"`)
	require.Contains(t, get("metrics"), "go_goroutines")
	require.True(t, strings.Contains(get("sections.js"), "class Sections"))
}
