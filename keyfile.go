package intentra

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxKeyFile is larger than any key file, in bytes. It bounds what is read of a
// wrong file.
const maxKeyFile = 4096

// WritePrivateKey writes k to a new file with mode 0600, as one line of base64. If
// the file exists, it is left alone and the error is fs.ErrExist.
func WritePrivateKey(path string, k PrivateKey) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("intentra: writing a key file: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("intentra: writing key file %s: %w", path, cerr)
		}
	}()
	line := append(base64.StdEncoding.AppendEncode(nil, k[:]), '\n')
	defer clear(line)
	if _, err := f.Write(line); err != nil {
		return fmt.Errorf("intentra: writing key file %s: %w", path, err)
	}
	return f.Sync()
}

// ReadPrivateKey reads a file written by [WritePrivateKey]. The error is [ErrKey]
// if the file does not contain a key.
func ReadPrivateKey(path string) (PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		if _, isKey := decodeKey([]byte(path)); isKey == nil {
			// The error of Open contains the path, so it must not be returned.
			return PrivateKey{}, fmt.Errorf("intentra: reading a key file: the path is itself a key: %w", errors.Unwrap(err))
		}
		return PrivateKey{}, fmt.Errorf("intentra: reading a key file: %w", err)
	}
	defer f.Close()
	// One buffer, so that no copy of the key remains in memory.
	b := make([]byte, maxKeyFile)
	defer clear(b)
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return PrivateKey{}, fmt.Errorf("intentra: reading a key file: %w", err)
	}
	k, err := decodeKey(b[:n])
	if err != nil || k == ([32]byte{}) {
		return PrivateKey{}, fmt.Errorf("key file %s: %w", path, errNoBase64)
	}
	return k, nil
}
