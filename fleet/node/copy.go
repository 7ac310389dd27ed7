package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// What we chose. confirmEvery is how often the time of the copy on disk says that it is that of
// the store; firstTimeout bounds an attempt to read the list at the start, and firstRetry is the
// pause after one that has failed.
const (
	confirmEvery = time.Minute
	firstTimeout = time.Second
	firstRetry   = 100 * time.Millisecond
)

// first waits until the store has said which access list is in force, for at most a while, and
// has the hub start with it. A key may have been revoked while this hub was down, and only the
// store knows. Without an answer the hub starts with its copy on disk, so that a store that is
// away locks no peer out.
func (l *lists) first(ctx context.Context, wait time.Duration) {
	if l.file == "" || wait < 0 {
		return
	}
	l.n.log.Info("waiting for the access list of the fleet", "atMost", wait)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for began := time.Now(); ctx.Err() == nil; sleep(ctx, firstRetry) {
		err := l.start(ctx)
		l.note(&l.accessReach, began, err)
		if err == nil {
			l.copied.confirm(time.Now())
			return
		}
	}
	age, known := l.copied.age(time.Now())
	l.n.log.Warn("the access list of the fleet cannot be reached; peers are admitted by the copy on disk, which may allow keys that were revoked since",
		"file", l.file, "age", age.Round(time.Second), "ageKnown", known, "cause", l.accessReach.fault())
}

// start reads the list from the store once, as the one with which the hub starts.
func (l *lists) start(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, firstTimeout)
	defer cancel()
	kv, err := l.bucket(bounded, l.access, 0)
	if err != nil {
		return err
	}
	e, err := l.current(bounded, kv, 0)
	if err != nil || e == nil {
		return err // without an entry, the fleet has no list yet
	}
	if a := l.accept(e.Value(), e.Revision()); a != nil {
		l.n.cfg.Hub.Access = a
	}
	return nil
}

// copyAge is for how long nothing has confirmed that the access list in use is that of the
// store. The time of the file on disk keeps it while the hub is down. It uses the time of day,
// which decides nothing. Its methods may be called from any goroutine.
type copyAge struct {
	mu        sync.Mutex
	file      string
	confirmed time.Time // zero: unknown
	touched   time.Time
}

// begin reads the time of the copy.
func (c *copyAge) begin(file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file = file; file == "" {
		return
	}
	if info, err := os.Stat(file); err == nil {
		c.confirmed = info.ModTime()
	}
}

// confirm notes that the list in use was that of the store at a time.
func (c *copyAge) confirm(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.confirmed = now
	if c.file != "" && now.Sub(c.touched).Abs() >= confirmEvery {
		c.touched = now
		_ = os.Chtimes(c.file, now, now) // best effort: the age after a restart is too long then
	}
}

// age returns the time since the list was confirmed. known is false if it never was.
func (c *copyAge) age(now time.Time) (age time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.confirmed.IsZero() {
		return 0, false
	}
	return max(now.Sub(c.confirmed), 0), true
}

// replaceFile replaces a file so that a crash leaves the old or the new one.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".access-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort: the first error says what is wrong
	}
	return err
}
