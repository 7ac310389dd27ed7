package ratelimit

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

var (
	peerA, peerB   = pipeline.MakeID(1, 1), pipeline.MakeID(2, 1)
	epochA, epochB = pipeline.MakeID(70, 3), pipeline.MakeID(71, 3)
	addrA          = netip.MustParseAddrPort("192.0.2.1:1000")
	addrB          = netip.MustParseAddrPort("192.0.2.2:1000")
)

func newStage(t testing.TB, cfg Config) *Stage {
	s, err := New(cfg)
	require.NoError(t, err)
	return s
}

// rig is a chain of the stage and a substitute for the stages up to the replay window:
// genuine packets become fresh, others are dropped.
type rig struct {
	stage *Stage
	chain *pipeline.Inbound
	p     pipeline.Packet
}

const genuine = 'g' // the last byte of a packet that would pass AEAD and window

func newRig(t testing.TB, cfg Config) *rig {
	r := &rig{stage: newStage(t, cfg)}
	judge := pipeline.Func("judge", []string{"forged"}, func(p *pipeline.Packet) pipeline.Verdict {
		_, receiver, _ := wire.Peek(p.Data)
		p.Epoch = pipeline.ID(receiver)
		if n := len(p.Data); n == 0 || p.Data[n-1] != genuine {
			return pipeline.DropFirst
		}
		p.MarkFresh()
		return pipeline.Accept
	})
	var err error
	r.chain, err = pipeline.NewInbound(r.stage, judge).Build()
	require.NoError(t, err)
	for peer, epoch := range map[pipeline.ID]pipeline.ID{peerA: epochA, peerB: epochB} {
		r.chain.OpenPeer(pipeline.PeerNotice{Peer: peer})
		r.chain.OpenEpoch(pipeline.EpochNotice{Peer: peer, Epoch: epoch})
	}
	return r
}

func (r *rig) send(data []byte, from netip.AddrPort, now pipeline.Time) bool {
	r.p.Reset(data, from, now)
	return r.chain.Process(&r.p) == pipeline.Accept
}

func (r *rig) drops(stage, reason string) uint64 {
	r.chain.Publish()
	for _, d := range r.chain.Counts().Drops {
		if d.Stage == stage && d.Reason == reason {
			return d.Packets
		}
	}
	return 0
}

func dataPacket(epoch pipeline.ID, last byte) []byte {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: uint32(epoch)})
	return append(b, append(make([]byte, wire.TagSize), last)...)
}

func initPacket() []byte {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 1})
	return append(b, make([]byte, wire.InitSize-wire.HeaderSize)...)
}

// 50,000 packets/s are limited to exactly 10,000/s with a burst of 500, without an
// effect on another peer (threat 14).
func TestPeerRate(t *testing.T) {
	r := newRig(t, Config{})
	flood, calm := dataPacket(epochA, genuine), dataPacket(epochB, genuine)
	var passed, last uint64
	for now := pipeline.Time(0); now < 10*second; now += second / 50_000 {
		if r.send(flood, addrA, now) {
			passed++
		}
		if now%(second/10_000) == 0 {
			require.True(t, r.send(calm, addrB, now))
		}
		last = uint64(now)
	}
	require.Equal(t, 500+10_000*last/uint64(second), passed)
	require.EqualValues(t, 100_499, passed)
	require.EqualValues(t, 500_000-passed, r.drops("ratelimit", "peer_rate"))
}

// Forgeries and replays with a peer's index, from its address or another, are not
// charged to it (threat 1).
func TestForgeriesAreChargedToNoPeer(t *testing.T) {
	r := newRig(t, Config{})
	for now := pipeline.Time(0); now < 2*second; now += second / 20_000 {
		require.False(t, r.send(dataPacket(epochA, 'f'), addrA, now))
		require.False(t, r.send(dataPacket(epochA, 'f'), addrB, now))
		if now%(second/10_000) == 0 {
			require.True(t, r.send(dataPacket(epochA, genuine), addrA, now))
		}
	}
	require.EqualValues(t, 80_000, r.drops("judge", "forged"))
}

