package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// CloseReason is the reason for which a session ended, on the wire and in events. Its
// text form is its name, or its number if it has none: a peer may send any number.
type CloseReason uint8

// The reasons. A peer may send those below CloseIdle. The others are determined
// locally and never sent.
const (
	CloseNone      CloseReason = 0 // not closed
	CloseNormal    CloseReason = 1 // closed by the application
	CloseShutdown  CloseReason = 2 // the endpoint is shutting down
	CloseReplaced  CloseReason = 3 // another session with the same peer won
	CloseRevoked   CloseReason = 4 // the peer's key is no longer allowed
	CloseViolation CloseReason = 5 // ten protocol violations within 5 s
	CloseSlow      CloseReason = 6 // the peer does not keep up with Reliable messages
	CloseKeys      CloseReason = 7 // the keys reached their packet limit and no rekey succeeded

	CloseIdle      CloseReason = 32 // nothing was received for the idle timeout
	CloseHandshake CloseReason = 33 // no handshake succeeded in time
	CloseLost      CloseReason = 34 // packets remain unanswered; a dialer dials again
)

var closeNames = map[CloseReason]string{
	CloseNone:      "none",
	CloseNormal:    "closed",
	CloseShutdown:  "shutdown",
	CloseReplaced:  "replaced",
	CloseRevoked:   "revoked",
	CloseViolation: "violation",
	CloseSlow:      "slow",
	CloseKeys:      "keys_exhausted",
	CloseIdle:      "idle",
	CloseHandshake: "handshake_failed",
	CloseLost:      "unanswered",
}

// String returns the reason's name in metrics and logs.
func (r CloseReason) String() string {
	if s, ok := closeNames[r]; ok {
		return s
	}
	return "unknown"
}

// MarshalText returns the text form of the reason. The error is always nil.
func (r CloseReason) MarshalText() ([]byte, error) {
	if s, ok := closeNames[r]; ok {
		return []byte(s), nil
	}
	return strconv.AppendUint(nil, uint64(r), 10), nil
}

// UnmarshalText parses the text form of a reason. The error lists the names.
func (r *CloseReason) UnmarshalText(text []byte) error {
	names := make([]string, 0, len(closeNames))
	for _, known := range append([]CloseReason{CloseNone}, CloseReasons()...) {
		if string(text) == closeNames[known] {
			*r = known
			return nil
		}
		names = append(names, closeNames[known])
	}
	if n, err := strconv.ParseUint(string(text), 10, 8); err == nil {
		*r = CloseReason(n)
		return nil
	}
	return fmt.Errorf("intentra: unknown reason %q: want %s or a number below 256", text, strings.Join(names, ", "))
}

// CloseReasons returns all known reasons except CloseNone, in increasing order.
func CloseReasons() []CloseReason {
	return []CloseReason{
		CloseNormal, CloseShutdown, CloseReplaced, CloseRevoked, CloseViolation,
		CloseSlow, CloseKeys, CloseIdle, CloseHandshake, CloseLost,
	}
}
