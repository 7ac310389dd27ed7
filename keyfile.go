package intentra

import (
	"encoding/base64"
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
	if _, err := f.WriteString(base64.StdEncoding.EncodeToString(k[:]) + "\n"); err != nil {
		return fmt.Errorf("intentra: writing key file %s: %w", path, err)
	}
	return f.Sync()
}

// ReadPrivateKey reads a file that WritePrivateKey has written. The error is
// [ErrKey] if the file holds something else.
func ReadPrivateKey(path string) (PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("intentra: reading a key file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return PrivateKey{}, fmt.Errorf("intentra: reading a key file: %w", err)
	}
	k, err := decodeKey(string(b))
	if err != nil || k == ([32]byte{}) {
		return PrivateKey{}, fmt.Errorf("key file %s: %w", path, ErrKey)
	}
	return k, nil
}