// The bucket belongs to the peer: neither a new epoch nor a new session refills it.
func TestBucketSurvivesEpochs(t *testing.T) {
	r := newRig(t, Config{Burst: 3})
	for range 3 {
		require.True(t, r.send(dataPacket(epochA, genuine), addrA, 0))
	}
	next := pipeline.MakeID(80, 1)
	r.chain.OpenEpoch(pipeline.EpochNotice{Peer: peerA, Epoch: next, Seq: 1})
	require.False(t, r.send(dataPacket(next, genuine), addrA, 0))
	r.chain.CloseEpoch(pipeline.EpochNotice{Peer: peerA, Epoch: epochA})
	r.chain.CloseEpoch(pipeline.EpochNotice{Peer: peerA, Epoch: next})
	r.chain.OpenEpoch(pipeline.EpochNotice{Peer: peerA, Epoch: epochA})
	require.False(t, r.send(dataPacket(epochA, genuine), addrA, 0))
	require.EqualValues(t, 2, r.drops("ratelimit", "peer_rate"))

	r.chain.ClosePeer(pipeline.PeerNotice{Peer: peerA})
	require.True(t, r.send(dataPacket(epochA, genuine), addrA, 0), "an epoch of no peer is an address's business")
	require.NotZero(t, r.stage.others.Bucket(addrA.Addr()).missing)
	r.chain.OpenPeer(pipeline.PeerNotice{Peer: peerA})
	require.True(t, r.send(dataPacket(epochA, genuine), addrA, 0), "a forgotten peer starts with a full bucket")
}

func TestAddressBudgets(t *testing.T) {
	unknown := dataPacket(pipeline.MakeID(5, 5), genuine)
	short := initPacket()[:wire.InitSize-1]
	garbage := []byte("garbage")
	kinds := map[string][]byte{
		"unknown index": unknown, "earlier holder": dataPacket(pipeline.MakeID(70, 2), genuine),
		"malformed Init": short, "garbage": garbage, "empty": nil,
		"Response": wire.AppendHeader(nil, wire.Header{Type: wire.TypeResponse, Suite: wire.AESGCM}),
		"Final":    wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM}),
		"Cookie":   wire.AppendHeader(nil, wire.Header{Type: wire.TypeCookie, Suite: wire.AESGCM}),
	}
	process := func(s *Stage, data []byte, addr netip.AddrPort, now pipeline.Time) pipeline.Verdict {
		p := new(pipeline.Packet)
		p.Reset(data, addr, now)
		return s.Process(p)
	}
	for name, data := range kinds {
		t.Run(name, func(t *testing.T) {
			s := newRig(t, Config{AddressRate: 10, AddressBurst: 4}).stage
			for range 4 {
				require.Equal(t, pipeline.Accept, process(s, data, addrA, 0))
			}
			require.Equal(t, DropAddressRate, process(s, data, addrA, 0))
			require.Equal(t, DropAddressRate, process(s, unknown, addrA, 0), "one budget for all the rest")
			require.Equal(t, pipeline.Accept, process(s, data, addrB, 0), "another address")

			// The spoofed packets have not used up the victim's handshakes.
			for range 4 {
				require.Equal(t, pipeline.Accept, process(s, initPacket(), addrA, 0))
			}
			require.Equal(t, DropAddressRate, process(s, initPacket(), addrA, 0))
			require.Equal(t, pipeline.Accept, process(s, dataPacket(epochA, genuine), addrA, 0), "nor its session")

			require.Equal(t, pipeline.Accept, process(s, data, addrA, second/10))
			require.Equal(t, DropAddressRate, process(s, data, addrA, second/10))
		})
	}
}

