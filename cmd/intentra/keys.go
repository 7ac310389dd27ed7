package main

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"github.com/intentra/intentra"
)

// readKey reads a private key file, and warns if it is not its owner's alone.
func readKey(e *environment, name fileName) (intentra.PrivateKey, error) {
	path := string(name)
	key, err := untilInterrupted(e, "the key file "+path, func() (intentra.PrivateKey, error) {
		return intentra.ReadPrivateKey(path)
	})
	if errors.Is(err, errInterrupted) {
		return key, err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return key, usagef("%w; make one with 'intentra keygen --out FILE'", err)
	}
	if err != nil {
		return key, usageError{err}
	}
	if info, err := os.Stat(path); err == nil {
		if can := othersCan(info.Mode()); can != "" {
			e.warnf("others can %s the private key in %s (mode %04o); run 'chmod 600' on it", can, path, info.Mode().Perm())
		}
	}
	return key, nil
}

// checkPeer reports wrong input if peer, the key that a command is to connect
// to, is that of the command itself.
func checkPeer(command string, peer intentra.PublicKey, own intentra.PrivateKey) error {
	if peer == own.Public() {
		return usagef("%s: --peer is our own public key, that of --key; give the key of the other side", command)
	}
	return nil
}

// othersCan says what the file's group or anybody else can do with it, nothing
// if they can do nothing. It looks at permission bits, which mean nothing on
// Windows.
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
