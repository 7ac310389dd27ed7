package main

import (
	"fmt"
	"strings"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/trial"
)

// What we chose.
const (
	maxRounds      = 1000   // some days
	maxConnections = 20_000 // some contenders take a socket, and so a port, for each
	maxSenders     = 64
)

// usageError reports invalid input.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// limit is the range of a flag.
type limit struct {
	flag               string
	value, least, most int
}

func sendersLimit(n int) limit { return limit{"senders", n, 1, maxSenders} }
func sizeLimit(n int) limit    { return limit{"size", n, contender.MinSize, contender.MaxSize} }

// check returns an error for the first value that is out of its range.
func check(limits ...limit) error {
	for _, l := range limits {
		if l.value < l.least || l.value > l.most {
			return usagef("--%s is %d; give %d to %d", l.flag, l.value, l.least, l.most)
		}
	}
	return nil
}

// names is a flag with the names of contenders, separated by commas. If the flag
// is given, it names at least one.
type names struct{ list []contender.Contender }

func (n *names) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ",") {
		c, err := trial.Find(name)
		if err != nil {
			return err
		}
		n.list = append(n.list, c)
	}
	return nil
}
