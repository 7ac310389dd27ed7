package header

import (
	"bytes"
	"testing"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// FuzzStage: the attacker sends any bytes. The stage returns a declared verdict and
// leaves the bytes unchanged. It accepts only Data packets of the live epoch, in the
// one encoding of their header, and passes only handshake packets to Handshake.
func FuzzStage(f *testing.F) {
	f.Add([]byte{})
	f.Add(dataPacket(known.Epoch, 1<<63))
	f.Add(dataPacket(known.Epoch+1, 1))
	f.Add(build(wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 9}, wire.InitSize))
	f.Add(build(wire.Header{Type: wire.TypeResponse, Suite: wire.ChaChaPoly, Receiver: 9}, wire.ResponseSize))
	f.Add(build(wire.Header{Type: wire.TypeFinal, Suite: 3, Receiver: 9}, wire.FinalSize))
	f.Add(build(wire.Header{Type: wire.TypeCookie, Suite: wire.AESGCM, Counter: 1}, wire.CookiePacketSize))
	f.Fuzz(func(t *testing.T, data []byte) {
		before, handed := bytes.Clone(data), 0
		s := newStage(Config{Handshake: func(p *pipeline.Packet, h wire.Header) pipeline.Verdict {
			handed++
			require.NotEqual(t, wire.TypeData, h.Type)
			require.Equal(t, before[:wire.HeaderSize], wire.AppendHeader(nil, h))
			return pipeline.Consumed
		}})
		p, v := process(s, data)
		require.Equal(t, before, data)
		require.Equal(t, v == pipeline.Consumed, handed == 1)
		switch {
		case v == pipeline.Accept:
			require.GreaterOrEqual(t, len(data), wire.Overhead)
			require.Equal(t, known.Epoch, p.Epoch)
			h := wire.Header{Type: wire.TypeData, Receiver: uint32(p.Epoch), Counter: p.Counter}
			require.Equal(t, before[:wire.HeaderSize], wire.AppendHeader(nil, h))
			return
		case v.Dropped():
			require.GreaterOrEqual(t, v, DropShort)
			require.Less(t, v, DropHandshake)
		default:
			require.Equal(t, pipeline.Consumed, v)
		}
		require.Zero(t, p.Peer|p.Session|p.Epoch, "only an accepted packet is filled in")
	})
}

// FuzzStageLaws holds the stage to the laws of package fuzz, with a Handshake that takes
// packets as a listener does.
func FuzzStageLaws(f *testing.F) {
	taken := func(_ *pipeline.Packet, h wire.Header) pipeline.Verdict {
		if h.Type == wire.TypeInit || h.Type == wire.TypeFinal {
			return pipeline.Consumed
		}
		return pipeline.Drop
	}
	fuzz.Stage(f, func() *Stage { return New(Config{Handshake: taken}) }, fuzz.AllocFree())
}
