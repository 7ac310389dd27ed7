package fuzz

import (
	"bytes"

	"github.com/intentra/intentra/pipeline"
)

// leftover is a packet and its memory after the stage had returned.
type leftover struct {
	*arena
	image []byte
	p     *pipeline.Packet // nil if it is used again
	state state
}

// state is what can be changed of a Packet without a write into its memory.
type state struct {
	fields
	data, payload, reply int // lengths
}

func stateOf(p *pipeline.Packet) state {
	return state{fieldsOf(p), len(p.Data), len(p.Payload()), len(p.Reply)}
}

// checkLeftovers sees whether the stage has written into a packet later.
func (r *run) checkLeftovers() error {
	for _, l := range r.left {
		if !bytes.Equal(l.buf, l.image) || l.p != nil && stateOf(l.p) != l.state {
			return wrong("stage %q wrote into a packet after it had returned: the memory is that of another packet by then; copy what is to be kept (%s)",
				r.name, r.plan.describe(l.packet))
		}
	}
	return nil
}
