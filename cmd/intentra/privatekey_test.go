package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/keykind"
)

func TestHoldsPrivateKey(t *testing.T) {
	own := intentra.PrivateKey{1: 7}
	public := own.Public().String()
	private := intentra.PublicKey(own).String()
	other := intentra.PublicKey{31: 0x80}.String()
	for text, want := range map[string]bool{
		"": false, public: false, public + " name": false, private: true, private + " name": true, public + "\n" + private: true,
		other: true, other + " name": false, other + "\n" + public: false,
	} {
		list, err := intentra.ParseAllowList(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, holdsPrivateKey(list.Keys(), func(k intentra.PublicKey) bool { return list.Name(k) != "" }, own), text)
	}
}

// A public key where a private one belongs, and the reverse, are named as such, in every flag.
func TestConfusedKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	public, shown := s.dir+"/public", s.dir+"/shown"
	writeFile(t, public, s.alice.public+"\n")
	writeFile(t, shown, s.alice.public+"\n")
	require.NoError(t, os.Chmod(shown, 0o644))
	text, err := os.ReadFile(s.bob.file)
	require.NoError(t, err)
	private := strings.TrimSpace(string(text))
	list := s.dir + "/list"
	writeFile(t, list, "# keys\n"+s.alice.public+" alice\n\n"+private+" bob\n")

	const dead = "127.0.0.1:1"
	for _, args := range [][]string{
		{"pubkey", shown},
		{"hub", "--listen", "127.0.0.1:0", "--access", "any", "--key", shown},
		{"sub", "--listen", "127.0.0.1:0", "--allow", "any", "--key", shown},
		s.connect("sub", dead, identity{file: shown}), s.connect("sub", dead, identity{file: shown}, "--topic", "x"),
		s.connect("pub", dead, identity{file: shown}), s.connect("pub", dead, identity{file: shown}, "--topic", "x"),
		s.connect("topics", dead, identity{file: shown}), s.connect("top", dead, identity{file: shown}),
	} {
		start(t, strings.NewReader(""), args...).fail(exitUsage, "key file "+shown+": this looks like a public key", "chmod 600")
	}
	warned := start(t, nil, "pubkey", public)
	warned.succeed()
	require.Contains(t, warned.stderr.String(), "this may be a public key")
	for _, command := range []string{"pub", "sub", "topics", "top"} {
		for peer, says := range map[string]string{private: "no public key", s.alice.public: "same key"} {
			args := []string{command, "--connect", dead, "--peer", peer, "--key", public}
			r := start(t, strings.NewReader(""), args...)
			r.fail(exitUsage, says, "'intentra pubkey FILE'")
			require.NotContains(t, r.stderr.String(), private)
		}
	}
	for _, args := range [][]string{
		{"hub", "--listen", "127.0.0.1:0", "--access", list, "--key", s.server.file},
		{"sub", "--listen", "127.0.0.1:0", "--allow", list, "--key", s.server.file},
	} {
		r := start(t, nil, args...)
		r.fail(exitUsage, "line 4: this is no public key", "intentra pubkey")
		require.NotContains(t, r.stderr.String(), private)
	}
}

// No key of keygen could be a public one.
func TestKeygenIsUnambiguous(t *testing.T) {
	for range 500 { // 15 of them could, without that
		key, err := generateKey()
		require.NoError(t, err)
		require.False(t, keykind.CanBePublic(key))
	}
}
