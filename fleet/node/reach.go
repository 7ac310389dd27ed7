package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// What we chose. A part of the key-value store that cannot be used for reachPatience is worth a
// warning, and then one every reachRepeat.
const (
	reachPatience = 5 * time.Second
	reachRepeat   = time.Minute
)

// reach says whether a part of the fleet's key-value store can be used, and if not, since when
// and why. Its methods may be called from any goroutine. Times count from the node's start.
type reach struct {
	mu       sync.Mutex
	patience time.Duration
	failing  bool
	cause    string
	since    time.Duration
	warnAt   time.Duration
}

// fail notes that an attempt, which began at a time, has failed.
func (r *reach) fail(began time.Duration, cause string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.failing {
		r.failing, r.since, r.warnAt = true, began, began+r.patience
	}
	r.cause = cause
}

// succeed notes a successful attempt and reports whether there was a warning before it.
func (r *reach) succeed() (warned bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	warned = r.failing && r.warnAt > r.since+r.patience
	r.failing, r.cause = false, ""
	return warned
}

// fault returns why the part cannot be used, or an empty string if it can.
func (r *reach) fault() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cause
}

// due reports whether it is time for a warning, and for how long the part could not be used.
func (r *reach) due(now time.Duration) (lasts time.Duration, cause string, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.failing || now < r.warnAt {
		return 0, "", false
	}
	r.warnAt = now + reachRepeat
	return now - r.since, r.cause, true
}

// cause returns the reason of a failed attempt in words for an operator.
func (l *lists) cause(err error) string {
	switch {
	case !l.n.connected.Load():
		return "NATS cannot be reached"
	case errors.Is(err, nats.ErrNoResponders):
		return "no server that can be reached has JetStream, or it is off because of an error such as a full disk"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer: the store has no leader, or no route leads to it"
	}
	return err.Error()
}

// note notes the outcome of an attempt that began at a time.
func (l *lists) note(r *reach, began time.Time, err error) {
	if err != nil {
		r.fail(began.Sub(l.n.start), l.cause(err))
	} else if r.succeed() {
		l.n.log.Info("the key-value store of the fleet can be used again")
	}
}

// warn warns of what cannot be used, as of now.
func (l *lists) warn(now time.Duration) {
	if lasts, cause, due := l.accessReach.due(now); due {
		l.n.log.Warn("the access list of the fleet cannot be reached; this hub uses the last one that it has", "for", lasts.Round(time.Second), "cause", cause)
	}
	if lasts, cause, due := l.claimsReach.due(now); due {
		l.n.log.Warn("sessions cannot be entered in the key-value store; one key may stay at two hubs", "for", lasts.Round(time.Second), "cause", cause)
	}
}
