package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHeaderLayout(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    Header
		hex  string
	}{
		{"Data", Header{Type: TypeData, Receiver: 0x00100007, Counter: 0x0102030405060708},
			"11" + "00" + "0000" + "00100007" + "0102030405060708"},
		{"Init, AES-GCM", Header{Type: TypeInit, Suite: AESGCM, Sender: 0x0a0b0c0d},
			"12" + "01" + "0000" + "00000000" + "0a0b0c0d" + "00000000"},
		{"Init, ChaCha20-Poly1305", Header{Type: TypeInit, Suite: ChaChaPoly, Sender: 1},
			"12" + "02" + "0000" + "00000000" + "00000001" + "00000000"},
		{"Response", Header{Type: TypeResponse, Suite: AESGCM, Receiver: 0x0a0b0c0d},
			"13" + "01" + "0000" + "0a0b0c0d" + "0000000000000000"},
		{"Final", Header{Type: TypeFinal, Suite: AESGCM, Receiver: 0x00100007},
			"14" + "01" + "0000" + "00100007" + "0000000000000000"},
		{"Cookie", Header{Type: TypeCookie, Suite: ChaChaPoly, Receiver: 0x0a0b0c0d},
			"15" + "02" + "0000" + "0a0b0c0d" + "0000000000000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			require.Equal(t, b, AppendHeader(nil, tt.h))
			h, fault := ParseHeader(append(b, packetOf(tt.h)[HeaderSize:]...))
			require.Equal(t, FaultNone, fault)
			require.Equal(t, tt.h, h)
		})
	}
}

