package udp

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// trouble tracks a persistent error. Errors about single datagrams are transient and
// are counted as losses. An error of every call is about the socket: it is logged at
// a limited rate, and makes the reader back off. If no state of the network explains
// it, it ends the Conn after a while.
//
// trouble is not safe for concurrent use. It is ready to use once what, logger and
// now are set.
type trouble struct {
	what   string // "receiving" or "sending"
	logger *slog.Logger
	now    func() time.Time

	since   time.Time     // time of the first failure after the last success, or zero
	logNext time.Time     // earliest time of the next log entry
	backoff time.Duration // time to wait before the next attempt
}

// Constants of this implementation.
const (
	firstBackoff = time.Millisecond // doubled with each failure
	maxBackoff   = time.Second
	// If every call fails, that is logged after patience. If the socket is
	// broken, the Conn ends after brokenAfter.
	patience    = time.Second
	brokenAfter = 10 * time.Second
	logInterval = time.Minute
)

// succeeded records a success, which ends a sequence of failures.
func (t *trouble) succeeded() {
	if !t.since.IsZero() {
		t.since, t.backoff = time.Time{}, 0
	}
}

// failed records that a whole call failed. It returns an error if the socket is
// broken.
func (t *trouble) failed(errno syscall.Errno) error {
	now := t.now()
	if t.since.IsZero() {
		t.since, t.backoff, t.logNext = now, firstBackoff, now.Add(patience)
		return nil
	}
	t.backoff = min(2*t.backoff, maxBackoff)
	age := now.Sub(t.since)
	if broken(errno) && age >= brokenAfter {
		return fmt.Errorf("%s failed for %v: %w", t.what, age.Round(time.Second), errno)
	}
	if !now.Before(t.logNext) {
		t.logNext = now.Add(logInterval)
		t.logger.Warn("udp: every call fails", "what", t.what, "for", age.Round(time.Second), "err", errno)
	}
	return nil
}

// broken reports whether errno is about the socket or the system call. Errors because
// of a network that is down, a firewall or exhausted buffers may be temporary.
func broken(errno syscall.Errno) bool {
	switch errno {
	case syscall.ENOSYS, syscall.EBADF, syscall.ENOTSOCK, syscall.EFAULT, syscall.EOPNOTSUPP:
		return true
	}
	return false
}
