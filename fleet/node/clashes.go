package node

import "time"

// clashRepeat is how often another process with the hub's key is worth an error; we chose it.
const clashRepeat = time.Minute

// clashes watches for another process that runs with the hub's key.
type clashes struct {
	total uint64
	next  time.Duration // when the next error is due
}

// count takes the number of heartbeats of other processes with the key so far, and reports
// whether an error is due.
func (c *clashes) count(total uint64, now time.Duration) (sum uint64, due bool) {
	due = total > c.total && now >= c.next
	if due {
		c.next = now + clashRepeat
	}
	c.total = total
	return total, due
}
