// Package callback tells whether a function runs in a callback of a transport. Waiting
// for the loop there would never end, or would stop all peers.
package callback

import (
	"runtime"
	"sync/atomic"
)

// Entry is the entry point of a function that calls callbacks.
type Entry struct{ at atomic.Uintptr }

// The entry points of the event loop and of the handshake worker, once they have run.
var Loop, Worker Entry

// Mark notes the entry point of the function that calls it.
func (e *Entry) Mark() {
	var pc [1]uintptr
	if e.at.Load() == 0 && runtime.Callers(2, pc[:]) == 1 {
		e.at.Store(runtime.FuncForPC(pc[0]).Entry())
	}
}

// Inside reports whether the caller runs on the goroutine of an event loop or of a
// handshake worker, of any transport: in Handler, OnPeer, Authorize or a stage.
//
// It searches the stack of the caller. A mark that the loop sets during a callback
// would not tell which goroutine asks, and would cost two atomic operations for each
// message. This costs a microsecond, in calls that wait anyway. A goroutine that a
// callback starts is not in the callback.
func Inside() bool {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			f := runtime.FuncForPC(pc)
			if f == nil {
				continue
			}
			if at := f.Entry(); at == Loop.at.Load() || at == Worker.at.Load() {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
