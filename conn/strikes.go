package conn

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// strikes has the times of a peer's latest protocol violations. It belongs to the
// Peer and not to the session, so that reconnecting does not clear it. The zero
// value is ready to use.
type strikes struct {
	at []pipeline.Time // oldest first, at most the limit
}

// add records one violation and reports whether there have been limit of them
// within the window.
func (s *strikes) add(now pipeline.Time, limit int, window time.Duration) bool {
	if len(s.at) == limit {
		copy(s.at, s.at[1:])
		s.at = s.at[:limit-1]
	}
	s.at = append(s.at, now)
	return len(s.at) == limit && now-s.at[0] <= pipeline.Time(window)
}
