package main

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"github.com/intentra/intentra"
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
	if info, err := os.Stat(path); err == nil {
		if can := othersCan(info.Mode()); can != "" {
			e.warnf("other users can %s the private key in %s (mode %04o); run 'chmod 600' on it", can, path, info.Mode().Perm())
		}
	}
	return key, nil
}

// checkPeer reports wrong input if peer, the key that the command connects to, is
// the command's own.
func checkPeer(command string, peer intentra.PublicKey, own intentra.PrivateKey) error {
	if peer == own.Public() {
		return usagef("%s: --peer is the public key of --key, which is our own; give the key of the other side", command)
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
