package replay

import (
	"crypto/cipher"
	"slices"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// sending is the other direction of an epoch: what our side has sent, which the
// peer acknowledges.
type sending struct {
	suite          wire.Suite
	cipher         cipher.AEAD
	session, epoch pipeline.ID
}

// sent has the ack stage know of a packet that we have sent, and reports whether it
// is one. What is not in the capture, or was left out on purpose, counts as sent as
// well: it may be either.
func (p *plain) sent(packet *journal.Packet, now pipeline.Time) bool {
	h, fault := wire.ParseHeader(packet.Data)
	if fault != wire.FaultNone || h.Type != wire.TypeData {
		return false
	}
	s, frames, ok := p.unseal(h, packet.Data)
	if !ok {
		return false
	}
	if h.Counter >= conn.HardPackets {
		return true // sealed with our key, but by no transport: nobody acknowledges it
	}
	if tracker := p.set.Ack.Tracker(s.session, s.epoch); tracker != nil && tracker.Next() <= h.Counter {
		var o ack.Outcome
		tracker.SentBelow(h.Counter, now, &o)
		tracker.Sent(now, 0, true, &o)
	}
	for len(frames) > 0 {
		var f wire.Frame
		n := f.Parse(frames)
		if n <= 0 {
			break
		}
		if f.Type == wire.FrameReliable && f.Seq >= p.reliable[s.session] {
			p.reliable[s.session] = f.Seq + 1
			p.set.Ack.SetReliableSent(s.session, f.Seq+1)
		}
		frames = frames[n:]
	}
	return true
}

// unseal finds out which of the epochs whose peers have chosen the same index has
// sealed a packet: the one that opens it. The latest comes first.
func (p *plain) unseal(h wire.Header, data []byte) (s sending, frames []byte, ok bool) {
	header, sealed := data[:wire.HeaderSize], data[wire.HeaderSize:]
	for _, s := range slices.Backward(p.sendings[h.Receiver]) {
		frames, err := s.cipher.Open(nil, noise.AppendNonce(nil, s.suite, h.Counter), sealed, header)
		if err == nil {
			return s, frames, true
		}
	}
	return sending{}, nil, false
}
