package conn

import (
	"time"

	"github.com/intentra/intentra/pipeline"
)

// strikes remembers when a peer last broke the protocol. It belongs to the
// identity, so that reconnecting does not clear it. The zero value is ready.
type strikes struct {
	at []pipeline.Time // the latest, oldest first, at most the limit
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
