// Package recorded is a real exchange between two endpoints: what the packages
// fuzz and fuzz/chain begin their search with. TestRecord of package fuzz makes
// it, with keys that are made for it.
package recorded

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
)

// text has one packet or message a line: its kind, and its bytes in hexadecimal.
//
//go:embed recorded.txt
var text string

// Exchange is what was recorded, in the order in which it arrived. A dialer and
// a listener take part; both directions are here.
type Exchange struct {
	Datagrams [][]byte // as they were on the wire
	Frames    [][]byte // the plaintext of Data packets
	Messages  [][]byte // the payloads of messages
}

// Read returns the exchange.
func Read() Exchange {
	e, err := parse(text)
	if err != nil {
		panic(err) // a test reads it
	}
	return e
}

func parse(text string) (e Exchange, err error) {
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		kind, digits, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			return e, fmt.Errorf("recorded: line %d: %w", i+1, err)
		}
		switch kind {
		case "datagram":
			e.Datagrams = append(e.Datagrams, b)
		case "frames":
			e.Frames = append(e.Frames, b)
		case "message":
			e.Messages = append(e.Messages, b)
		default:
			return e, fmt.Errorf("recorded: line %d: unknown kind %q", i+1, kind)
		}
	}
	return e, nil
}
