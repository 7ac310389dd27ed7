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
)

// announce prints the address and the public key of t, which peers need.
func announce(e *environment, t *intentra.Transport) {
	fmt.Fprintf(e.stderr, "listening %s key %s\n", t.LocalAddr(), t.PublicKey())
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
