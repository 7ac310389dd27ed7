package wire

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func randAck(r *rand.Rand) Ack {
	a := Ack{
		Epoch:    uint8(r.Uint32()),
		Delay:    uint16(r.Uint32()),
		Largest:  r.Uint64() >> r.IntN(64),
		Reliable: r.Uint64() >> r.IntN(64),
	}
	if span := min(a.Largest, AckBits); span > 0 {
		span = 1 + r.Uint64N(span)
		for range r.IntN(40) {
			i := r.Uint64N(span)
			a.Bitmap[i/64] |= 1 << (i % 64)
		}
	}
	return a
}

// received returns the counters that an Ack frame acknowledges. It is independent
// of parse: it decodes the bytes according to the layout in Ack's comment.
func received(frame []byte) map[uint64]bool {
	largest := binary.BigEndian.Uint64(frame[4:])
	set := map[uint64]bool{largest: true}
	for j, v := range frame[21:] {
		for k := range 8 {
			if v&(1<<k) != 0 {
				set[largest-1-uint64(8*j+k)] = true
			}
		}
	}
	return set
}

// bitmapSet returns the counters that a decoded Ack acknowledges.
func bitmapSet(a *Ack) map[uint64]bool {
	set := map[uint64]bool{a.Largest: true}
	for i := range uint64(AckBits) {
		if a.Bitmap[i/64]>>(i%64)&1 != 0 {
			set[a.Largest-1-i] = true
		}
	}
	return set
}

func TestAckSize(t *testing.T) {
	for i := range AckBits {
		a := Ack{Largest: AckBits}
		a.Bitmap[i/64] = 1 << (i % 64)
		want := 21 + i/8 + 1
		require.Equal(t, want, a.Size())
		require.Len(t, AppendAck(nil, &a), want)
	}
	require.Equal(t, 21, (&Ack{}).Size())
	require.Equal(t, 149, MaxAckSize)
}

// An Ack is rejected exactly if one of its bits represents a counter below zero.
func TestAckBelowZero(t *testing.T) {
	for _, largest := range []uint64{0, 1, 7, 8, 9, 63, 64, 65, 1000, AckBits - 1, AckBits, AckBits + 1, 1<<64 - 1} {
		for i := range AckBits {
			a := Ack{Largest: largest}
			a.Bitmap[i/64] = 1 << (i % 64)
			n := new(Frame).Parse(AppendAck(nil, &a))
			require.Equal(t, uint64(i) < largest, n > 0, "largest %d, bit %d", largest, i)
		}
	}
}

// Parsing a short bitmap clears the bits of a longer one parsed before.
func TestAckParseClearsBitmap(t *testing.T) {
	full := Ack{Largest: 5000}
	for i := range full.Bitmap {
		full.Bitmap[i] = 1<<64 - 1
	}
	var f Frame
	require.Equal(t, MaxAckSize, f.Parse(AppendAck(nil, &full)))
	require.Equal(t, full, f.Ack)
	small := Ack{Largest: 3, Bitmap: AckBitmap{1}}
	f.Parse(AppendAck(nil, &small))
	require.Equal(t, small, f.Ack)
}

// FuzzAck: a malicious peer (PEER) can send any Ack. Compared with a set of
// counters, an appended frame acknowledges exactly the given counters, a parsed
// frame exactly those in its bytes, and no frame acknowledges counters below zero.
func FuzzAck(f *testing.F) {
	f.Add(uint8(0), uint16(0), uint64(0), uint64(0), []byte{})
	f.Add(uint8(1), uint16(2), uint64(5), uint64(6), []byte{0, 0, 0, 4})
	f.Add(uint8(1), uint16(2), uint64(5), uint64(6), []byte{0, 5})
	f.Add(uint8(255), uint16(65535), uint64(1<<64-1), uint64(1<<64-1), []byte{3, 255, 0, 0, 1, 7, 1, 8})
	f.Fuzz(func(t *testing.T, epoch uint8, delay uint16, largest, reliable uint64, data []byte) {
		// data as positions below the largest counter.
		a := Ack{Epoch: epoch, Delay: delay, Largest: largest, Reliable: reliable}
		want := map[uint64]bool{largest: true}
		exists := true
		for d := data; len(d) >= 2; d = d[2:] {
			i := uint64(binary.BigEndian.Uint16(d) % AckBits)
			a.Bitmap[i/64] |= 1 << (i % 64)
			want[largest-1-i] = true
			exists = exists && i < largest
		}
		b := AppendAck(nil, &a)
		require.Equal(t, a.Size(), len(b))
		require.Equal(t, want, received(b))
		var fr Frame
		n := fr.Parse(b)
		require.Equal(t, exists, n == len(b))
		if exists {
			require.Equal(t, a, fr.Ack)
		}

		// data as a bitmap of any length.
		b = AppendAck(nil, &Ack{Epoch: epoch, Delay: delay, Largest: largest, Reliable: reliable})
		b[20] = byte(len(data))
		b = append(b, data...)
		if n = fr.Parse(b); n == 0 {
			return
		}
		require.Equal(t, b[:n], AppendAck(nil, &fr.Ack))
		require.Equal(t, received(b[:n]), bitmapSet(&fr.Ack))
		for c := range bitmapSet(&fr.Ack) {
			require.LessOrEqual(t, c, largest)
		}
	})
}
