package udp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// deadlineRecorder is a socket that records its read deadline.
type deadlineRecorder struct {
	deadline time.Time // the latest
	sets     int       // calls of setReadDeadline
	datagram bool      // each read returns a datagram
	onRead   func()    // called by each read; may be nil
}

func (s *deadlineRecorder) read(dst []wire.Datagram, block bool) (int, error) {
	if s.onRead != nil {
		s.onRead()
	}
	if s.datagram {
		return 1, nil
	}
	return 0, nil
}

func (s *deadlineRecorder) tooLarge() []int { return nil }

func (s *deadlineRecorder) write(src []wire.Datagram, _ bool) (int, error) { return len(src), nil }

func (s *deadlineRecorder) setReadDeadline(t time.Time) error {
	s.deadline = t
	s.sets++
	return nil
}

func (s *deadlineRecorder) close() error { return nil }

func (s *deadlineRecorder) backoff() time.Duration { return 0 }

func (s *deadlineRecorder) offload() Offload { return Offload{} }

// Whenever a Wake replaces the deadline, the reader soon waits with its own deadline
// again. With the expired one of the Wake it would spin.
func TestDeadlineAfterWake(t *testing.T) {
	own := time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name  string
		event func(c *Conn, s *deadlineRecorder)
	}{
		{"wake, then a read that waits", func(c *Conn, s *deadlineRecorder) { c.Wake() }},
		{"wake, then a datagram", func(c *Conn, s *deadlineRecorder) { c.Wake(); s.datagram = true }},
		{"wake during a read", func(c *Conn, s *deadlineRecorder) { s.onRead = c.Wake }},
		{"wake during a read with a datagram", func(c *Conn, s *deadlineRecorder) { s.onRead = c.Wake; s.datagram = true }},
		// A Wake sets its flag, the read answers it, and only then the Wake sets the
		// deadline.
		{"deadline of a wake that has been answered", func(c *Conn, s *deadlineRecorder) { s.setReadDeadline(longAgo) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &deadlineRecorder{datagram: true}
			c := &Conn{sock: s, counters: new(counters)}
			dst := make([]wire.Datagram, 1)
			require.NoError(t, c.SetReadDeadline(own))
			_, err := c.ReadBatch(dst)
			require.NoError(t, err)

			s.datagram = false
			tt.event(c, s)
			_, err = c.ReadBatch(dst)
			require.NoError(t, err)

			var during time.Time
			s.onRead = func() { during = s.deadline }
			_, err = c.ReadBatch(dst)
			require.NoError(t, err)
			require.Equal(t, own, during, "deadline during the read")
		})
	}
}

// A deadline that does not change is not set again.
func TestDeadlineUnchanged(t *testing.T) {
	s := &deadlineRecorder{datagram: true}
	c := &Conn{sock: s, counters: new(counters)}
	dst := make([]wire.Datagram, 1)
	own := time.Now().Add(time.Hour)
	for range 10 {
		require.NoError(t, c.SetReadDeadline(own))
		_, err := c.ReadBatch(dst)
		require.NoError(t, err)
	}
	require.Equal(t, 1, s.sets)
}
