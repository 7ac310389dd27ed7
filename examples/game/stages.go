package main

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// Channels.
const (
	inputs    = 1 // to the server
	snapshots = 2 // to a player
	standings = 3 // to a player
)

// The verdicts of the stages.
const (
	dropMalformed = pipeline.DropFirst
	dropNoBase    = pipeline.DropFirst + 1
)

// delta is the server's outbound stage: it replaces each snapshot by its difference from
// the newest one that the player is known to have. It runs when a snapshot enters a
// packet, so those that newer ones have displaced cost nothing.
type delta struct {
	pipeline.PerSession[sent]
	out         []byte
	read, wrote atomic.Uint64 // payload bytes
}

// sent is what the server remembers of a session.
type sent struct {
	history
	acked uint32 // the newest snapshot that the player has; 0: none
}

// Name returns the stage's name, which appears in metrics.
func (*delta) Name() string { return "delta" }

// Reasons names the reasons for drops.
func (*delta) Reasons() []string { return []string{"malformed"} }

// MaxGrowth returns the largest number of bytes that the stage adds to a message: an
// entity without a base takes at most a byte more than in a full snapshot.
func (*delta) MaxGrowth() int { return visible }

// Process replaces the payload.
func (d *delta) Process(p *pipeline.Packet) pipeline.Verdict {
	state := d.State(p)
	if p.Channel != snapshots || state == nil {
		return pipeline.Accept
	}
	var s snapshot
	if !parseFull(p.Payload(), &s) || len(s.entities) > 255 {
		return dropMalformed
	}
	var base *snapshot
	if state.acked != 0 && s.number-state.acked < uint32(len(state.ring)) && state.acked < s.number {
		base = state.find(state.acked)
	}
	d.read.Add(uint64(len(p.Payload())))
	d.out = s.appendDelta(d.out[:0], base)
	d.wrote.Add(uint64(len(d.out)))
	*state.slot(s.number) = s
	p.SetPayload(d.out)
	return pipeline.Accept
}

// acks is the server's inbound stage: it notes which snapshot a player has, which each
// input begins with.
type acks struct{ of *delta }

// Name returns the stage's name, which appears in metrics.
func (acks) Name() string { return "acks" }

// Reasons names the reasons for drops.
func (acks) Reasons() []string { return []string{"malformed"} }

// Process reads the payload and leaves it as it is.
func (a acks) Process(p *pipeline.Packet) pipeline.Verdict {
	if p.Channel != inputs {
		return pipeline.Accept
	}
	if len(p.Payload()) != inputSize {
		return dropMalformed
	}
	if state := a.of.State(p); state != nil {
		state.acked = max(state.acked, binary.BigEndian.Uint32(p.Payload()))
	}
	return pipeline.Accept
}

// undelta is the player's inbound stage, the reverse of delta.
type undelta struct {
	pipeline.PerSession[history]
	out []byte
}

// Name returns the stage's name, which appears in metrics.
func (*undelta) Name() string { return "undelta" }

// Reasons names the reasons for drops.
func (*undelta) Reasons() []string { return []string{"malformed", "no_base"} }

// Process replaces the payload with the whole snapshot.
func (u *undelta) Process(p *pipeline.Packet) pipeline.Verdict {
	state := u.State(p)
	if p.Channel != snapshots || state == nil {
		return pipeline.Accept
	}
	verdict := dropMalformed
	var s snapshot
	ok := parseDelta(p.Payload(), &s, func(number uint32) *snapshot {
		base := state.find(number)
		if base == nil {
			verdict = dropNoBase
		}
		return base
	})
	if !ok {
		return verdict
	}
	*state.slot(s.number) = s
	u.out = s.appendFull(u.out[:0])
	p.SetPayload(u.out)
	return pipeline.Accept
}

// serverStages and playerStages are values for Config.Stages.
func serverStages(d *delta) func(*stages.Set) error {
	return func(s *stages.Set) error {
		s.Outbound.InsertBefore("pack", d)
		s.InsertAfter("ack", acks{d})
		return nil
	}
}

func playerStages(s *stages.Set) error {
	s.InsertAfter("ack", new(undelta))
	return nil
}
