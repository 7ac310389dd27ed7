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
	//	chain, err := stages.Default(cfg).InsertAfter("ack", geofence).Build()
	*pipeline.Builder
	// Outbound makes the outbound chain.
	Outbound *pipeline.Builder

	Cookie *cookie.Stage
	Open   *aead.Open
	Seal   *aead.Seal
	Ack    *ack.Stage
}

// Default returns the chains that every endpoint has unless told otherwise.
func Default(cfg Config) *Set {
	s := &Set{
		Cookie: cookie.New(cfg.Cookie),
		Open:   aead.NewOpen(),
		Seal:   aead.NewSeal(),
		Ack:    ack.New(cfg.Ack),
	}
	s.Builder = pipeline.NewInbound(
		s.Cookie,
		ratelimit.New(cfg.RateLimit),
		header.New(cfg.Header),
		s.Open,
		replay.New(cfg.Replay),
		s.Ack,
		dispatch.New(cfg.Dispatch),
	)
	s.Outbound = pipeline.NewOutbound(pack.New(), ack.NewAttach(s.Ack), s.Seal)
	return s
}