func TestFrameLayout(t *testing.T) {
	abc := []byte("abc")
	for _, tt := range []struct {
		name string
		f    Frame
		hex  string
	}{
		{"Padding", Frame{Type: FramePadding}, "00"},
		{"Realtime", Frame{Type: FrameRealtime, Channel: 7, Payload: abc},
			"01" + "07" + "03" + "616263"},
		{"Realtime, empty", Frame{Type: FrameRealtime, Payload: []byte{}},
			"01" + "00" + "00"},
		{"Latest, larger channel", Frame{Type: FrameLatest, Channel: 15293, Payload: abc},
			"02" + "7bbd" + "03" + "616263"},
		{"Latest, longer payload", Frame{Type: FrameLatest, Channel: 1<<32 - 1, Payload: make([]byte, 64)},
			"02" + "c0000000ffffffff" + "4040" + zeros(64)},
		{"Reliable", Frame{Type: FrameReliable, Channel: 64, Seq: 0x0102030405060708, Distance: 0x0203, Payload: abc},
			"03" + "4040" + "0102030405060708" + "0203" + "03" + "616263"},
		{"Ack, only the largest", Frame{Type: FrameAck, Ack: Ack{Epoch: 2, Delay: 125, Largest: 9, Reliable: 0x0102}},
			"04" + "02" + "007d" + "0000000000000009" + "0000000000000102" + "00"},
		// Received: 19, 18, 16 and 10; 17 and 15 to 11 are missing.
		{"Ack", Frame{Type: FrameAck, Ack: Ack{Largest: 19, Bitmap: AckBitmap{1<<0 | 1<<2 | 1<<8}}},
			"04" + "00" + "0000" + "0000000000000013" + "0000000000000000" + "02" + "0501"},
		{"Ack, second word", Frame{Type: FrameAck, Ack: Ack{Largest: 1000, Bitmap: AckBitmap{0, 2}}},
			"04" + "00" + "0000" + "00000000000003e8" + "0000000000000000" + "09" + "000000000000000002"},
		{"Ping", Frame{Type: FramePing}, "05"},
		{"Close", Frame{Type: FrameClose, Close: CloseShutdown}, "06" + "02"},
		{"PathChallenge", Frame{Type: FramePathChallenge, Token: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}},
			"07" + "0102030405060708"},
		{"PathResponse", Frame{Type: FramePathResponse, Token: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}},
			"08" + "0102030405060708"},
		{"Fragment of Latest", Frame{Type: FrameFragment, Channel: 7, Payload: abc, Fragment: Fragment{Of: FrameLatest, Epoch: 3, Counter: 0x000b0c0d, Size: 20483, Offset: 20480}},
			"0a" + "02" + "07" + "03" + "000b0c0d" + "80005003" + "80005000" + "03" + "616263"},
		{"Fragment of Reliable", Frame{Type: FrameFragment, Channel: 7, Seq: 5, Distance: 1, Payload: make([]byte, 64), Fragment: Fragment{Of: FrameReliable, Size: 1 << 20, Offset: 64}},
			"0a" + "03" + "07" + "0000000000000005" + "0001" + "80100000" + "4040" + "4040" + zeros(64)},
		{"GivenUp", Frame{Type: FrameGivenUp, Channel: 64, Seq: 0x0102030405060708, Distance: 0x0203},
			"0b" + "4040" + "0102030405060708" + "0203"},
		{"AckNow", Frame{Type: FrameAckNow}, "0c"},
		{"Probe", Frame{Type: FrameProbe, Payload: make([]byte, 64)}, "0d" + "4040" + zeros(64)},
		{"Origin", Frame{Type: FrameOrigin, Time: 0x123456789abcdef, Within: 300}, "0e" + "0123456789abcdef" + "412c"},
		{"AckTime", Frame{Type: FrameAckTime, Time: MaxTime}, "0f" + "0fffffffffffffff"},
		{"Probe, empty", Frame{Type: FrameProbe, Payload: []byte{}}, "0d" + "00"},
		{"Rekey request", Frame{Type: FrameRekey, Step: RekeyRequest, Payload: []byte{}},
			"09" + "00" + "00"},
		{"Rekey answer", Frame{Type: FrameRekey, Step: RekeyAnswer, Payload: make([]byte, 112)},
			"09" + "02" + "4070" + zeros(112)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			require.Equal(t, b, appendFrame(nil, &tt.f))
			var f Frame
			require.Equal(t, len(b), f.Parse(b))
			require.Equal(t, tt.f, f)
		})
	}
	require.Equal(t, time.Millisecond, 125*AckDelayUnit, "the delay of the first Ack above")
}

func TestHelloLayout(t *testing.T) {
	h := Hello{
		Index: 0x00100007, Capabilities: CapAckNow | CapOrigin, PacketRate: 10000, PacketBurst: 500, MessageRate: 100_000, ByteRate: 2048,
		IdleTimeout: 60_000, Instance: 0x0102030405060708, MaxDatagram: 1232, Window: 1024, MaxMessage: 65536,
	}
	require.Equal(t, unhex(t, "00100007"+"00000014"+"00002710"+"000001f4"+"000186a0"+"00000800"+
		"0000ea60"+"0102030405060708"+"04d0"+"0400"+"00010000"+"00000000"), AppendHello(nil, h))
}

// The numbers of close reasons are part of the protocol.
func TestCloseReasonNumbers(t *testing.T) {
	want := map[CloseReason]string{
		1: "closed", 2: "shutdown", 3: "replaced", 4: "revoked", 5: "violation", 6: "slow", 7: "keys_exhausted",
		32: "idle", 33: "handshake_failed", 34: "unanswered",
	}
	got := map[CloseReason]string{}
	var last CloseReason
	for _, r := range CloseReasons() {
		require.Greater(t, r, last, "in order")
		last = r
		got[r] = r.String()
	}
	require.Equal(t, want, got)
	require.Equal(t, "none", CloseNone.String())
	require.Equal(t, "unknown", CloseReason(200).String())
}

func zeros(n int) string {
	s := make([]byte, 2*n)
	for i := range s {
		s[i] = '0'
	}
	return string(s)
}
