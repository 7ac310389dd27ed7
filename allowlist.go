package intentra

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/intentra/intentra/internal/keylist"
)

// ErrAllowList is returned for an allow list with a malformed line.
var ErrAllowList = errors.New("intentra: malformed allow list")

const readingAllowList = "intentra: reading an allow list"

// AllowList is a set of public keys that may connect, each with an optional name.
// It is immutable: to change which keys may connect, read a new list and call
// [Transport.Revoke] for the keys that it no longer contains. Its methods may be
// called from any goroutine.
type AllowList struct{ names map[PublicKey]string }

// ReadAllowList reads an allow list from a file. Each line has a public key and,
// optionally, a name; empty lines and comments, which begin with #, are ignored.
// Errors are those of [ParseAllowList] and of opening the file.
func ReadAllowList(path string) (*AllowList, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", readingAllowList, err)
	}
	defer f.Close()
	l, err := ParseAllowList(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// ParseAllowList reads an allow list, in the format of [ReadAllowList]. The error
// is an [ErrAllowList] that names the line, or an error of r.
func ParseAllowList(r io.Reader) (*AllowList, error) {
	if keylist.IsNil(r) {
		return nil, fmt.Errorf("%s: %w", readingAllowList, errNoReader)
	}
	l := &AllowList{names: make(map[PublicKey]string)}
	err := keylist.Read(r, readingAllowList, ErrAllowList, func(_ int, fields []string) error {
		key, err := ParsePublicKey(fields[0])
		if err != nil {
			return err
		}
		if _, twice := l.names[key]; twice {
			return errors.New("duplicate key")
		}
		l.names[key] = strings.Join(fields[1:], " ")
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Allows reports whether the key is in the list.
func (l *AllowList) Allows(k PublicKey) bool {
	_, ok := l.set()[k]
	return ok
}

// set returns the keys. It panics for a nil list, which a program uses that ignores the
// error of ReadAllowList: an empty list in its place would refuse all peers silently.
func (l *AllowList) set() map[PublicKey]string {
	if l == nil {
		panic("intentra: the *AllowList is nil; ReadAllowList and ParseAllowList return one unless they fail")
	}
	return l.names
}

// Name returns the name of a key, or "" if the key has none or is not in the list.
func (l *AllowList) Name(k PublicKey) string { return l.set()[k] }

// Len returns the number of keys.
func (l *AllowList) Len() int { return len(l.set()) }

// Keys returns the keys in ascending order.
func (l *AllowList) Keys() []PublicKey {
	keys := make([]PublicKey, 0, len(l.set()))
	for k := range l.set() {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b PublicKey) int { return bytes.Compare(a[:], b[:]) })
	return keys
}
