package udp

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// trouble tracks an error that does not go away. Errors about single datagrams
// come and go, and are counted as losses; one that answers every call is about
// the socket. It is logged at a limited rate, and makes the reader back off.
// One that no state of the network explains ends the Conn after a while.
//
// It belongs to one goroutine. The zero value with what, logger and now set is
// ready to use.
type trouble struct {
	what   string // "receiving" or "sending"
	logger *slog.Logger
	now    func() time.Time

	since   time.Time     // of the first failure since the last success; zero if none
	logNext time.Time     // when the next failure may be logged
	backoff time.Duration // how long to wait before the next try
}

// What we chose.
const (
	firstBackoff = time.Millisecond // doubled with each failure
	maxBackoff   = time.Second
	// patience is how long every call must fail before it is logged, and
	// brokenAfter how long before a broken socket ends the Conn.
	patience    = time.Second
	brokenAfter = 10 * time.Second
	logInterval = time.Minute
)

// succeeded ends a run of failures.
func (t *trouble) succeeded() {
	if !t.since.IsZero() {
		t.since, t.backoff = time.Time{}, 0
	}
}

// failed notes that a whole call has failed. It returns an error once the
// socket counts as broken.
func (t *trouble) failed(errno syscall.Errno) error {
	now := t.now()
	if t.since.IsZero() {
		t.since, t.backoff, t.logNext = now, firstBackoff, now.Add(patience)
		return nil
	}
	t.backoff = min(2*t.backoff, maxBackoff)
	age := now.Sub(t.since)
	if broken(errno) && age >= brokenAfter {
		return fmt.Errorf("%s has failed for %v: %w", t.what, age.Round(time.Second), errno)
	}
	if !now.Before(t.logNext) {
		t.logNext = now.Add(logInterval)
		t.logger.Warn("udp: every call fails", "what", t.what, "for", age.Round(time.Second), "err", errno)
	}
	return nil
}

// broken reports whether errno is about the socket or the system call. A
// network that is down, a firewall and a lack of buffers may all pass.
func broken(errno syscall.Errno) bool {
	switch errno {
	case syscall.ENOSYS, syscall.EBADF, syscall.ENOTSOCK, syscall.EFAULT, syscall.EOPNOTSUPP:
		return true
	}
	return false
}
