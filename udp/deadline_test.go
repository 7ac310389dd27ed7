package udp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// spy is a socket that remembers which deadline is in force.
type spy struct {
	deadline time.Time
	sets     int
	datagram bool // there is always one to read
	late     func()
}

func (s *spy) read(dst []wire.Datagram, block bool) (int, error) {
	if s.late != nil {
		s.late()
	}
	if s.datagram {
		return 1, nil
	}
	return 0, nil
}

func (s *spy) write(src []wire.Datagram) (int, error) { return len(src), nil }

func (s *spy) setReadDeadline(t time.Time) error {
	s.deadline = t
	s.sets++
	return nil
}

func (s *spy) close() error { return nil }

func (s *spy) backoff() time.Duration { return 0 }

func (s *spy) offload() Offload { return Offload{} }

// After whatever a Wake has done to the deadline, and when, the reader waits
// with its own again and not with an expired one, at which it would spin.
func TestDeadlineAfterWake(t *testing.T) {
	own := time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name  string
		event func(c *Conn, s *spy)
	}{
		{"wake, then a read that waits", func(c *Conn, s *spy) { c.Wake() }},
		{"wake, then a datagram", func(c *Conn, s *spy) { c.Wake(); s.datagram = true }},
		{"wake during a read", func(c *Conn, s *spy) { s.late = c.Wake }},
		{"wake during a read with a datagram", func(c *Conn, s *spy) { s.late = c.Wake; s.datagram = true }},
		// The goroutine of a Wake that has been answered already goes on.
		{"late second step", func(c *Conn, s *spy) { s.setReadDeadline(longAgo) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &spy{datagram: true}
			c := &Conn{sock: s, counters: new(counters)}
			dst := make([]wire.Datagram, 1)
			require.NoError(t, c.SetReadDeadline(own))
			_, err := c.ReadBatch(dst)
			require.NoError(t, err)

			s.datagram = false
			tt.event(c, s)
			_, err = c.ReadBatch(dst)
			require.NoError(t, err)

			var waits time.Time
			s.late = func() { waits = s.deadline }
			_, err = c.ReadBatch(dst)
			require.NoError(t, err)
			require.Equal(t, own, waits)
		})
	}
}

// A deadline that does not change is not set again.
func TestDeadlineUnchanged(t *testing.T) {
	s := &spy{datagram: true}
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
