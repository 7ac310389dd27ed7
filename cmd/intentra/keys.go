package main

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/keykind"
)

// readKey reads a private key file, and warns if other users can access it.
func readKey(e *environment, name fileName) (intentra.PrivateKey, error) {
	path := string(name)
	key, err := untilInterrupted(e, "the key file "+path, func() (intentra.PrivateKey, error) {
		return intentra.ReadPrivateKey(path)
	})
	if errors.Is(err, errInterrupted) {
		return key, err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return key, usagef("%w; create one with 'intentra keygen --out FILE'", err)
	}
	if err != nil {
		return key, usage(err)
	}
	if err := checkPrivate(e, path, key); err != nil {
		return intentra.PrivateKey{}, err
	}
	warnOthers(e, path, "private key")
	return key, nil
}

// warnOthers warns if other users can access a file that holds a secret.
func warnOthers(e *environment, path, secret string) {
	if info, err := os.Stat(path); err == nil {
		if can := othersCan(info.Mode()); can != "" {
			e.warnf("other users can %s the %s in %s (mode %04o); run 'chmod 600' on it", can, secret, path, info.Mode().Perm())
		}
	}
}

// checkPeer reports wrong input if peer, the key that the command connects to, is
// the command's own, or cannot be a public key. The zero key means that none is given.
func checkPeer(command string, peer intentra.PublicKey, own intentra.PrivateKey) error {
	switch {
	case peer == intentra.PublicKey{}:
	case peer == own.Public():
		return usagef("%s: --peer is the public key of --key, which is our own; give the key of the other side", command)
	case peer == intentra.PublicKey(own):
		return usagef("%s: --peer and --key hold the same key, which cannot be both public and private; 'intentra pubkey FILE' prints the public key of a private key file", command)
	case !keykind.CanBePublic(peer):
		return usagef("%s: --peer is no public key; if it is a private one, keep it secret, and give what 'intentra pubkey FILE' prints", command)
	}
	return nil
}

// othersCan describes what other users can do with a file of mode m: "read",
// "replace", both, or an empty string. It uses the permission bits, which mean
// nothing on Windows.
func othersCan(m fs.FileMode) string {
	const read, write = 0o044, 0o022
	if runtime.GOOS == "windows" {
		return ""
	}
	switch p := m.Perm(); {
	case p&read != 0 && p&write != 0:
		return "read and replace"
	case p&read != 0:
		return "read"
	case p&write != 0:
		return "replace"
	}
	return ""
}
