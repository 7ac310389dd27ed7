package pipeline

// Verdict is what a stage says of one packet or message. The zero value drops,
// so that a path which forgets to decide fails closed.
//
// Values below 256 drop: zero for no stated reason, and n for the n-th name
// (from one) that the stage's Reasons method lists. A value that is none of
// the named ones drops without a stated reason.
type Verdict uint16

const (
	// Drop discards the packet or message without a stated reason. It is
	// counted as "unspecified" under the stage's name.
	Drop Verdict = 0
	// DropFirst is the drop for the first name that Reasons lists; a stage
	// declares its own drops as constants that count up from here.
	DropFirst Verdict = 1

	// Accept passes the packet or message on to the next stage. From the last
	// stage it means that the packet has been accepted.
	Accept Verdict = 1 << 8
	// Consumed says that the stage has taken the packet for itself: it is not
	// a drop, and no later stage sees it.
	Consumed Verdict = 2 << 8
)

// MaxReasons is the number of reasons that one stage may name.
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
