package intentra

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxKeyFile is more than any key file holds; it bounds what is read when the
// wrong file is given.
const maxKeyFile = 4096

// WritePrivateKey writes k to a new file with mode 0600, as one line of
// base64. It does not overwrite: the error is fs.ErrExist then.
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

// ReadPrivateKey reads a file that WritePrivateKey has written. The error is
// [ErrKey] if the file holds something else.
func ReadPrivateKey(path string) (PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		if _, isKey := decodeKey([]byte(path)); isKey == nil {
			// The error would quote it.
			return PrivateKey{}, fmt.Errorf("intentra: reading a key file: what was given for its name is a key itself: %w", errors.Unwrap(err))
		}
		return PrivateKey{}, fmt.Errorf("intentra: reading a key file: %w", err)
	}
	defer f.Close()
	// Into one buffer, so that it can be overwritten.
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
