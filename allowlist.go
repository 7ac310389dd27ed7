package intentra

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// ErrAllowList: an allow-list has a line that is not one.
var ErrAllowList = errors.New("intentra: malformed allow-list")

// AllowList is a set of public keys that may connect, each with an optional
// name. It never changes; to change who may connect, make another one, and
// revoke the keys that have gone. Its methods may be called from anywhere.
type AllowList struct{ names map[PublicKey]string }

// AllowAny allows every key that proves itself.
func AllowAny(PublicKey) bool { return true }

// ReadAllowList reads an allow-list from a file: a public key and an optional
// name a line; empty lines, and what follows a #, are ignored.
func ReadAllowList(path string) (*AllowList, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("intentra: reading an allow-list: %w", err)
	}
	defer f.Close()
	l, err := ParseAllowList(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// ParseAllowList reads an allow-list. The error is [ErrAllowList] and names the
// line, or it is r's.
func ParseAllowList(r io.Reader) (*AllowList, error) {
	l := &AllowList{names: make(map[PublicKey]string)}
	lines := bufio.NewScanner(r)
	n := 1
	for ; lines.Scan(); n++ {
		text := lines.Text()
		if n == 1 {
			// Some editors put a byte order mark in front.
			text = strings.TrimPrefix(text, "\ufeff")
		}
		text, _, _ = strings.Cut(text, "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		key, err := ParsePublicKey(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrAllowList, n, err)
		}
		if _, twice := l.names[key]; twice {
			return nil, fmt.Errorf("%w: line %d: the key stands here a second time", ErrAllowList, n)
		}
		l.names[key] = strings.Join(fields[1:], " ")
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("%w: line %d: longer than 64 KiB", ErrAllowList, n)
	} else if err != nil {
		return nil, fmt.Errorf("intentra: reading an allow-list: %w", err)
	}
	return l, nil
}

// Allows reports whether the key is in the list. It fits Config.Authorize.
func (l *AllowList) Allows(k PublicKey) bool {
	_, ok := l.names[k]
	return ok
}

// Name returns the name of a key, empty if it has none.
func (l *AllowList) Name(k PublicKey) string { return l.names[k] }

// Len returns the number of keys.
func (l *AllowList) Len() int { return len(l.names) }

// Keys returns the keys in order.
func (l *AllowList) Keys() []PublicKey {
	keys := make([]PublicKey, 0, len(l.names))
	for k := range l.names {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b PublicKey) int { return bytes.Compare(a[:], b[:]) })
	return keys
}
