package ratelimit

import (
	"math"

	"github.com/intentra/intentra/pipeline"
)

// What the protocol fixes: the least bursts that a sender may rely on, in messages and
// in bytes (docs/PROTOCOL.md, section 10).
const (
	LeastMessageBurst = 64
	LeastByteBurst    = 64 << 10
)

// allowance limits the packets of a peer and what they contain. The zero allowance is
// full.
//
// The content of a packet is known once it has been decrypted. So a packet passes while
// no bucket is empty, and may leave a deficit in those of messages and bytes.
type allowance struct {
	packets Bucket
	volume  *volume // nil, which means full, before the first message
}

type volume struct{ messages, bytes Bucket }

// ready returns Accept, or the drop for a packet that exceeds a limit. It takes nothing.
func (a *allowance) ready(now pipeline.Time, c *Config) pipeline.Verdict {
	v := a.volume
	switch {
	case !a.packets.Ready(now, c.Rate, c.Burst):
		return DropPeerRate
	case v == nil:
	case !v.messages.Ready(now, c.MessageRate, c.messageBurst):
		return DropMessageRate
	case !v.bytes.Ready(now, c.ByteRate, c.byteBurst):
		return DropByteRate
	}
	return pipeline.Accept
}

// charge charges a packet with its messages and their bytes, after ready has
// returned Accept.
func (a *allowance) charge(now pipeline.Time, messages, bytes uint32) {
	a.packets.Charge()
	if messages == 0 {
		return
	}
	if a.volume == nil {
		a.volume = &volume{Bucket{at: now}, Bucket{at: now}}
	}
	a.volume.messages.ChargeN(messages)
	a.volume.bytes.ChargeN(bytes)
}

// raised returns the default of a limit: as much for each packet as in the defaults, if
// the rate of packets is higher than theirs.
func raised(standard, rate uint32) uint32 {
	return uint32(min(uint64(standard)*uint64(max(rate, DefaultRate))/DefaultRate, math.MaxUint32))
}

// burst returns the burst of messages or bytes for their rate: it lasts as long as that
// of the packets.
func (c *Config) burst(rate, least uint32) uint32 {
	return uint32(min(max(uint64(rate)*uint64(c.Burst)/uint64(c.Rate), uint64(least)), math.MaxUint32))
}
