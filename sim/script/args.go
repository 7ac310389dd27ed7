package script

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intentra/intentra"
)

// args are the words of a step that are still to be parsed. After the first error
// every method returns a zero value.
type args struct {
	parser *parser
	words  []string
	err    error
}

// maxTime is the longest duration of a script.
const maxTime = 365 * 24 * time.Hour

func (a *args) fail(format string, values ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, values...)
	}
}

// next returns the next word.
func (a *args) next(what string) string {
	if a.err != nil {
		return ""
	}
	if len(a.words) == 0 {
		a.fail("%s is missing", what)
		return ""
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

// more reports whether there is another word.
func (a *args) more() bool { return a.err == nil && len(a.words) > 0 }

// node returns the name of a node of an earlier step.
func (a *args) node() string {
	name := a.next("the name of a node")
	a.known(name)
	return name
}

func (a *args) known(name string) {
	if a.err == nil && !a.parser.nodes[name] {
		a.fail("there is no node %q above; there are %s", name, known(a.parser.nodes))
	}
}

// nodeOrAll is node, or "*".
func (a *args) nodeOrAll() string {
	if len(a.words) > 0 && a.words[0] == "*" {
		return a.next("")
	}
	return a.node()
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (a *args) newName() string {
	name := a.next("a name")
	if a.err == nil && !nameRule.MatchString(name) {
		a.fail("%q is not a name; names consist of letters, digits, _ and -", name)
	}
	if a.err == nil && (a.parser.nodes[name] || a.parser.crowds[name]) {
		a.fail("there is a node %q already", name)
	}
	return name
}

func (a *args) duration(what string) time.Duration { return a.parsed(what, toDuration).(time.Duration) }

func (a *args) number(what string) int { return a.parsed(what, toNumber).(int) }

// channel parses a channel.
func (a *args) channel() uint32 {
	return a.parsed("a channel", func(s string) (any, error) {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return uint32(0), fmt.Errorf("%q is no whole number from 0 to 4294967295", s)
		}
		return uint32(n), nil
	}).(uint32)
}

func (a *args) parsed(what string, parse func(string) (any, error)) any {
	w := a.next(what)
	v, err := parse(w)
	if a.err == nil && err != nil {
		a.fail("%s: %w", what, err)
	}
	return v
}

func toDuration(s string) (any, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxTime {
		return time.Duration(0), fmt.Errorf("%q is no time from 0s to %v, such as 1.5s", s, maxTime)
	}
	return d, nil
}

// durations is a range of durations.
type durations struct{ from, to time.Duration }

func toDurations(s string) (any, error) {
	first, last, ranged := strings.Cut(s, "..")
	if !ranged {
		last = first
	}
	from, err := toDuration(first)
	to, err2 := toDuration(last)
	if err := errors.Join(err, err2); err != nil {
		return durations{}, err
	}
	if d := (durations{from.(time.Duration), to.(time.Duration)}); d.from <= d.to {
		return d, nil
	}
	return durations{}, fmt.Errorf("%q ends before it begins", s)
}

// choose returns a duration of the range, drawn with random if there is more than
// one.
func (d durations) choose(random func() uint64) time.Duration {
	if d.from == d.to {
		return d.from
	}
	return d.from + time.Duration(random()%uint64(d.to-d.from+1))
}

func toPriority(s string) (any, error) {
	var p intentra.Priority
	err := p.UnmarshalText([]byte(s))
	return p, err
}

func toYes(s string) (any, error) {
	if s != "yes" && s != "no" {
		return false, fmt.Errorf("%q is neither yes nor no", s)
	}
	return s == "yes", nil
}

func toNumber(s string) (any, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1<<31-1 {
		return 0, fmt.Errorf("%q is no whole number from 0 to 2147483647", s)
	}
	return n, nil
}

func toShare(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return 0.0, fmt.Errorf("%q is not a number from 0 to 1", s)
	}
	return f, nil
}

func toAddress(s string) (any, error) {
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address such as 192.0.2.1:4000", s)
	}
	return addr, nil
}

// sizes is a range of lengths of messages or datagrams.
type sizes struct{ from, to int }

func toSizes(s string) (any, error) {
	first, last, ranged := strings.Cut(s, "..")
	if !ranged {
		last = first
	}
	from, err := toNumber(first)
	to, err2 := toNumber(last)
	if err := errors.Join(err, err2); err != nil {
		return sizes{}, err
	}
	if r := (sizes{from.(int), to.(int)}); r.from <= r.to && r.to <= 65507 {
		return r, nil
	}
	return sizes{}, fmt.Errorf("%q is no length up to 65507, nor a range such as 10..100", s)
}

var intents = map[string]intentra.Intent{
	"realtime": intentra.Realtime, "latest": intentra.Latest, "reliable": intentra.Reliable,
}

func (a *args) intent() intentra.Intent {
	name := a.next("an intent")
	i, ok := intents[name]
	if a.err == nil && !ok {
		a.fail("%q is no intent; there are %s", name, known(intents))
	}
	return i
}

// settings parses all remaining words as settings of T.
func settings[T any](a *args, into *T, table map[string]func(into *T, value string) error) {
	seen := map[string]bool{}
	for a.more() {
		name, value, ok := strings.Cut(a.next(""), "=")
		set := table[name]
		switch {
		case set == nil:
			a.fail("%q is no setting here; there are %s", name, known(table))
		case !ok:
			a.fail("%s needs a value: %s=...", name, name)
		case seen[name]:
			a.fail("%s is there twice", name)
		default:
			if err := set(into, value); err != nil {
				a.fail("%s: %w", name, err)
			}
		}
		seen[name] = true
	}
}

// setting returns a setting that parses its value and stores it in a field.
func setting[T, V any](parse func(string) (any, error), field func(*T) *V) func(*T, string) error {
	return func(into *T, value string) error {
		v, err := parse(value)
		if err == nil {
			*field(into) = v.(V)
		}
		return err
	}
}

// known lists the keys of a table.
func known[V any](table map[string]V) string {
	if len(table) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(table)), ", ")
}
