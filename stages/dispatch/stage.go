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
		if t := s.latest.Get(p.Session); t == nil || !newer(t, p) {
			return DropStale
		}
	}
	if s.cfg.Deliver == nil || !s.cfg.Deliver(p) {
		return DropRefused
	}
	return pipeline.Accept
}

// newer reports whether the current message is not older than the newest of its channel.
//
// A session's packets are ordered by epoch, then by counter, which is below 2^28 in each
// epoch. Latest needs no number of its own. A message in fragments precedes all others of
// the channel in the packet in which it began, and is delivered only once: a late copy of
// a fragment may have begun it again.
func newer(t *Newest, p *pipeline.Packet) bool {
	if p.Began != 0 {
		return t.AcceptOnce(p.Channel, place(p.Began))
	}
	return t.Accept(p.Channel, place(uint64(p.EpochSeq)<<32|(p.Counter+1)&(1<<32-1))+1)
}

// place makes room in the order of packets, whose lower half is the counter plus one, for
// two places in each packet.
func place(packet uint64) uint64 { return packet + packet&(1<<32-1) }
