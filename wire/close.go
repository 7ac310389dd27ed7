package wire

// CloseReason says why a session ended, on the wire and in events.
type CloseReason uint8

// The reasons. Those a peer may send are below CloseIdle; the rest are one
// side's own finding.
const (
	CloseNone      CloseReason = 0 // not closed
	CloseNormal    CloseReason = 1 // closed by the application
	CloseShutdown  CloseReason = 2 // the endpoint is shutting down
	CloseReplaced  CloseReason = 3 // another session with the same peer won
	CloseRevoked   CloseReason = 4 // the peer's key is not allowed any more
	CloseViolation CloseReason = 5 // ten protocol violations within 5 s
	CloseSlow      CloseReason = 6 // the peer does not keep up with Reliable messages
	CloseKeys      CloseReason = 7 // the keys are used up and no rekey succeeded

	CloseIdle      CloseReason = 32 // nothing was received for the idle time-out
	CloseHandshake CloseReason = 33 // no handshake succeeded in time
	CloseLost      CloseReason = 34 // packets stay unanswered; a dialer dials again
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

// String returns the reason's name, as metrics and logs have it.
func (r CloseReason) String() string {
	if s, ok := closeNames[r]; ok {
		return s
	}
	return "unknown"
}

// CloseReasons lists all known reasons but CloseNone, in order.
func CloseReasons() []CloseReason {
	return []CloseReason{
		CloseNormal, CloseShutdown, CloseReplaced, CloseRevoked, CloseViolation,
		CloseSlow, CloseKeys, CloseIdle, CloseHandshake, CloseLost,
	}
}
