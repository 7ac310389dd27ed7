package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// hangups catches SIGHUP, which would otherwise end the process. One that comes before do
// waits for it.
type hangups struct {
	signals chan os.Signal
	done    sync.WaitGroup
	once    sync.Once
}

func catchHangups() *hangups {
	h := &hangups{signals: make(chan os.Signal, 1)}
	signal.Notify(h.signals, syscall.SIGHUP)
	return h
}

// takeHangups returns what catches SIGHUP for a command that reads a list again. Call it before
// the list is read, so that no change after that is missed.
func (e *environment) takeHangups() *hangups {
	if e.hangups == nil {
		return catchHangups()
	}
	return e.hangups
}

// releaseHangups is for a command that has no list: SIGHUP ends it. It returns an error if one
// has come before.
func (e *environment) releaseHangups() error {
	if e.hangups == nil {
		return nil
	}
	e.hangups.stop()
	if _, caught := <-e.hangups.signals; caught {
		return errInterrupted
	}
	return nil
}

// do calls reload on each SIGHUP, until stop is called. It is called once.
func (h *hangups) do(reload func()) {
	h.done.Go(func() {
		for range h.signals {
			reload()
		}
	})
}

// stop lets a running reload end. It may be called several times.
func (h *hangups) stop() {
	h.once.Do(func() {
		signal.Stop(h.signals)
		close(h.signals)
	})
	h.done.Wait()
}
