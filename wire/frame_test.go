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
	case FrameFragment:
		return AppendFragment(b, f.Fragment, f.Channel, f.Seq, f.Distance, f.Payload)
	case FrameGivenUp:
		return AppendGivenUp(b, f.Channel, f.Seq, f.Distance)
	case FrameAckNow:
		return AppendAckNow(b)
	case FrameProbe:
		return AppendProbe(b, len(f.Payload))
	case FrameOrigin:
		return AppendOrigin(b, f.Time, f.Within)
	case FrameAckTime:
		return AppendAckTime(b, f.Time)
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
	case FrameGivenUp:
		return GivenUpSize(f.Channel)
	case FrameProbe:
		return ProbeSize(len(f.Payload))
	case FrameOrigin:
		return OriginSize(f.Within)
	case FrameAckTime:
		return AckTimeSize
	case FrameFragment:
		return FragmentSize(f.Fragment, f.Channel, len(f.Payload))
	}
	return -1
}

// randFrame returns a well-formed frame with values of all magnitudes.
func randFrame(r *rand.Rand) *Frame {
	types := []FrameType{
		FramePadding, FrameRealtime, FrameLatest, FrameReliable, FrameAck, FramePing, FrameClose, FramePathChallenge, FramePathResponse,
		FrameRekey, FrameFragment, FrameGivenUp, FrameAckNow, FrameProbe, FrameOrigin, FrameAckTime,
	}
	f := &Frame{Type: types[r.IntN(len(types))]}
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
	case FrameFragment:
		randFragment(r, f)
	case FrameGivenUp:
		f.Channel = r.Uint32() >> r.IntN(32)
		f.Seq = r.Uint64() >> r.IntN(64)
		f.Distance = uint16(r.Uint64N(min(MaxReliableDistance, f.Seq) + 1))
	case FrameAck:
		f.Ack = randAck(r)
	case FrameProbe:
		f.Payload = make([]byte, len(payload()))
	case FrameOrigin:
		f.Within = r.Uint32() >> r.IntN(32)
		fallthrough
	case FrameAckTime:
		f.Time = r.Uint64N(MaxTime+1) >> r.IntN(60)
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

// randFragment makes f a fragment with values of all magnitudes.
func randFragment(r *rand.Rand, f *Frame) {
	g := &f.Fragment
	g.Of = FrameRealtime + FrameType(r.IntN(3))
	f.Channel = r.Uint32() >> r.IntN(32)
	limit := MaxStateMessage
	if g.Of == FrameReliable {
		f.Seq = r.Uint64() >> r.IntN(64)
		f.Distance = uint16(r.Uint64N(min(MaxReliableDistance, f.Seq) + 1))
		limit = MaxMessage
	} else {
		g.Epoch, g.Counter = uint8(r.Uint32()), r.Uint32()>>(4+r.IntN(28))
	}
	g.Size = 1 + r.Uint32N(uint32(limit))>>r.IntN(20)
	g.Offset = r.Uint32N(g.Size) / FragmentUnit * FragmentUnit
	n := min(g.Size-g.Offset, (1+r.Uint32N(40))*FragmentUnit)
	f.Payload = make([]byte, n)
	for i := range f.Payload {
		f.Payload[i] = byte(r.Uint32())
	}
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
			if i < 40 || i > n-4 || i%97 == 0 {
				require.Zero(t, new(Frame).Parse(b[:i]), "cut to %d of %d", i, n)
			}
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
		"fragment of no intent":        "0a" + "0001" + "00" + "00000001" + "4040" + "00" + "4040" + zeros(64),
		"fragment of an ack":           "0a" + "0401" + "00" + "00000001" + "4040" + "00" + "4040" + zeros(64),
		"fragment without a number":    "0a" + "0101" + "00" + "000000",
		"fragment, large counter":      "0a" + "0101" + "00" + "10000000" + "01" + "00" + "01" + "61",
		"fragment of an empty message": "0a" + "0101" + "00" + "00000001" + "00" + "00" + "00",
		"fragment without bytes":       "0a" + "0101" + "00" + "00000001" + "01" + "00" + "00",
		"fragment at the end":          "0a" + "0101" + "00" + "00000001" + "4040" + "4040" + "00",
		"fragment past the end":        "0a" + "0101" + "00" + "00000001" + "01" + "00" + "02" + "6161",
		"fragment past the end by 64":  "0a" + "0101" + "00" + "00000001" + "4080" + "4040" + "4080" + zeros(128),
		"fragment at 1":                "0a" + "0101" + "00" + "00000001" + "02" + "01" + "01" + "61",
		"fragment of 1 of 2":           "0a" + "0101" + "00" + "00000001" + "02" + "00" + "01" + "61",
		"fragment of 64 KiB + 1":       "0a" + "0201" + "00" + "00000001" + "80010001" + "80010000" + "01" + "61",
		"fragment of 1 MiB + 1":        "0a" + "0301" + "0000000000000001" + "0000" + "80100001" + "80100000" + "01" + "61",
		"fragment of a far distance":   "0a" + "0301" + "0000000000000001" + "0002" + "01" + "00" + "01" + "61",
		"fragment without a size":      "0a" + "0101" + "00" + "00000001",
		"fragment without an offset":   "0a" + "0101" + "00" + "00000001" + "01",
		"fragment without a channel":   "0a" + "01",
		"type between optional ones":   "0b00",
		"probe past the end":           "0d" + "02" + "00",
		"probe with a long length":     "0d" + "4001" + "00",
		"probe with a byte of one":     "0d" + "03" + "000001",
		"probe without length":         "0d",
		"type of two bytes":            "4001",
		"largest type":                 "ff",
		"long channel":                 "01" + "4001" + "00",
		"channel of 2^32":              "01" + "c000000100000000" + "00",
		"long length":                  "01" + "01" + "4000",
		"length past the end":          "02" + "01" + "03" + "6162",
		"length of 2^32-1":             "02" + "01" + "c0000000ffffffff" + "61",
		"reliable without length":      "03" + "01" + "0000000000000005" + "0001",
		"distance beyond the window":   "03" + "01" + "0000000000002000" + "1000" + "00",
		"distance before the first":    "03" + "01" + "0000000000000001" + "0002" + "00",
		"distance of the first":        "03" + "01" + "0000000000000000" + "0001" + "00",
		"ack with a zero byte":         "04" + "00" + "0000" + "000000000000ffff" + "0000000000000000" + "02" + "0100",
		"ack of one zero byte":         "04" + "00" + "0000" + "000000000000ffff" + "0000000000000000" + "01" + "00",
		"ack with too long a bitmap":   "04" + "00" + "0000" + "000000000000ffff" + "0000000000000000" + "81" + string(bytes.Repeat([]byte("ff"), 129)),
		"origin of 2^60":               "0e" + "1000000000000000" + "00",
		"origin without its error":     "0e" + "0000000000000001",
		"origin with a long error":     "0e" + "0000000000000001" + "4001",
		"time of 2^60":                 "0f" + "1000000000000000",
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
	require.EqualValues(t, 4095, f.Distance)
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
		FrameOrigin:        {},
		FrameAckTime:       {},
		FrameClose:         {},
		FramePathChallenge: {false, true},
		FramePathResponse:  {false, true},
		FrameRekey:         {false, true},
		FrameGivenUp:       {false, true},
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
		if FrameType(typ) == FrameGivenUp {
			continue // it has a body, and the bytes below are a valid one
		}
		b := append([]byte{byte(typ), 0x40, 100}, body...)
		n := new(Frame).Parse(append(b, 5, 5))
		if typ >= 0x20 && typ < 0x60 {
			require.Equal(t, len(b), n, "%#x", typ)
			require.Zero(t, new(Frame).Parse(b[:len(b)-1]), "%#x cut", typ)
			require.True(t, FrameType(typ).IsExtension())
			continue
		}
		want := 0
		if FrameType(typ) == FrameAckNow {
			want = 1
		}
		require.Equal(t, want, n, "%#x", typ)
		require.False(t, FrameType(typ).IsExtension())
	}
}

