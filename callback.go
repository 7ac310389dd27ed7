package intentra

import (
	"fmt"
	"runtime"
	"sync/atomic"
)

// loopEntry and workerEntry are the entry points of run and runWorker, once they have
// run.
var loopEntry, workerEntry atomic.Uintptr

// markEntry notes the entry point of the function that calls it.
func markEntry(at *atomic.Uintptr) {
	var pc [1]uintptr
	if at.Load() == 0 && runtime.Callers(2, pc[:]) == 1 {
		at.Store(runtime.FuncForPC(pc[0]).Entry())
	}
}

// inCallback reports whether the caller runs on the goroutine of an event loop or of a
// handshake worker, of any transport: in Handler, OnPeer, Authorize or a stage. Waiting
// for the loop there would never end, or would stop all peers.
//
// It searches the stack of the caller. A mark that the loop sets during a callback
// would not tell which goroutine asks, and would cost two atomic operations for each
// message. This costs a microsecond, in calls that wait anyway. A goroutine that a
// callback starts is not in the callback.
func inCallback() bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			f := runtime.FuncForPC(pc)
			if f == nil {
				continue
			}
			if at := f.Entry(); at == loopEntry.Load() || at == workerEntry.Load() {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// waits returns an [ErrInCallback] for a call that waits, if it is made in a callback.
func waits(call string) error {
	if inCallback() {
		return fmt.Errorf("%w: %s", ErrInCallback, call)
	}
	return nil
}
