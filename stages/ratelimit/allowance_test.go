package ratelimit

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// contents replaces the stages that find out what a packet contains.
func contents(r *rig, messages, bytes uint32) {
	inner := r.stage
	fill := pipeline.Func("contents", nil, func(p *pipeline.Packet) pipeline.Verdict {
		p.Messages, p.MessageBytes = messages, bytes
		p.MarkFresh()
		return pipeline.Accept
	})
	chain, err := pipeline.NewInbound(inner, fill).Build()
	if err != nil {
		panic(err)
	}
	r.chain = chain
}

// Whatever its packets contain, a peer gets at most the burst and the rate, and one
// packet more: the one that takes the last of the bucket.
func TestWhatPacketsContainIsLimited(t *testing.T) {
	for _, c := range []struct {
		reason          string
		messages, bytes uint32
		rate            uint32 // per second, of packets with that much in them
		burst           uint32 // in packets
	}{
		{"message_rate", 400, 0, DefaultMessageRate / 400, DefaultMessageRate / 20 / 400},
		{"byte_rate", 1, 8 << 10, DefaultByteRate / (8 << 10), DefaultByteRate / 20 / (8 << 10)},
	} {
		t.Run(c.reason, func(t *testing.T) {
			r := newRig(t, Config{})
			contents(r, c.messages, c.bytes)
			var sent, passed uint32
			for now := pipeline.Time(0); now <= 2*second; now += second / 9500 {
				sent++
				if r.send(dataPacket(epochA, genuine), addrA, now) {
					passed++
				}
			}
			require.InDelta(t, c.burst+2*c.rate, passed, 2)
			require.EqualValues(t, sent-passed, r.drops("ratelimit", c.reason))
			require.True(t, r.send(dataPacket(epochB, genuine), addrB, 2*second), "another peer is not affected")
		})
	}
}

// Packets without messages are not charged, and a bucket that is not used is full.
func TestEmptyPacketsChargeNoMessages(t *testing.T) {
	cfg := withDefaults(Config{MessageRate: 1})
	var a allowance
	for range 400 {
		require.Equal(t, pipeline.Accept, a.ready(second, &cfg))
		a.charge(second, 0, 0)
	}
	require.Nil(t, a.volume)
	a.charge(second, LeastMessageBurst, 0)
	require.EqualValues(t, DropMessageRate, a.ready(second, &cfg))
	require.Equal(t, pipeline.Accept, a.ready(2*second, &cfg))
}

func TestBurstsFollowThePackets(t *testing.T) {
	for _, c := range []struct {
		cfg             Config
		messages, bytes uint32
	}{
		{Config{}, 16_000, 32 << 20 / 20},
		{Config{Rate: 100_000, Burst: 500}, 16_000, 32 << 20 / 20},
		{Config{Rate: 100, Burst: 1, MessageRate: 100, ByteRate: 1000}, LeastMessageBurst, LeastByteBurst},
		{Config{Rate: 1, Burst: math.MaxUint32, MessageRate: 2, ByteRate: 2}, math.MaxUint32, math.MaxUint32},
	} {
		got := withDefaults(c.cfg)
		require.Equal(t, c.messages, got.messageBurst, "%+v", c.cfg)
		require.Equal(t, c.bytes, got.byteBurst, "%+v", c.cfg)
	}
	require.EqualValues(t, 10*DefaultMessageRate, withDefaults(Config{Rate: 10 * DefaultRate}).MessageRate)
	require.EqualValues(t, uint32(math.MaxUint32), withDefaults(Config{Rate: math.MaxUint32}).ByteRate)
}

func TestChargeNSaturates(t *testing.T) {
	var b Bucket
	for range 5 {
		b.ChargeN(math.MaxUint32)
	}
	require.EqualValues(t, uint64(math.MaxUint64), b.missing)
	b.Charge()
	require.EqualValues(t, uint64(math.MaxUint64), b.missing)
}
