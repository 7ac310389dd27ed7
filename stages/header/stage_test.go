package header

import (
	"bytes"
	"math"
	"net/netip"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

var (
	addr  = netip.MustParseAddrPort("192.0.2.1:1000")
	known = pipeline.EpochNotice{
		Peer: pipeline.MakeID(1, 1), Session: pipeline.MakeID(2, 1), Epoch: pipeline.MakeID(70, 3), Seq: 4,
	}
)

func newStage(cfg Config) *Stage {
	s := New(cfg)
	s.EpochOpened(known)
	return s
}

// build returns the header h followed by zeros, size bytes in total.
func build(h wire.Header, size int) []byte {
	return append(wire.AppendHeader(nil, h), make([]byte, size-wire.HeaderSize)...)
}

func dataPacket(receiver pipeline.ID, counter uint64) []byte {
	return build(wire.Header{Type: wire.TypeData, Receiver: uint32(receiver), Counter: counter}, wire.Overhead+10)
}

func process(s *Stage, data []byte) (*pipeline.Packet, pipeline.Verdict) {
	p := new(pipeline.Packet)
	p.Reset(data, addr, 0)
	v := s.Process(p)
	return p, v
}

func TestDataPacketOfLiveEpoch(t *testing.T) {
	for _, counter := range []uint64{0, 1, math.MaxUint64} {
		data := dataPacket(known.Epoch, counter)
		p, v := process(newStage(Config{}), bytes.Clone(data))
		require.Equal(t, pipeline.Accept, v)
		require.Equal(t, &pipeline.Packet{
			Data: data, Addr: addr,
			Peer: known.Peer, Session: known.Session, Epoch: known.Epoch, EpochSeq: known.Seq, Counter: counter,
		}, p)
		require.Nil(t, p.Payload())
	}
}

func TestDrops(t *testing.T) {
	change := func(b []byte, at int, to byte) []byte {
		b[at] = to
		return b
	}
	good := func() []byte { return dataPacket(known.Epoch, 1) }
	hello := build(wire.Header{Type: wire.TypeResponse, Suite: wire.AESGCM}, wire.ResponseSize)
	for _, c := range []struct {
		name string
		data []byte
		want pipeline.Verdict
	}{
		{"empty", nil, DropShort},
		{"half a header", good()[:8], DropShort},
		{"no room for a tag", good()[:wire.Overhead-1], DropShort},
		{"version 2", change(good(), 0, 0x21), DropVersion},
		{"type 0", change(good(), 0, 0x10), DropType},
		{"type 6", change(good(), 0, 0x16), DropType},
		{"flag set", change(good(), 1, 1), DropReserved},
		{"reserved set", change(good(), 3, 0x80), DropReserved},
		{"handshake too long", append(bytes.Clone(hello), 0), DropLength},
		{"index zero", dataPacket(0, 1), DropUnknownIndex},
		{"another number", dataPacket(pipeline.MakeID(71, 3), 1), DropUnknownIndex},
		{"an earlier generation", dataPacket(pipeline.MakeID(70, 2), 1), DropUnknownIndex},
		{"bits of the loop set", dataPacket(known.Epoch|1<<28, 1), DropUnknownIndex},
		{"handshake, Config.Handshake is nil", hello, DropHandshake},
	} {
		p, v := process(newStage(Config{}), c.data)
		require.Equal(t, c.want, v, c.name)
		require.Equal(t, &pipeline.Packet{Data: c.data, Addr: addr}, p, "%s: nothing is filled in", c.name)
	}
}

func TestTruncationsAndLengths(t *testing.T) {
	s := newStage(Config{})
	long := append(dataPacket(known.Epoch, 1), make([]byte, wire.MaxDatagram)...)
	for _, size := range []int{0, 1, 15, 16, 31, 32, 33, 1232, wire.MaxDatagram} {
		_, v := process(s, long[:size])
		require.Equal(t, size >= wire.Overhead, v == pipeline.Accept, "%d bytes", size)
		_, v = process(s, dataPacket(known.Epoch, 2))
		require.Equal(t, pipeline.Accept, v, "the next good packet")
	}
}

func TestHandshake(t *testing.T) {
	packets := map[wire.PacketType][]byte{
		wire.TypeInit:     build(wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 9}, wire.InitSize),
		wire.TypeResponse: build(wire.Header{Type: wire.TypeResponse, Suite: wire.ChaChaPoly, Receiver: 9}, wire.ResponseSize),
		wire.TypeFinal:    build(wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: 9}, wire.FinalSize),
		wire.TypeCookie:   build(wire.Header{Type: wire.TypeCookie, Suite: wire.AESGCM, Receiver: 9}, wire.CookiePacketSize),
	}
	for typ, data := range packets {
		for said, want := range map[pipeline.Verdict]pipeline.Verdict{
			pipeline.Consumed: pipeline.Consumed,
			pipeline.Drop:     DropHandshake,
			pipeline.Accept:   DropHandshake, // no handshake packet may reach AEAD open
			DropShort:         DropHandshake,
			99:                DropHandshake,
		} {
			var got []wire.Header
			s := newStage(Config{Handshake: func(p *pipeline.Packet, h wire.Header) pipeline.Verdict {
				require.Equal(t, addr, p.Addr)
				require.Equal(t, data, p.Data)
				got = append(got, h)
				return said
			}})
			_, v := process(s, data)
			require.Equal(t, want, v, "type %d, verdict %d", typ, said)
			require.Len(t, got, 1)
			require.Equal(t, data[:wire.HeaderSize], wire.AppendHeader(nil, got[0]))

			process(s, data[:len(data)-1])
			process(s, dataPacket(known.Epoch, 1))
			require.Len(t, got, 1, "only well-formed handshake packets are handed over")
		}
	}
}

