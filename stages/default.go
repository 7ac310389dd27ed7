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

// Config contains the configurations of all stages. Every zero value works, but
// Cookie.Rand is required.
type Config struct {
	Cookie    cookie.Config
	RateLimit ratelimit.Config
	Header    header.Config
	Replay    replay.Config
	Ack       ack.Config
	Dispatch  dispatch.Config
}

// Set contains the default chains, not yet built, and those of their stages that the
// protocol core calls.
type Set struct {
	// Builder builds the inbound chain, so that a Set can be used like it:
	//
	//	set, err := stages.Default(cfg)
	//	chain, err := set.InsertAfter("ack", geofence).Build()
	*pipeline.Builder[pipeline.Inbound]
	// Outbound builds the outbound chain.
	Outbound *pipeline.Builder[pipeline.Outbound]

	Cookie *cookie.Stage
	Open   *aead.Stage
	Seal   *aead.Seal
	Ack    *ack.Stage
}

// Default returns the default chains. It returns the error of a stage that refuses its
// configuration.
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
		Open:   aead.New(),
		Seal:   aead.NewSeal(),
		Ack:    ack.New(cfg.Ack),
	}
	s.Builder = pipeline.NewInbound(
		s.Cookie,
		limit,
		header.New(cfg.Header),
		s.Open,
		window,
		s.Ack,
		dispatch.New(cfg.Dispatch),
	)
	s.Outbound = pipeline.NewOutbound(pack.New(), ack.NewAttach(s.Ack), s.Seal)
	return s, nil
}
