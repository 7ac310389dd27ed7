package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/keylist"
)

// ErrAccess is returned for an access list with a malformed line.
var ErrAccess = errors.New("hub: malformed access list")

const readingAccess = "hub: reading an access list"

// Access says which keys may connect to a hub, how their peers are named, and what
// they may publish and subscribe to. It is immutable: for a change give the hub
// another one, with [Hub.SetAccess]. Its methods may be called from any goroutine.
type Access struct {
	any     bool
	entries map[intentra.PublicKey]*entry
}

// accessOptions are the options of a line.
var accessOptions = [...]string{"publish", "subscribe", "until"}

// entry is one line of an access list.
type entry struct {
	line      int // its number, from one
	name      string
	publish   patterns // nil: everything under its own name
	subscribe patterns // nil: everything
	until     time.Time
}

// AllowAny returns a list that lets every key connect, without a name, and do
// everything that a peer can. It is for trials and tests.
func AllowAny() *Access { return &Access{any: true} }

// ReadAccess reads an access list from a file. Errors are those of [ParseAccess] and
// of opening the file.
func ReadAccess(path string) (*Access, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", readingAccess, err)
	}
	defer f.Close()
	a, err := ParseAccess(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// ParseAccess reads an access list. Each line has a public key, the name of its peer,
// and options:
//
//	KEY [NAME] [publish=PATTERN,...] [subscribe=PATTERN,...] [until=DATE]
//
// A peer without a name is called key- and the first 16 hexadecimal digits of its
// key. It may publish all topics under its own name and subscribe to everything, or
// only those whose path matches one of the patterns; publish= or subscribe= without a
// pattern allows none. From DATE on (2027-03-31, which is midnight UTC, or
// 2027-03-31T18:00:00Z) the key may no longer connect. Empty lines and comments,
// which begin with #, are ignored. A list for [intentra.ReadAllowList] is valid if
// its names are names of publishers and differ.
//
// The error is an [ErrAccess] that names the line, or an error of r.
func ParseAccess(r io.Reader) (*Access, error) {
	if keylist.IsNil(r) {
		return nil, errNoReader
	}
	a := &Access{entries: make(map[intentra.PublicKey]*entry)}
	names := make(map[string]int)
	err := keylist.Read(r, readingAccess, ErrAccess, func(line int, fields []string) error { return a.add(fields, names, line) })
	if err != nil {
		return nil, err
	}
	return a, nil
}

// add adds a line. names has the line of each name.
func (a *Access) add(fields []string, names map[string]int, line int) error {
	key, err := intentra.ParsePublicKey(fields[0])
	if err != nil {
		return err
	}
	if _, twice := a.entries[key]; twice {
		return errors.New("duplicate key")
	}
	e, err := parseEntry(fields[1:])
	if err != nil {
		return err
	}
	if e.name == "" {
		e.name = keyName(key)
	}
	if other, taken := names[e.name]; taken {
		return fmt.Errorf("the name %q is that of line %d", e.name, other)
	}
	names[e.name], e.line = line, line
	a.entries[key] = e
	return nil
}

// parseEntry parses the fields after the key: the words of a name, then options.
func parseEntry(fields []string) (*entry, error) {
	e := &entry{}
	isOption := func(f string) bool { return strings.Contains(f, "=") }
	options := slices.IndexFunc(fields, isOption)
	if options < 0 {
		options = len(fields)
	}
	e.name = strings.Join(fields[:options], " ")
	if e.name != "" {
		if err := CheckName(e.name); err != nil {
			return nil, fmt.Errorf("the name: %w", err)
		}
	}
	seen := make(map[string]bool)
	for _, f := range fields[options:] {
		option, value, found := strings.Cut(f, "=")
		if !found {
			return nil, fmt.Errorf("%q after an option; the name comes before the options", f)
		}
		if seen[option] {
			return nil, fmt.Errorf("%s= twice; separate patterns with commas", option)
		}
		seen[option] = true
		if err := e.set(option, value); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *entry) set(option, value string) (err error) {
	switch option {
	case "publish":
		e.publish, err = parseRights(value)
	case "subscribe":
		e.subscribe, err = parseRights(value)
	case "until":
		e.until, err = parseDate(value)
	default:
		err = fmt.Errorf("unknown option %s=; the options are publish=, subscribe= and until=", option)
	}
	return err
}

// parseRights parses the patterns of an option. Without one the result is not nil,
// and allows nothing.
func parseRights(value string) (patterns, error) {
	if value == "" {
		return patterns{}, nil
	}
	return parsePatterns(value)
}

func parseDate(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("until=%s is not a date; give 2027-03-31 or 2027-03-31T18:00:00Z", s)
}

// Allows reports whether the peer with a key may connect at a time.
func (a *Access) Allows(k intentra.PublicKey, at time.Time) bool {
	must(a.valid())
	if a.any {
		return true
	}
	e, ok := a.entries[k]
	return ok && (e.until.IsZero() || at.Before(e.until))
}

// Name returns the name of the peer with a key, also of one that may not connect.
func (a *Access) Name(k intentra.PublicKey) string {
	must(a.valid())
	if e, ok := a.entries[k]; ok {
		return e.name
	}
	return keyName(k)
}

// Keys returns the keys in ascending order.
func (a *Access) Keys() []intentra.PublicKey {
	must(a.valid())
	keys := make([]intentra.PublicKey, 0, len(a.entries))
	for k := range a.entries {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y intentra.PublicKey) int { return bytes.Compare(x[:], y[:]) })
	return keys
}

// mayPublish reports whether the peer with a key may publish at path, which begins
// with its name.
func (a *Access) mayPublish(k intentra.PublicKey, path string) bool {
	if a.any {
		return true
	}
	e, ok := a.entries[k]
	return ok && (e.publish == nil || e.publish.match(path))
}

// mayRead reports whether the peer with a key may receive the updates at path.
func (a *Access) mayRead(k intentra.PublicKey, path string) bool {
	if a.any {
		return true
	}
	e, ok := a.entries[k]
	return ok && (e.subscribe == nil || e.subscribe.match(path))
}

// nextEnd returns the first time after now at which a key may no longer connect, or
// the zero time.
func (a *Access) nextEnd(now time.Time) (next time.Time) {
	for _, e := range a.entries {
		if e.until.After(now) && (next.IsZero() || e.until.Before(next)) {
			next = e.until
		}
	}
	return next
}
