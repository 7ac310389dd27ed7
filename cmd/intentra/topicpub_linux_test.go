package main

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra"
)

// stop stops the process, and returns when none of its threads runs any more, which takes a while
// on a busy machine.
func (r *running) stop() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, r.cmd.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
	}
	require.NoError(r.t, err)
}

// If the hub stalls, pub waits until it has the newest value, and fails without it.
func TestStalledHubGetsNewestValue(t *testing.T) {
	t.Parallel()
	for name, goesOn := range map[string]bool{"goes on": true, "stays away": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, sub, p, link := newSite(t).topicTo(t, intentra.Latest)
			h.stop()
			p.line(t, "final")
			if !goesOn {
				require.ErrorContains(t, p.finish(link, time.Millisecond), "newest value")
				require.EqualValues(t, 1, p.summary().Lost)
				return
			}
			finished := make(chan error)
			go func() { finished <- p.finish(link, patience) }()
			h.signal(syscall.SIGCONT)
			require.NoError(t, <-finished)
			require.Zero(t, p.summary().Lost)
			sub.stdout.line(t, "final")
		})
	}
}
