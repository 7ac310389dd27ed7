package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/intentra/intentra"
)

// What we chose.
const (
	// closeGrace bounds the closing of a side that has nothing left to send.
	closeGrace = 3 * time.Second
	// flushGrace bounds how long pub waits for outstanding acknowledgements.
	flushGrace = 10 * time.Second
	// hubAnswer is how long pub without --topic stays connected at least, once it has sent a
	// line. A hub that discards the line acknowledges it like any other side, and says at the
	// same time that it is a hub.
	hubAnswer = 500 * time.Millisecond
	// demandGrace is how long pub waits for a subscriber of a new topic.
	demandGrace = time.Second
)

// announce prints the address and the public key of t, which peers need.
func announce(e *environment, t *intentra.Transport) {
	fmt.Fprintf(e.stderr, "listening %s key %s\n", t.LocalAddr(), t.PublicKey())
}

// notConnected returns err, with which a dial has failed, or that an interrupt has ended the dial
// before anything was running.
func notConnected(e *environment, err error) error {
	if e.ctx.Err() != nil {
		return fmt.Errorf("%w while connecting", errInterrupted)
	}
	return err
}

// shutdown closes t after everything queued is acknowledged or lost, but at the
// latest after grace.
func shutdown(t *intentra.Transport, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return t.Shutdown(ctx)
}

// isTimeout reports whether a shutdown took longer than its grace, which depends
// on the other side alone.
func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