// Packets that the chain's owner expects pass, however many others came in their
// address's name, and are not charged. Expected is called only with valid packets
// of the three types.
func TestExpectedPacketsAreNotCharged(t *testing.T) {
	packet := func(pt wire.PacketType, receiver uint32, size int) []byte {
		b := wire.AppendHeader(nil, wire.Header{Type: pt, Suite: wire.AESGCM, Receiver: receiver})
		return append(b, make([]byte, size-wire.HeaderSize)...)
	}
	const awaited, other = 7, 8
	var asked []wire.PacketType
	s := newRig(t, Config{AddressRate: 10, AddressBurst: 4, Expected: func(p *pipeline.Packet, h wire.Header) bool {
		asked = append(asked, h.Type)
		return h.Receiver == awaited && p.Addr == addrA
	}}).stage
	process := func(data []byte, from netip.AddrPort) pipeline.Verdict {
		p := new(pipeline.Packet)
		p.Reset(data, from, 0)
		return s.Process(p)
	}
	sound := map[wire.PacketType]int{
		wire.TypeResponse: wire.ResponseSize, wire.TypeFinal: wire.FinalSize, wire.TypeCookie: wire.CookiePacketSize,
	}
	for pt, size := range sound {
		for range 100 {
			require.Equal(t, pipeline.Accept, process(packet(pt, awaited, size), addrA))
		}
	}
	require.Zero(t, s.others.Bucket(addrA.Addr()).missing, "no bucket is charged")
	for range 4 {
		require.Equal(t, pipeline.Accept, process([]byte("garbage"), addrA))
	}
	for pt, size := range sound {
		require.Equal(t, pipeline.Accept, process(packet(pt, awaited, size), addrA))
		require.Equal(t, DropAddressRate, process(packet(pt, other, size), addrA))
		require.Equal(t, DropAddressRate, process(packet(pt, awaited, size), netip.AddrPortFrom(addrA.Addr(), 2)))
	}
	asked = nil
	for pt, size := range sound {
		require.Equal(t, DropAddressRate, process(packet(pt, awaited, size+1), addrA), "malformed")
	}
	require.Equal(t, DropAddressRate, process(dataPacket(awaited, genuine), addrA))
	require.Equal(t, pipeline.Accept, process(initPacket(), addrA), "has a budget of its own")
	require.Empty(t, asked)
}

func TestDefaults(t *testing.T) {
	s := newStage(t, Config{})
	require.Equal(t, Config{Rate: 10_000, Burst: 500, MessageRate: 320_000, ByteRate: 32 << 20, messageBurst: 16_000, byteBurst: 1_677_721, AddressRate: 2000, AddressBurst: 1000, TableSize: 4096}, s.cfg)
	for _, n := range []int{-1, 3, 4095, MaxTableSize * 2} {
		_, err := New(Config{TableSize: n})
		require.ErrorIs(t, err, ErrTableSize)
	}
}

func TestReasonsMatchTheConstants(t *testing.T) {
	names := new(Stage).Reasons()
	require.Equal(t, "peer_rate", names[DropPeerRate-pipeline.DropFirst])
	require.Equal(t, "address_rate", names[DropAddressRate-pipeline.DropFirst])
	require.Equal(t, "message_rate", names[DropMessageRate-pipeline.DropFirst])
	require.Equal(t, "byte_rate", names[DropByteRate-pipeline.DropFirst])
	require.Len(t, names, 4)
}

func TestProcessDoesNotAllocate(t *testing.T) {
	r := newRig(t, Config{})
	inputs := [][]byte{dataPacket(epochA, genuine), dataPacket(1, 0), initPacket(), []byte("garbage")}
	var before [][]byte
	for _, b := range inputs {
		before = append(before, bytes.Clone(b))
	}
	now := pipeline.Time(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now += second / 20_000
		for _, b := range inputs {
			r.send(b, addrA, now)
		}
	}))
	require.Equal(t, before, inputs)
}

func BenchmarkPeerPacket(b *testing.B) {
	b.ReportAllocs()
	s := newRig(b, Config{}).stage
	p := new(pipeline.Packet)
	p.Reset(dataPacket(epochA, genuine), addrA, 0)
	p.Epoch = epochA
	p.MarkFresh()
	for b.Loop() {
		p.Now += second / 10_000
		s.Settle(p, s.Process(p))
	}
}

func TestTableSizes(t *testing.T) {
	for _, n := range []int{1, 2, MaxTableSize / 2, MaxTableSize} {
		_, err := New(Config{TableSize: n})
		require.NoError(t, err, n)
	}
	for _, n := range []int{-1, 3, MaxTableSize - 1, MaxTableSize + 1, 2 * MaxTableSize} {
		_, err := New(Config{TableSize: n})
		require.ErrorIs(t, err, ErrTableSize, n)
	}
}

// Warm reads the bucket of a peer, and nothing for an unknown epoch. It charges no token.
func TestWarm(t *testing.T) {
	r := newRig(t, Config{})
	require.Zero(t, r.stage.Warm(0, pipeline.MakeID(70, 4), 1))
	require.Zero(t, r.stage.Warm(0, epochA, 1))
	r.stage.peers.Get(peerA).packets.Charge()
	for range 2 {
		require.EqualValues(t, token, r.stage.Warm(0, epochA, 1))
	}
	r.stage.peers.Get(peerA).charge(1, 3, 0)
	require.EqualValues(t, int64(5*token), r.stage.Warm(0, epochA, 1), "two packets and three messages")
	require.Zero(t, r.stage.Warm(0, epochB, 1))
}
