package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// fullPacket returns the frames of a packet with an Ack, nine Latest messages of
// 128 bytes and a Reliable message.
func fullPacket() []byte {
	b := AppendAck(nil, &Ack{Largest: 5000, Bitmap: AckBitmap{1<<64 - 1, 3}})
	for range 9 {
		b = AppendMessage(b, FrameLatest, 300, make([]byte, 128))
	}
	return AppendReliable(b, 1, 77, 1, make([]byte, 32))
}

func TestPackageDoesNotAllocate(t *testing.T) {
	b := fullPacket()
	var f Frame
	frames := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		frames = 0
		for at := 0; at < len(b); frames++ {
			n := f.Parse(b[at:])
			if n == 0 {
				panic("not parsed")
			}
			at += n
		}
	}))
	require.Equal(t, 11, frames)

	p := packetOf(Header{Type: TypeInit, Suite: AESGCM, Sender: 1})
	hello := AppendHello(nil, Hello{Index: 1, PacketRate: 1, PacketBurst: 1, IdleTimeout: 1, MaxDatagram: 1232, Window: ReliableWindow})
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h, fault := ParseHeader(p)
		_, _, peeked := Peek(p)
		_, ok := ParseHello(hello)
		if fault != FaultNone || !peeked || !ok || h.Sender != 1 {
			panic("not parsed")
		}
	}))

	buf := make([]byte, 0, 1024)
	ack := &Ack{Largest: 5000, Bitmap: AckBitmap{15: 1}}
	payload := make([]byte, 100)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		b := AppendHeader(buf, Header{Type: TypeData, Counter: 1})
		b = AppendMessage(b, FrameRealtime, 1, payload)
		b = AppendReliable(b, 1, 2, 0, payload)
		b = AppendAck(b, ack)
		b = AppendPing(b)
		b = AppendPath(b, FramePathResponse, [PathTokenSize]byte{})
		b = AppendRekey(b, RekeyInit, payload)
		b = AppendClose(b, CloseNormal)
		b = AppendHello(b, Hello{})
		if &b[0] != &buf[:1][0] {
			panic("moved")
		}
	}))
}

func BenchmarkFrameParse(b *testing.B) {
	for _, bb := range []struct {
		name string
		b    []byte
	}{
		{"realtime", AppendMessage(nil, FrameRealtime, 1, make([]byte, 128))},
		{"reliable", AppendReliable(nil, 1, 2, 0, make([]byte, 128))},
		{"ack", AppendAck(nil, &Ack{Largest: 5000, Bitmap: AckBitmap{1<<64 - 1}})},
		{"ack of 1024", AppendAck(nil, &Ack{Largest: 5000, Bitmap: AckBitmap{15: 1 << 63}})},
		{"packet", fullPacket()},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var f Frame
			b.SetBytes(int64(len(bb.b)))
			b.ReportAllocs()
			for b.Loop() {
				for at := 0; at < len(bb.b); {
					at += f.Parse(bb.b[at:])
				}
			}
		})
	}
}

func BenchmarkAppendAck(b *testing.B) {
	buf := make([]byte, 0, MaxAckSize)
	ack := &Ack{Largest: 5000, Bitmap: AckBitmap{1<<64 - 1}}
	b.SetBytes(int64(ack.Size()))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendAck(buf[:0], ack)
	}
}

func BenchmarkParseHeader(b *testing.B) {
	p := packetOf(Header{Type: TypeData, Receiver: 7, Counter: 9})
	b.ReportAllocs()
	for b.Loop() {
		if _, fault := ParseHeader(p); fault != FaultNone {
			b.Fatal(fault)
		}
	}
}