func TestClosedEpochIsUnknown(t *testing.T) {
	s := newStage(Config{})
	s.EpochClosed(known)
	_, v := process(s, dataPacket(known.Epoch, 1))
	require.Equal(t, DropUnknownIndex, v)
}

func TestReasonsMatchTheConstants(t *testing.T) {
	require.Equal(t, []string{"short", "version", "type", "reserved", "length", "unknown_index", "handshake"}, new(Stage).Reasons())
	require.EqualValues(t, pipeline.DropFirst+6, DropHandshake)
}

func TestStageIsAGuard(t *testing.T) {
	_, err := pipeline.NewInbound(New(Config{})).Remove("header").Build()
	require.ErrorIs(t, err, pipeline.ErrUnguarded)
}

func TestProcessDoesNotAllocate(t *testing.T) {
	s := newStage(Config{Handshake: func(*pipeline.Packet, wire.Header) pipeline.Verdict { return pipeline.Consumed }})
	inputs := [][]byte{
		dataPacket(known.Epoch, 1), dataPacket(5, 1), []byte("garbage"),
		build(wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 9}, wire.InitSize),
	}
	var before [][]byte
	for _, b := range inputs {
		before = append(before, bytes.Clone(b))
	}
	p := new(pipeline.Packet)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for _, b := range inputs {
			p.Reset(b, addr, 0)
			s.Process(p)
		}
	}))
	require.Equal(t, before, inputs)
}

func BenchmarkProcess(b *testing.B) {
	b.ReportAllocs()
	s, p := newStage(Config{}), new(pipeline.Packet)
	p.Reset(dataPacket(known.Epoch, 1), addr, 0)
	for b.Loop() {
		s.Process(p)
	}
}

func TestWarm(t *testing.T) {
	s := newStage(Config{})
	require.EqualValues(t, known.Seq, s.Warm(known.Session, known.Epoch, 1))
	require.Zero(t, s.Warm(known.Session, known.Epoch+1, 1), "an unknown epoch")
}
