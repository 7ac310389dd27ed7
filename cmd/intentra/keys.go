package main

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"github.com/intentra/intentra"
)

// readKey reads a private key file, and warns if others can read it too.
func readKey(e *environment, path string) (intentra.PrivateKey, error) {
	key, err := intentra.ReadPrivateKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return key, usagef("%w; make one with 'intentra keygen --out FILE'", err)
	}
	if err != nil {
		return key, usageError{err}
	}
	if info, err := os.Stat(path); err == nil && readableByOthers(info.Mode()) {
		e.warnf("others can read the private key in %s (mode %04o); run 'chmod 600' on it", path, info.Mode().Perm())
	}
	return key, nil
}

// readableByOthers looks at permission bits, which mean nothing on Windows.
func readableByOthers(m fs.FileMode) bool {
	return runtime.GOOS != "windows" && m.Perm()&0o044 != 0
}
