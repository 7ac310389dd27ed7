package pipeline

// Verdict is the decision of a stage about one packet or message. The zero value
// drops, so that code which forgets to decide fails closed.
//
// Values below 256 drop: zero without a reason, and n for the n-th name, from one,
// that the stage's Reasons method returns. Any value that is not defined here drops
// without a reason.
type Verdict uint16

const (
	// Drop discards the packet or message without a reason. It is counted as
	// "unspecified" under the stage's name.
	Drop Verdict = 0
	// DropFirst is the drop for the first name that Reasons returns. A stage
	// declares its drops as constants that count up from it.
	DropFirst Verdict = 1

	// Accept passes the packet or message to the next stage. After the last stage
	// the packet or message is accepted.
	Accept Verdict = 1 << 8
	// Consumed means that the stage has taken the packet or message: it is not a
	// drop, and no later stage processes it.
	Consumed Verdict = 2 << 8
)

// MaxReasons is the largest number of reasons that one stage may name.
const MaxReasons = 250

// Dropped reports whether v drops.
func (v Verdict) Dropped() bool { return v != Accept && v != Consumed }

// reason returns the number of a drop's reason, zero for none.
func (v Verdict) reason() int {
	if v >= Accept {
		return 0
	}
	return int(v)
}
