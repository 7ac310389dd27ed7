// Package keylist reads lists of keys, one on each line: allow lists of the root package
// and access lists of the hub.
package keylist

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Read calls entry with the number, from one, and the fields of each line that has any.
// Fields are separated by white space; a comment begins with #; a byte order mark, which
// some editors write, is skipped. The error is the one of entry, or of a line longer than
// 64 KiB, wrapped by malformed and the number of the line, or the one of r, after what was
// being done when it failed, such as "hub: reading an access list". No line follows an
// error.
func Read(r io.Reader, doing string, malformed error, entry func(line int, fields []string) error) error {
	lines := bufio.NewScanner(r)
	n := 1
	for ; lines.Scan(); n++ {
		text := lines.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		text, _, _ = strings.Cut(text, "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if err := entry(n, fields); err != nil {
			return fmt.Errorf("%w: line %d: %w", malformed, n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%w: line %d: longer than 64 KiB", malformed, n)
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// IsNil reports whether r is nil or a nil pointer, whose Read would panic.
func IsNil(r io.Reader) bool {
	v := reflect.ValueOf(r)
	return r == nil || v.Kind() == reflect.Pointer && v.IsNil()
}
