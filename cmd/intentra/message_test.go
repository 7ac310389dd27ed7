package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// Package prefixes are removed, file names stay.
func TestMessage(t *testing.T) {
	gone := &fs.PathError{Op: "open", Path: "intentra: x", Err: fs.ErrNotExist}
	library := fmt.Errorf("intentra: reading a key file: %w", gone)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("plain"), "plain"},
		{gone, "open intentra: x: file does not exist"},
		{library, "reading a key file: open intentra: x: file does not exist"},
		{usageError{library}, "reading a key file: open intentra: x: file does not exist"},
		{usagef("%w; make one", library), "reading a key file: open intentra: x: file does not exist; make one"},
		{fmt.Errorf("pub: %w", fmt.Errorf("dialling udp: %w: so it is", intentra.ErrKey)), "pub: dialling udp: " + keyless + ": so it is"},
		{fmt.Errorf("%w: line 1: %w", intentra.ErrAllowList, intentra.ErrKey), "malformed allow list: line 1: " + keyless},
		{errors.Join(errors.New("recording: a: recording: b"), errors.New("udp: c")), "a: recording: b\nc"},
		{usageError{errors.New("intentra: conn: x")}, "conn: x"},
		{fmt.Errorf("a: %w", errors.New("")), "a: "},
	} {
		require.Equal(t, tt.want, message(tt.err), "%q", tt.err)
	}
}

const keyless = "not a key"

func TestFileNamesStayWhole(t *testing.T) {
	t.Chdir(t.TempDir())
	key := newIdentity(t, ".", "server").file
	writeFile(t, "recording: list", "nothing\n")
	writeFile(t, "intentra: key", "nothing\n")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"pubkey", "intentra: x"}, "open intentra: x: "},
		{[]string{"pubkey", "intentra: key"}, "intentra: key file intentra: key: not a key"},
		{[]string{"hub", "--listen", ":0", "--key", key, "--access", "recording: list"}, "intentra: access list recording: list: malformed"},
		{[]string{"hub", "--listen", ":0", "--key", key, "--access", "any", "--record", "recording: list"}, "intentra: hub: open recording: list: "},
		{[]string{"keygen", "--out", "intentra: key"}, "intentra: keygen: intentra: key exists"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(tt.args, nil, &stdout, &stderr))
		require.Contains(t, stderr.String(), tt.want)
	}
}
