package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJoinNegative(t *testing.T) {
	for line, want := range map[string]string{
		"pub --rate -5 --key k":   "pub --rate=-5 --key k",
		"pub --rate -.5":          "pub --rate=-.5",
		"sub --timeout -5s -1":    "sub --timeout=-5s -1",
		"pub --rate=1 -5":         "pub --rate=1 -5",
		"replay -q -5":            "replay -q -5",
		"pub --key -x --record -": "pub --key -x --record -",
		"pubkey -- --rate -5":     "pubkey -- --rate -5",
		"-5":                      "-5",
	} {
		require.Equal(t, strings.Fields(want), joinNegative(strings.Fields(line)))
	}
	require.Empty(t, joinNegative(nil))
}

// kong's hint is printed only where following it helps: for a file name that
// begins with a hyphen.
func TestHint(t *testing.T) {
	for _, tt := range []struct {
		line string
		hint bool
	}{
		{"keygen --out -x", true},
		{"keygen --out --key", false},
		{"pub --rate -x", false},
		{"pub --rate --intent", false},
		{"pub --intent -x", false},
		{"pub --peer -x", false},
		{"sub --listen -x", false},
		{"sub --timeout -x", false},
		{"sub --key --peer", false},
		{"hub --record -x", true},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(strings.Fields(tt.line), nil, &stdout, &stderr), tt.line)
		words := strings.Fields(tt.line)
		flag, value := words[1], words[2]
		require.Contains(t, stderr.String(), flag+": expected ")
		require.Equal(t, tt.hint, strings.Contains(stderr.String(), "perhaps try "+flag+`="`+value+`"?`), stderr.String())
		require.Equal(t, tt.hint, strings.Contains(stderr.String(), "perhaps"), stderr.String())
	}
}
