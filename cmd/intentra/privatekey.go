package main

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/keykind"
)

// A private key where a public one belongs, and the reverse, would connect to no peer, and a
// private key in a list or a command line is a secret in the wrong place. Neither is
// certain: one in 32 random private keys could be a public one. keygen makes none of these.

// holdsPrivateKey reports whether a list is most likely a private key file,
// which parses as a list of one key without a name: it contains own, or only a
// key that cannot be a public one. It is never wrong about public keys, but it
// mistakes one in 32 private keys of other programs for public ones.
func holdsPrivateKey(keys []intentra.PublicKey, named func(intentra.PublicKey) bool, own intentra.PrivateKey) bool {
	if slices.Contains(keys, intentra.PublicKey(own)) {
		return true
	}
	return len(keys) == 1 && !named(keys[0]) && !keykind.CanBePublic(keys[0])
}

// maxCheckedKeys is how many keys of a list are checked, which takes 0.1 ms each.
const maxCheckedKeys = 4096

// noPublicKey returns the number of the first line of a list whose key cannot be a public one,
// or zero. It looks at the first keys of a long list only.
func noPublicKey(list io.Reader) int {
	lines, checked := bufio.NewScanner(list), 0
	for n := 1; lines.Scan() && checked < maxCheckedKeys; n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if k, err := intentra.ParsePublicKey(fields[0]); err == nil {
			if checked++; !keykind.CanBePublic(k) {
				return n
			}
		}
	}
	return 0
}

// checkPrivate reports a private key file that most likely holds a public key: it could be one,
// and others can read the file, as they can what a shell has written. Without the latter
// it warns.
func checkPrivate(e *environment, path string, key intentra.PrivateKey) error {
	if !keykind.CanBePublic(key) {
		return nil
	}
	const instead = "give the private key file that 'intentra keygen' has written"
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && strings.Contains(othersCan(info.Mode()), "read") {
		return usagef("key file %s: this looks like a public key; %s, or run 'chmod 600' on it if it is private", path, instead)
	}
	e.warnf("key file %s: this may be a public key; if so, %s", path, instead)
	return nil
}
