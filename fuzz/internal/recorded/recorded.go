// Package recorded holds a real exchange between two endpoints, from which packages fuzz
// and fuzz/chain start their search. TestRecord of package fuzz records it, with keys
// made for the purpose.
package recorded

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
)

// text has one packet or message per line: its kind, and its bytes in hexadecimal.
//
//go:embed recorded.txt
var text string

// Exchange is the recorded traffic of a dialer and a listener, in both directions and in
// the order of arrival.
type Exchange struct {
	Datagrams [][]byte // as they were on the wire
	Frames    [][]byte // the plaintext of Data packets
	Messages  [][]byte // the payloads of messages
}

// Read returns the embedded exchange.
func Read() Exchange {
	e, err := parse(text)
	if err != nil {
		panic(err) // a test checks the file
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
