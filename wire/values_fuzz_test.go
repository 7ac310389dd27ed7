package wire

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzValues: the application (APP) chooses any channels and payloads. Each frame is
// parsed to the values with which it was appended, has the computed size, and does
// not depend on the bytes after it.
func FuzzValues(f *testing.F) {
	f.Add(uint32(0), []byte{}, uint64(0), uint16(0), uint8(0), []byte{})
	f.Add(uint32(1<<30), make([]byte, 63), uint64(1<<63), uint16(1023), uint8(3), []byte{0})
	f.Add(uint32(1<<32-1), make([]byte, 16384), uint64(5), uint16(5), uint8(9), []byte{255, 1})
	f.Add(uint32(1<<30), []byte{}, uint64(1<<63), uint16(4095), uint8(3), []byte{0})
	f.Add(uint32(1<<30), []byte{}, uint64(1<<63), uint16(4096), uint8(3), []byte{0})
	f.Add(uint32(63), make([]byte, 64), uint64(4), uint16(5), uint8(0), []byte("tail"))
	f.Fuzz(func(t *testing.T, channel uint32, payload []byte, seq uint64, distance uint16, small uint8, tail []byte) {
		var token [PathTokenSize]byte
		copy(token[:], payload)
		step := RekeyStep(small % 4)
		message := payload
		if step == RekeyRequest {
			message = nil
		}
		type written struct {
			bytes []byte
			want  Frame
		}
		frames := []written{
			{AppendMessage(nil, FrameRealtime, channel, payload), Frame{Type: FrameRealtime, Channel: channel, Payload: payload}},
			{AppendMessage(nil, FrameLatest, channel, payload), Frame{Type: FrameLatest, Channel: channel, Payload: payload}},
			{AppendReliable(nil, channel, seq, distance, payload),
				Frame{Type: FrameReliable, Channel: channel, Seq: seq, Distance: distance, Payload: payload}},
			{AppendPing(nil), Frame{Type: FramePing}},
			{AppendClose(nil, CloseReason(small)), Frame{Type: FrameClose, Close: CloseReason(small)}},
			{AppendPath(nil, FramePathChallenge, token), Frame{Type: FramePathChallenge, Token: token}},
			{AppendPath(nil, FramePathResponse, token), Frame{Type: FramePathResponse, Token: token}},
			{AppendFragment(nil, Fragment{Of: FrameLatest, Epoch: small, Counter: uint32(distance), Size: max(uint32(len(payload)), 1)}, channel, 0, 0, payload),
				Frame{Type: FrameFragment, Channel: channel, Payload: payload,
					Fragment: Fragment{Of: FrameLatest, Epoch: small, Counter: uint32(distance), Size: max(uint32(len(payload)), 1)}}},
			{AppendRekey(nil, step, message), Frame{Type: FrameRekey, Step: step, Payload: message}},
		}
		for _, w := range frames {
			var got Frame
			n := got.Parse(append(bytes.Clone(w.bytes), tail...))
			if w.want.Type == FrameReliable && (distance > MaxReliableDistance || uint64(distance) > seq) {
				require.Zero(t, n)
				continue
			}
			if w.want.Type == FrameFragment && (len(payload) == 0 || len(payload) > MaxStateMessage) {
				require.Zero(t, n)
				continue
			}
			require.Equal(t, len(w.bytes), n, "type %d", w.want.Type)
			require.Equal(t, w.want.Type, got.Type)
			require.Equal(t, w.want.Channel, got.Channel)
			require.Equal(t, [2]any{w.want.Seq, w.want.Distance}, [2]any{got.Seq, got.Distance})
			require.Equal(t, w.want.Fragment, got.Fragment)
			require.Equal(t, [3]any{w.want.Close, w.want.Token, w.want.Step}, [3]any{got.Close, got.Token, got.Step})
			require.True(t, bytes.Equal(w.want.Payload, got.Payload))
			if w.want.Type.IsMessage() {
				require.Equal(t, n, MessageSize(w.want.Type, channel, len(payload)))
			}
			if w.want.Type == FrameRekey {
				require.Equal(t, n, RekeySize(len(message)))
			}
			for cut := range n {
				if cut < 30 || cut > n-3 {
					require.Zero(t, new(Frame).Parse(w.bytes[:cut]), "type %d, cut at %d", w.want.Type, cut)
				}
			}
		}
	})
}

// FuzzVarint: an attacker (OFF, PEER) can send any bytes. A value has one encoding,
// regardless of the bytes after it. The oracle decodes the value bit by bit and
// checks whether a shorter encoding exists.
func FuzzVarint(f *testing.F) {
	for _, v := range []uint32{0, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, 1<<32 - 1} {
		f.Add(appendVarint(nil, v), v)
		f.Add(append(appendVarint(nil, v), 7), v+1)
	}
	f.Add([]byte{0x40, 1}, uint32(1))
	f.Add([]byte{0xc0, 0, 0, 1, 0, 0, 0, 0}, uint32(2))
	f.Fuzz(func(t *testing.T, b []byte, v uint32) {
		own := appendVarint(nil, v)
		got, n := parseVarint(append(own, b...))
		require.Equal(t, v, got)
		require.Equal(t, [2]int{len(own), len(own)}, [2]int{n, varintSize(v)})

		got, n = parseVarint(b)
		want, size := readVarint(b)
		require.Equal(t, size, n)
		require.Equal(t, want, got)
	})
}

// readVarint decodes RFC 9000 section 16 bit by bit. It accepts only the shortest
// encoding.
func readVarint(b []byte) (v uint32, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = []int{1, 2, 4, 8}[b[0]>>6]
	if n > len(b) {
		return 0, 0
	}
	value, bits := uint64(0), 0
	for i := 2; i < 8*n; i++ {
		value = value*2 + uint64(b[i/8]>>(7-i%8)&1)
		bits++
	}
	for shorter := 1; shorter < n; shorter *= 2 {
		if value>>(8*shorter-2) == 0 {
			return 0, 0
		}
	}
	if value>>32 != 0 {
		return 0, 0
	}
	return uint32(value), n
}
