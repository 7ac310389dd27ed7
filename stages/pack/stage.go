package pack

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// DropIntent drops a message without a valid intent.
const DropIntent = pipeline.DropFirst

// Stage is the stage "pack", the [pipeline.Packer] of an outbound chain. It
// has no state.
type Stage struct{}

// New returns the stage.
func New() Stage { return Stage{} }

// Name returns "pack".
func (Stage) Name() string { return "pack" }

// Reasons names the drop.
func (Stage) Reasons() []string { return []string{"intent"} }

// Size returns the length of the frame that Process would append.
func (Stage) Size(p *pipeline.Packet) int {
	return wire.MessageSize(FrameType(p.Intent), p.Channel, len(p.Payload()))
}

// Process appends the message in hand to p.Data.
func (Stage) Process(p *pipeline.Packet) pipeline.Verdict {
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
