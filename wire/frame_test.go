package wire

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// appendFrame appends f using the function for its type.
func appendFrame(b []byte, f *Frame) []byte {
	switch f.Type {
	case FramePadding:
		return append(b, 0)
	case FrameRealtime, FrameLatest:
		return AppendMessage(b, f.Type, f.Channel, f.Payload)
	case FrameReliable:
		return AppendReliable(b, f.Channel, f.Seq, f.Distance, f.Payload)
	case FrameAck:
		return AppendAck(b, &f.Ack)
	case FramePing:
		return AppendPing(b)
	case FrameClose:
		return AppendClose(b, f.Close)
	case FramePathChallenge, FramePathResponse:
		return AppendPath(b, f.Type, f.Token)
	case FrameRekey:
		return AppendRekey(b, f.Step, f.Payload)
	}
	if f.Type.IsExtension() {
		b = appendVarint(append(b, byte(f.Type)), uint32(len(f.Payload)))
		return append(b, f.Payload...)
	}
	panic("no such frame type")
}

// statedSize returns the size that the package computes for f, or -1 if it has no
// function for that.
func statedSize(f *Frame) int {
	switch f.Type {
	case FrameRealtime, FrameLatest, FrameReliable:
		return MessageSize(f.Type, f.Channel, len(f.Payload))
	case FrameAck:
		return f.Ack.Size()
	case FrameRekey:
		return RekeySize(len(f.Payload))
	}
	return -1
}

// randFrame returns a well-formed frame with values of all magnitudes.
func randFrame(r *rand.Rand) *Frame {
	f := &Frame{Type: FrameType(r.IntN(int(FrameRekey) + 1))}
	payload := func() []byte {
		b := make([]byte, r.IntN([]int{1, 20, 100, 300}[r.IntN(4)]+1))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	switch f.Type {
	case FrameReliable:
		f.Seq = r.Uint64() >> r.IntN(64)
		f.Distance = uint16(r.Uint64N(min(MaxReliableDistance, f.Seq) + 1))
		fallthrough
	case FrameRealtime, FrameLatest:
		f.Channel = r.Uint32() >> r.IntN(32)
		f.Payload = payload()
	case FrameAck:
		f.Ack = randAck(r)
	case FrameClose:
		f.Close = CloseReason(r.Uint32())
	case FramePathChallenge, FramePathResponse:
		for i := range f.Token {
			f.Token[i] = byte(r.Uint32())
		}
	case FrameRekey:
		f.Step = RekeyStep(r.IntN(4))
		f.Payload = []byte{}
		if f.Step != RekeyRequest {
			f.Payload = payload()
		}
	}
	return f
}

// An appended frame parses to the same value regardless of the bytes after it, has
// the computed size, and is rejected if truncated anywhere.
func TestFrameRoundTrip(t *testing.T) {
	r := seed.Rand(t)
	for range 3000 {
		want := randFrame(r)
		b := appendFrame(nil, want)
		n := len(b)
		if size := statedSize(want); size >= 0 {
			require.Equal(t, size, n)
		}
		require.Equal(t, append([]byte("before"), b...), appendFrame([]byte("before"), want))

		// The next byte is not zero, which would extend a padding frame.
		b = append(b, 1+byte(r.Uint32N(255)), byte(r.Uint32()))
		var got Frame
		require.Equal(t, n, got.Parse(b))
		require.Equal(t, want, &got)
		require.Equal(t, b[:n], appendFrame(nil, &got))
		for i := range n {
			require.Zero(t, new(Frame).Parse(b[:i]), "cut to %d of %d", i, n)
		}
	}
}

// Parsing into a used Frame gives the same result as parsing into a new one.
func TestFrameReuse(t *testing.T) {
	r := seed.Rand(t)
	var used Frame
	for range 1000 {
		want := randFrame(r)
		b := appendFrame(nil, want)
		require.Equal(t, len(b), used.Parse(b))
		require.Equal(t, b, appendFrame(nil, &used))
	}
}

func TestMalformedFrames(t *testing.T) {
	for name, s := range map[string]string{
		"empty":                        "",
		"unknown type":                 "0a00",
		"type of two bytes":            "4001",
		"largest type":                 "ff",
		"long channel":                 "01" + "4001" + "00",
		"channel of 2^32":              "01" + "c000000100000000" + "00",
		"long length":                  "01" + "01" + "4000",
		"length past the end":          "02" + "01" + "03" + "6162",
		"length of 2^32-1":             "02" + "01" + "c0000000ffffffff" + "61",
		"reliable without length":      "03" + "01" + "0000000000000005" + "0001",
		"distance beyond the window":   "03" + "01" + "0000000000000500" + "0400" + "00",
		"distance before the first":    "03" + "01" + "0000000000000001" + "0002" + "00",
		"distance of the first":        "03" + "01" + "0000000000000000" + "0001" + "00",
		"ack with a zero byte":         "04" + "00" + "0000" + "000000000000ffff" + "0000000000000000" + "02" + "0100",
		"ack of one zero byte":         "04" + "00" + "0000" + "000000000000ffff" + "0000000000000000" + "01" + "00",
		"ack with too long a bitmap":   "04" + "00" + "0000" + "000000000000ffff" + "0000000000000000" + "81" + string(bytes.Repeat([]byte("ff"), 129)),
		"unknown rekey step":           "09" + "04" + "00",
		"rekey request with a message": "09" + "00" + "01" + "61",
		"rekey with a long length":     "09" + "01" + "4001" + "61",
	} {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, new(Frame).Parse(unhex(t, s)))
		})
	}
}