// requireState checks ParseState against a frame that Parse has decoded from the first n
// bytes of b.
func requireState(t *testing.T, fr *Frame, b []byte, n int) {
	channel, from, end := ParseState(b)
	state := n > 0 && (fr.Type == FrameRealtime || fr.Type == FrameLatest)
	if !state || fr.Channel >= 1<<14 || len(fr.Payload) >= 1<<14 || len(b) < 5 {
		require.Zero(t, end)
		return
	}
	require.Equal(t, n, end)
	require.Equal(t, fr.Channel, channel)
	require.Equal(t, fr.Payload, b[from:end:end])
}

// ParseState decodes what Parse does, at the ends of its ranges, and nothing that Parse
// rejects.
func TestParseState(t *testing.T) {
	fr := new(Frame)
	for _, typ := range []FrameType{FrameRealtime, FrameLatest, FrameReliable} {
		for _, channel := range []uint32{0, 1, 63, 64, 1<<14 - 1, 1 << 14, 1<<32 - 1} {
			for _, size := range []int{0, 1, 63, 64, 65, 1<<14 - 1, 1 << 14} {
				b := append(AppendMessage(nil, typ, channel, make([]byte, size)), 7, 8, 9, 10)
				requireState(t, fr, b, fr.Parse(b))
				requireState(t, fr, b[:len(b)-4], fr.Parse(b[:len(b)-4]))
				requireState(t, fr, b[:len(b)-5], fr.Parse(b[:len(b)-5]))
			}
		}
	}
	for first := range 256 { // all encodings of two small numbers
		for second := range 256 {
			for _, third := range []byte{1, 70} {
				b := append([]byte{byte(FrameLatest), byte(first), byte(second), third, byte(first), byte(second)}, make([]byte, 100)...)
				requireState(t, fr, b, fr.Parse(b))
				b[1] = 5
				requireState(t, fr, b, fr.Parse(b))
			}
		}
	}
}

// PeekAckTime finds the time of an AckTime frame wherever Parse does, and none in another
// frame.
func TestPeekAckTime(t *testing.T) {
	r := seed.Rand(t)
	for range 2000 {
		f := randFrame(r)
		b := appendFrame(nil, f)
		got, ok := PeekAckTime(append(b, 7))
		require.Equal(t, f.Type == FrameAckTime, ok)
		require.Equal(t, f.Type == FrameAckTime, ok && got == f.Time)
		_, ok = PeekAckTime(b[:len(b)-1])
		require.False(t, ok, "cut short")
		_, ok = PeekAckTime(b)
		require.Equal(t, f.Type == FrameAckTime, ok, "nothing follows")
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
	all = AppendGivenUp(all, 1<<30, 2001, 1)
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
			requireState(t, fr, b[at:], n)
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
