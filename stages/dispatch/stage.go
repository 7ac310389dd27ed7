package dispatch

import "github.com/intentra/intentra/pipeline"

// The stage's drops, in the order of Reasons.
const (
	DropStale = pipeline.DropFirst + iota
	DropRefused
)

// Config configures a [Stage]. The zero Config works, and refuses everything.
type Config struct {
	// Deliver is called with each message: p.Channel, p.Intent and p.Payload(),
	// which is valid until it returns. It reports whether it has taken the message.
	Deliver func(p *pipeline.Packet) bool `json:"-"`
	// Channels is how many Latest channels of a session are remembered; zero
	// means [DefaultChannels].
	Channels int
}

// Stage delivers messages. It belongs to its chain's goroutine.
type Stage struct {
	cfg    Config
	latest pipeline.Slots[Newest]
}

var (
	_ pipeline.Stage           = (*Stage)(nil)
	_ pipeline.SessionObserver = (*Stage)(nil)
)

// New returns a stage that delivers to cfg.Deliver, or refuses everything
// without one.
func New(cfg Config) *Stage {
	if cfg.Channels <= 0 {
		cfg.Channels = DefaultChannels
	}
	return &Stage{cfg: cfg}
}

// Name returns "dispatch".
func (s *Stage) Name() string { return "dispatch" }

// Reasons names the drops.
func (s *Stage) Reasons() []string { return []string{"stale", "refused"} }

// SessionOpened creates the session's table of channels. The chain calls it.
func (s *Stage) SessionOpened(n pipeline.SessionNotice) {
	*s.latest.Open(n.Session) = NewNewest(s.cfg.Channels)
}

// SessionClosed deletes the session's table of channels. The chain calls it.
func (s *Stage) SessionClosed(n pipeline.SessionNotice) { s.latest.Close(n.Session) }

// Process delivers the current message.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	if p.Intent == pipeline.Latest {
		// A session's packets are ordered by epoch, then by counter, which is
		// below 2^28 in each epoch. Latest needs no number of its own.
		order := uint64(p.EpochSeq)<<32 | p.Counter&(1<<32-1)
		if t := s.latest.Get(p.Session); t == nil || !t.Accept(p.Channel, order) {
			return DropStale
		}
	}
	if s.cfg.Deliver == nil || !s.cfg.Deliver(p) {
		return DropRefused
	}
	return pipeline.Accept
}
