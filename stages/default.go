package stages

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/stages/dispatch"
	"github.com/intentra/intentra/stages/header"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/stages/ratelimit"
	"github.com/intentra/intentra/stages/replay"
)

// Config holds the configurations of all stages. Every zero value works.
type Config struct {
	Cookie    cookie.Config
	RateLimit ratelimit.Config
	Header    header.Config
	Replay    replay.Config
	Ack       ack.Config
	Dispatch  dispatch.Config
}

// Set is the default chains, not yet built, and those of their stages that
// the protocol core talks to.
type Set struct {
	// Builder makes the inbound chain, so a Set can be used like it:
	//
	//	set, err := stages.Default(cfg)
	//	chain, err := set.InsertAfter("ack", geofence).Build()
	*pipeline.Builder[pipeline.Inbound]
	// Outbound makes the outbound chain.
	Outbound *pipeline.Builder[pipeline.Outbound]

	Cookie *cookie.Stage
	Open   *aead.Open
	Seal   *aead.Seal
	Ack    *ack.Stage

	limit  *ratelimit.Stage
	header *header.Stage
	window *replay.Stage
}

// Warm reads some of what the stages keep for an epoch, whose next packet is
// expected to have about the given counter, and returns a number that depends
// on it. It is for a driver that knows which packets come next; see
// conn.Endpoint.Warm.
func (s *Set) Warm(session, epoch pipeline.ID, counter uint64) uint64 {
	return s.limit.Warm(epoch) + s.header.Warm(epoch) + s.Open.Warm(epoch) + s.window.Warm(epoch, counter) +
		s.Ack.Warm(session, epoch)
}

// WarmOutbound is Warm for a packet that is to be sent.
func (s *Set) WarmOutbound(session, epoch pipeline.ID) uint64 {
	return s.Seal.Warm(epoch) + s.Ack.WarmOutbound(session, epoch)
}

// Default returns the chains that every endpoint has unless told otherwise.
// It fails if a stage refuses its configuration.
func Default(cfg Config) (*Set, error) {
	window, err := replay.New(cfg.Replay)
	if err != nil {
		return nil, err
	}
	jar, err := cookie.New(cfg.Cookie)
	if err != nil {
		return nil, err
	}
	limit, err := ratelimit.New(cfg.RateLimit)
	if err != nil {
		return nil, err
	}
	s := &Set{
		Cookie: jar,
		Open:   aead.NewOpen(),
		Seal:   aead.NewSeal(),
		Ack:    ack.New(cfg.Ack),
		limit:  limit,
		header: header.New(cfg.Header),
		window: window,
	}
	s.Builder = pipeline.NewInbound(
		s.Cookie,
		s.limit,
		s.header,
		s.Open,
		s.window,
		s.Ack,
		dispatch.New(cfg.Dispatch),
	)
	s.Outbound = pipeline.NewOutbound(pack.New(), ack.NewAttach(s.Ack), s.Seal)
	return s, nil
}
