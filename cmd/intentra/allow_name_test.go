package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// A peer whose key was removed from the list keeps its name in the log, after further
// reloads as well, and gets a new one if it returns with one.
func TestRevokedPeerKeepsItsName(t *testing.T) {
	l := loopback.Listen(t, intentra.Config{})
	key := loopback.Key(t).Public()
	path := filepath.Join(t.TempDir(), "allow")
	var out bytes.Buffer
	e := &environment{ctx: context.Background(), stderr: &out}
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(key.String() + " alice\n")
	a, err := readAllow(e, fileName(path), loopback.Key(t))
	require.NoError(t, err)
	for _, text := range []string{"", "# empty\n", ""} {
		write(text)
		a.reload(l, e.logger(slog.LevelInfo))
		require.Equal(t, "alice", a.name(key))
	}
	write(key.String() + " bob\n")
	a.reload(l, e.logger(slog.LevelInfo))
	require.Equal(t, "bob", a.name(key))
	require.Contains(t, out.String(), `msg="key revoked" peer="`+key.String()+`" name=alice`)
}

// At the cap the name that was removed first is forgotten.
func TestFormerNamesAreBounded(t *testing.T) {
	var f formerNames
	key := func(i int) intentra.PublicKey { return intentra.PublicKey{byte(i >> 8), byte(i), 1} }
	for i := range 2 * maxFormerNames {
		f.add(key(i), "name")
	}
	require.Len(t, f.names, maxFormerNames)
	require.Empty(t, f.name(key(maxFormerNames-1)))
	require.Equal(t, "name", f.name(key(maxFormerNames)))
	require.Equal(t, "name", f.name(key(2*maxFormerNames-1)))
}

// The log of a transport names the peers whose names are known, a refused one as well.
func TestTransportLogNamesPeers(t *testing.T) {
	key := intentra.PublicKey{7}
	var out bytes.Buffer
	e := &environment{stderr: &out}
	log := named(e.logger(slog.LevelInfo), func(k intentra.PublicKey) string {
		if k == key {
			return "alice"
		}
		return ""
	})
	log.Warn("refused", "peer", key.String(), "addr", "x")
	log.With("peer", key).Warn("restarted", "err", "y")
	log.WithGroup("g").Warn("other", "peer", intentra.PublicKey{8}.String())
	for _, text := range []string{`peer="` + key.String() + `" addr=x name=alice`, `peer="` + key.String() + `" name=alice err=y`} {
		require.Contains(t, out.String(), text)
	}
	require.Equal(t, 2, bytes.Count(out.Bytes(), []byte("name=")))
}
