package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// faultRepeat is how often errors of one kind of an embedded server are logged; we chose it.
const faultRepeat = time.Minute

// serverFaults is the logger of an embedded NATS server. It keeps the error with which the
// server has failed to start. Errors that an operator can repair are counted and go to log,
// at most one of each kind per faultRepeat, with what to do. The zero value logs nothing.
type serverFaults struct {
	log     *slog.Logger // nil: none
	now     func() time.Duration
	fatal   atomic.Pointer[string]
	started atomic.Bool
	ended   atomic.Bool // the server is being shut down: its errors are a consequence

	mu     sync.Mutex
	count  uint64
	latest string
	kinds  [len(faultKinds)]struct {
		next    time.Duration // when the next error is logged
		skipped int           // since the last one that was
	}
}

var _ server.Logger = (*serverFaults)(nil)

// faultKind is a kind of errors of the server, of which one part of the text is known.
type faultKind struct {
	parts  []string
	level  slog.Level
	text   string
	advice string
	calm   bool // it is expected while hubs start, and not counted
}

// faultKinds are in the order in which they are tried; the last one has any text.
var faultKinds = [...]faultKind{{
	parts: []string{"TLS route handshake error"}, level: slog.LevelWarn,
	text:   "this hub's NATS server and that of another hub do not accept each other's certificates",
	advice: "check --cert, --cert-key and --ca of both hubs: the authority, the end of the certificates, and that they have the names in --routes; see docs/FLEET.md",
}, {
	parts: []string{"cluster name"}, level: slog.LevelWarn,
	text:   "the NATS server of another fleet connects to this one",
	advice: "give all hubs of a fleet the same --fleet, and --routes of this fleet alone",
}, {
	parts: []string{"out of space", "no space left", "resources, will be DISABLED", "critical write error", "permission denied", "failed to store"},
	level: slog.LevelError,
	text:  "this hub's NATS server cannot write to its store", advice: "make room or repair the folder of --store, then start the hub again; see docs/FLEET.md",
}, {
	parts: []string{"trying to connect to route"}, level: slog.LevelInfo, calm: true,
	text: "the NATS server of another hub cannot be reached", advice: "nothing while that hub is not running; otherwise check --routes and its --cluster",
}, {
	parts: []string{""}, level: slog.LevelWarn,
	text: "this hub's NATS server reports an error", advice: "see docs/FLEET.md",
}}

// Fatalf keeps the first fatal error, and reports each. The server does not end the process.
func (f *serverFaults) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if f.fatal.CompareAndSwap(nil, &text) && !f.started.Load() {
		return // Open returns it
	}
	f.report(text)
}

// Errorf reports an error.
func (f *serverFaults) Errorf(format string, args ...any) { f.report(fmt.Sprintf(format, args...)) }

// Warnf discards a warning.
func (*serverFaults) Warnf(string, ...any) {}

// Noticef discards a notice.
func (*serverFaults) Noticef(string, ...any) {}

// Debugf discards a message.
func (*serverFaults) Debugf(string, ...any) {}

// Tracef discards a message.
func (*serverFaults) Tracef(string, ...any) {}

// report counts an error, and logs it if it is time for one of its kind.
func (f *serverFaults) report(text string) {
	if f.log == nil || f.ended.Load() {
		return
	}
	i := kindOf(text)
	kind, now := &faultKinds[i], f.now()
	f.mu.Lock()
	if !kind.calm {
		f.count++
		f.latest = text
	}
	state := &f.kinds[i]
	due := now >= state.next
	skipped := state.skipped
	if due {
		state.next, state.skipped = now+faultRepeat, 0
	} else {
		state.skipped++
	}
	f.mu.Unlock()
	if due {
		f.log.Log(context.Background(), kind.level, kind.text, "err", text, "more", skipped, "advice", kind.advice)
	}
}

// kindOf returns the index of the kind of an error.
func kindOf(text string) int {
	for i, kind := range faultKinds {
		for _, part := range kind.parts {
			if strings.Contains(text, part) {
				return i
			}
		}
	}
	return len(faultKinds) - 1
}

// sum returns how many errors there were, and the latest.
func (f *serverFaults) sum() (count uint64, latest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count, f.latest
}

// await waits until s accepts connections, and returns an error if it fails, or needs
// more than readyAfter.
func (f *serverFaults) await(s *server.Server) error {
	for end := time.Now().Add(readyAfter); ; {
		ready := s.ReadyForConnections(readyPoll)
		switch fatal := f.fatal.Load(); {
		case fatal != nil:
			return fmt.Errorf("node: the embedded NATS server has not started: %s", *fatal)
		case ready:
			f.started.Store(true)
			return nil
		case time.Now().After(end):
			return errors.New("node: the embedded NATS server has not started in time")
		}
	}
}