func TestLargestDistance(t *testing.T) {
	var f Frame
	b := AppendReliable(nil, 1, MaxReliableDistance, MaxReliableDistance, nil)
	require.Equal(t, len(b), f.Parse(b))
	require.EqualValues(t, 1023, f.Distance)
}

// A payload aliases the input, and appending to it does not overwrite the next
// frame.
func TestPayloadAliasesInput(t *testing.T) {
	for _, b := range [][]byte{
		AppendMessage(nil, FrameRealtime, 1, []byte("abc")),
		AppendMessage(nil, FrameLatest, 1, []byte("abc")),
		AppendReliable(nil, 1, 2, 0, []byte("abc")),
		AppendRekey(nil, RekeyInit, []byte("abc")),
	} {
		n := len(b)
		b = append(b, "next"...)
		var f Frame
		require.Equal(t, n, f.Parse(b))
		require.Equal(t, "abc", string(f.Payload))
		require.Equal(t, 3, cap(f.Payload))
		require.Same(t, &b[n-3], &f.Payload[0])
		_ = append(f.Payload, "overrun"...)
		require.Equal(t, "next", string(b[n:]))
	}
}

func TestFrameKinds(t *testing.T) {
	for typ, want := range map[FrameType]struct{ message, eliciting bool }{
		FramePadding:       {},
		FrameRealtime:      {true, true},
		FrameLatest:        {true, true},
		FrameReliable:      {true, true},
		FrameAck:           {},
		FramePing:          {false, true},
		FrameClose:         {},
		FramePathChallenge: {false, true},
		FramePathResponse:  {false, true},
		FrameRekey:         {false, true},
		0x20:               {},
		0x3f:               {},
		0x40:               {false, true},
		0x5f:               {false, true},
	} {
		require.Equal(t, want.message, typ.IsMessage(), "%d", typ)
		require.Equal(t, want.eliciting, typ.AckEliciting(), "%d", typ)
	}
}

// Extension frames of any type are skipped by their length; every other type
// that is not defined is malformed.
func TestUnknownFrames(t *testing.T) {
	body := bytes.Repeat([]byte{1}, 100)
	for typ := 10; typ < 256; typ++ {
		b := append([]byte{byte(typ), 0x40, 100}, body...)
		n := new(Frame).Parse(append(b, 5, 5))
		if typ >= 0x20 && typ < 0x60 {
			require.Equal(t, len(b), n, "%#x", typ)
			require.Zero(t, new(Frame).Parse(b[:len(b)-1]), "%#x cut", typ)
			require.True(t, FrameType(typ).IsExtension())
			continue
		}
		require.Zero(t, n, "%#x", typ)
		require.False(t, FrameType(typ).IsExtension())
	}
}

// FuzzFrames: a malicious peer (PEER) has the keys, so that it can send any
// plaintext. A parsed frame has exactly the bytes that the package would append for
// it, no payload extends past its frame, and other input is rejected without a
// panic.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 5})
	all := AppendPing(nil)
	all = AppendMessage(all, FrameRealtime, 7, []byte("state"))
	all = AppendMessage(all, FrameLatest, 70000, make([]byte, 70))
	all = AppendReliable(all, 1<<30, 2000, 3, []byte("order"))
	all = AppendAck(all, &Ack{Epoch: 1, Delay: 2, Largest: 300, Reliable: 4, Bitmap: AckBitmap{5, 0, 1}})
	all = AppendPath(all, FramePathChallenge, [8]byte{1, 2, 3})
	all = AppendRekey(all, RekeyRequest, nil)
	all = AppendRekey(all, RekeyAnswer, make([]byte, 96))
	all = append(all, 0x20, 2, 1, 2, 0x5f, 0)
	all = AppendClose(all, CloseNormal)
	f.Add(all)
	f.Add(all[:len(all)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		given := slices.Clone(b)
		fr := new(Frame)
		at := 0
		for at < len(b) {
			n := fr.Parse(b[at:])
			if n == 0 {
				break
			}
			require.LessOrEqual(t, n, len(b)-at)
			if fr.Type == FramePadding {
				require.Equal(t, AppendPadding(nil, n), b[at:at+n])
				require.True(t, at+n == len(b) || b[at+n] != 0, "padding is one frame")
				at += n
				continue
			}
			require.Equal(t, b[at:at+n], appendFrame(nil, fr))
			if size := statedSize(fr); size >= 0 {
				require.Equal(t, n, size)
			}
			if fr.Type.IsMessage() || fr.Type == FrameRekey {
				require.Equal(t, len(fr.Payload), cap(fr.Payload))
			}
			require.Zero(t, new(Frame).Parse(b[at:at+n-1]), "truncated by one byte")
			at += n
		}
		require.Equal(t, given, b, "parsing changed its input")
	})
}
