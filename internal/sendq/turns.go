package sendq

import "github.com/intentra/intentra/pipeline"

// turns decides in which order the priorities fill a packet: the highest first, unless
// a lower one has been left out of too many packets in a row. That one begins the
// packet. So the highest priority leaves at once, and with all of them waiting all the
// time the shares of the packets are 9/16, 4/16, 2/16 and 1/16. The zero value is ready
// to use.
type turns struct{ passed [pipeline.Priorities]uint8 }

// shares are how many of allShares packets each priority gets, the lowest first, if all
// wait all the time.
var shares = [pipeline.Priorities]int{1, 2, 4, 9}

const allShares = 16

// patience is how many packets in a row a priority may be left out of, the lowest first.
var patience = [pipeline.Priorities]uint8{15, 7, 3, 255}

// order begins a packet, for which the given priorities wait, and returns these in the
// order of their turns.
func (t *turns) order(waiting [pipeline.Priorities]bool) (order [pipeline.Priorities]pipeline.Priority, n int) {
	due := -1 // the lowest that has waited for long enough
	for i := pipeline.Priorities - 1; i >= 0; i-- {
		switch {
		case !waiting[i]:
			t.passed[i] = 0
		case t.passed[i] >= patience[i]:
			due = i
		default:
			t.passed[i]++ // until it is served
		}
	}
	if due >= 0 {
		order[0], n = pipeline.Low+pipeline.Priority(due), 1
	}
	for i := pipeline.Priorities - 1; i >= 0; i-- {
		if waiting[i] && i != due {
			order[n] = pipeline.Low + pipeline.Priority(i)
			n++
		}
	}
	return order, n
}

// served notes that the packet has taken a message with the priority.
func (t *turns) served(p pipeline.Priority) { t.passed[p-pipeline.Low] = 0 }
