package fuzz

import (
	"bytes"

	"github.com/intentra/intentra/pipeline"
)

// leftover is a packet and its memory as they were when the stage had returned.
type leftover struct {
	*arena
	image []byte
	p     *pipeline.Packet // nil if it is reused
	state state
}

// state is the part of a Packet outside of its buffers.
type state struct {
	fields
	data, payload, reply int // lengths
}

func stateOf(p *pipeline.Packet) state {
	return state{fieldsOf(p), len(p.Data), len(p.Payload()), len(p.Reply)}
}

// checkLeftovers checks that the stage has not written to a packet later.
func (r *run) checkLeftovers() error {
	for _, l := range r.left {
		if !bytes.Equal(l.buf, l.image) || l.p != nil && stateOf(l.p) != l.state {
			return wrong("stage %q wrote to a packet after it had returned, when the memory may be that of another packet: copy what is to be kept (%s)",
				r.name, r.plan.describe(l.packet))
		}
	}
	return nil
}
