package replay

import (
	"crypto/cipher"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/journal"
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

// sent has the ack stage know of a packet that we have sent. What is not in the
// capture, or was left out on purpose, counts as sent as well: it may be either.
func (p *plain) sent(packet *journal.Packet, now pipeline.Time) {
	h, fault := wire.ParseHeader(packet.Data)
	s, known := p.sendings[h.Receiver]
	if fault != wire.FaultNone || h.Type != wire.TypeData || !known {
		return
	}
	header, sealed := packet.Data[:wire.HeaderSize], packet.Data[wire.HeaderSize:]
	frames, err := s.cipher.Open(nil, noise.AppendNonce(nil, s.suite, h.Counter), sealed, header)
	tracker := p.set.Ack.Tracker(s.session, s.epoch)
	if err != nil || tracker == nil {
		return
	}
	for tracker.Next() <= h.Counter {
		tracker.Sent(now, 0, tracker.Next() == h.Counter, new(ack.Outcome))
	}
	for len(frames) > 0 {
		var f wire.Frame
		n := f.Parse(frames)
		if n <= 0 {
			return
		}
		if f.Type == wire.FrameReliable && f.Seq >= p.reliable[s.session] {
			p.reliable[s.session] = f.Seq + 1
			p.set.Ack.SetReliableSent(s.session, f.Seq+1)
		}
		frames = frames[n:]
	}
}
