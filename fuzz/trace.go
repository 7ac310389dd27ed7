package fuzz

import (
	"bytes"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
)

// trace records what a run of a stage does.
type trace struct {
	name    string
	reasons []string
	seen    []observation
	final   []pipeline.Verdict // of each packet
	// tooLarge counts the messages for which a packer's Size exceeds the room.
	tooLarge int
	warming  bool // Warm is running
	prepared
}

// observation is the result of one call of the stage.
type observation struct {
	packet               *packet
	verdict              pipeline.Verdict
	data, payload, reply []byte
	fields               fields
}

func observationOf(k *packet, v pipeline.Verdict, p *pipeline.Packet) observation {
	return observation{k, v, bytes.Clone(p.Data), bytes.Clone(p.Payload()), bytes.Clone(p.Reply), fieldsOf(p)}
}

// fields are the comparable fields of a Packet.
type fields struct {
	Addr                                  netip.AddrPort
	Now                                   pipeline.Time
	Peer, Session, Epoch                  pipeline.ID
	EpochSeq                              uint32
	Counter                               uint64
	Channel                               uint32
	Intent                                pipeline.Intent
	Began, Sequence                       uint64
	Distance                              uint16
	Origin                                uint64
	Within                                uint32
	Messages, MessageBytes                uint32
	Opened, Fresh, Struck, Unacknowledged bool
	PayloadIsNil                          bool
}

func fieldsOf(p *pipeline.Packet) fields {
	return fields{
		p.Addr, p.Now, p.Peer, p.Session, p.Epoch, p.EpochSeq, p.Counter, p.Channel, p.Intent, p.Began, p.Sequence, p.Distance,
		p.Origin, p.Within, p.Messages, p.MessageBytes,
		p.Opened(), p.Fresh(), p.Struck(), p.Unacknowledged(), p.Payload() == nil,
	}
}

func (t *trace) declared(v pipeline.Verdict) bool {
	return v == pipeline.Accept || v == pipeline.Consumed || v >= pipeline.DropFirst && int(v-pipeline.DropFirst) < len(t.reasons)
}

// verdict returns a declared verdict in words.
func (t *trace) verdict(v pipeline.Verdict) string {
	switch v {
	case pipeline.Accept:
		return "accepted"
	case pipeline.Consumed:
		return "consumed"
	}
	return "dropped as " + t.reasons[v-pipeline.DropFirst]
}
