package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// noticeable is how long a command may take to end before it says why.
const noticeable = time.Second

// errLate is the cause of a context of extend.
var errLate = errors.New("the time is over")

// extend returns a context that ends the given time after ctx, with errLate, or
// when stop is called.
func extend(ctx context.Context, by time.Duration) (extended context.Context, stop func()) {
	extended, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unregister := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(by, func() { cancel(errLate) })
		context.AfterFunc(extended, func() { timer.Stop() })
	})
	return extended, func() {
		unregister()
		cancel(nil)
	}
}

// explainDelay says what the command waits for, if it has not called stop a moment
// after the end of ctx, which is the end of its input or an interrupt.
func (e *environment) explainDelay(ctx context.Context, what string, limit time.Duration) (stop func()) {
	late, end := extend(ctx, noticeable)
	unregister := context.AfterFunc(late, func() {
		if !errors.Is(context.Cause(late), errLate) {
			return
		}
		interrupts := "another interrupt ends"
		if e.ctx.Err() == nil {
			interrupts = "two interrupts end"
		}
		fmt.Fprintf(e.stderr, "waiting up to %v %s; %s the command at once\n", limit, what, interrupts)
	})
	return func() {
		unregister()
		end()
	}
}
