package pack

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The stage's drops, in the order of Reasons.
const (
	DropIntent = pipeline.DropFirst + iota
)

// Stage is the stage "pack", the [pipeline.Packer] of an outbound chain. It
// has no state.
type Stage struct {
	_ byte // so that each New returns another pointer
}

var (
	_ pipeline.Stage  = (*Stage)(nil)
	_ pipeline.Packer = (*Stage)(nil)
)

// New returns the stage.
func New() *Stage { return new(Stage) }

// Name returns "pack".
func (s *Stage) Name() string { return "pack" }

// Reasons names the drops.
func (s *Stage) Reasons() []string { return []string{"intent"} }

// Size returns the length of the frames that Process would append.
func (s *Stage) Size(p *pipeline.Packet) int {
	if p.Origin != 0 {
		return wire.OriginSize(p.Within) + wire.MessageSize(FrameType(p.Intent), p.Channel, len(p.Payload()))
	}
	return wire.MessageSize(FrameType(p.Intent), p.Channel, len(p.Payload()))
}

// Process appends the current message to p.Data, after an Origin frame if it has an origin.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	if p.Origin != 0 && (p.Intent == pipeline.Realtime || p.Intent == pipeline.Latest || p.Intent == pipeline.Reliable) {
		p.Data = wire.AppendOrigin(p.Data, p.Origin, p.Within)
	}
	switch p.Intent {
	case pipeline.Realtime, pipeline.Latest:
		p.Data = wire.AppendMessage(p.Data, FrameType(p.Intent), p.Channel, p.Payload())
	case pipeline.Reliable:
		p.Data = wire.AppendReliable(p.Data, p.Channel, p.Sequence, p.Distance, p.Payload())
	default:
		return DropIntent
	}
	return pipeline.Accept
}

// FrameType returns the frame type that carries messages of intent i. The
// numbers are the same by design; docs/PROTOCOL.md lists them.
func FrameType(i pipeline.Intent) wire.FrameType { return wire.FrameType(i) }
