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

// sending is the sending direction of an epoch. The ack stage must know which
// packets were sent, since it checks what the peer acknowledges.
type sending struct {
	suite          wire.Suite
	cipher         cipher.AEAD
	session, epoch pipeline.ID
}

// sent enters a packet that our side has sent into the ack stage, and reports
// whether it is one. Lower counters that are not in the capture count as sent as
// well: whether they were skipped on purpose or missed by the capture is unknown.
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
		return true // above what any transport sends, so it is never acknowledged
	}
	if tracker := p.set.Ack.Tracker(s.session, s.epoch); tracker != nil && tracker.Next() <= h.Counter {
		var o ack.Outcome
		tracker.SentBelow(h.Counter, now, &o)
		tracker.Sent(now, 0, 0, true, &o)
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

// unseal opens a packet that our side has sealed. Several peers may have chosen the
// same receiver index, so it tries the epoch of each, the latest first.
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
