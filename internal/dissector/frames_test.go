package dissector

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// frameSamples returns plaintexts with one frame of every type each, and one with
// all of them.
func frameSamples(t *testing.T) []sample {
	all := []sample{padding(1), {b: wire.AppendPing(nil), want: frameType(wire.FramePing), info: "Ping"}}
	for _, channel := range []uint32{0, 63, 64, 16_383, 16_384, 1<<30 - 1, 1 << 30, 1<<32 - 1} { // all sizes of a varint
		all = append(all, message(wire.FrameRealtime, channel, []byte("hello")))
	}
	for _, n := range []int{0, 1, 63, 64, 300} {
		all = append(all, message(wire.FrameLatest, 7, distinct(n, 1)), reliable(7, 1<<40, 4095, distinct(n, 1)))
	}
	all = append(all, reliable(1<<20, 1<<64-1, 0, nil), reliable(1, 5, 5, []byte("world")))
	some := wire.Ack{Epoch: 0x2a, Delay: 3125, Largest: 5000, Reliable: 0x0102030405060708}
	for _, bits := range [][]int{{}, {0}, {1}, {7}, {8}, {0, 2, 63, 64, 100}, {1023}, allBits()} {
		all = append(all, ack(some, bits...))
	}
	all = append(all, ack(wire.Ack{Epoch: 255, Delay: 65_535}), ack(wire.Ack{Largest: 1<<64 - 1, Reliable: 1<<64 - 1}, 5))
	for _, r := range append(wire.CloseReasons(), wire.CloseNone) {
		all = append(all, sample{
			b:    wire.AppendClose(nil, r),
			want: append(frameType(wire.FrameClose), fmt.Sprintf("intentra.frame.reason=%d", r)),
			info: fmt.Sprintf("Close (%s)", r),
		})
	}
	for _, kind := range []wire.FrameType{wire.FramePathChallenge, wire.FramePathResponse} {
		token := [wire.PathTokenSize]byte(distinct(wire.PathTokenSize, 0x51))
		all = append(all, sample{
			b:    wire.AppendPath(nil, kind, token),
			want: append(frameType(kind), octets("intentra.frame.token", token[:])),
			info: map[wire.FrameType]string{wire.FramePathChallenge: "PathChallenge", wire.FramePathResponse: "PathResponse"}[kind],
		})
	}
	for _, of := range []wire.FrameType{wire.FrameRealtime, wire.FrameLatest, wire.FrameReliable} {
		all = append(all, fragment(of, 20_000, 0, 64), fragment(of, 20_000, 19_968, 32), fragment(of, 1, 0, 1))
	}
	all = append(all, sample{b: wire.AppendAckNow(nil), want: frameType(wire.FrameAckNow), info: "AckNow"})
	all = append(all, givenUp(1<<20, 1<<64-1, 0), givenUp(1, 5, 5), ackTime(0), ackTime(wire.MaxTime))
	for _, m := range []sample{
		message(wire.FrameRealtime, 1, nil), message(wire.FrameLatest, 1, nil), reliable(1, 5, 5, nil), fragment(wire.FrameLatest, 1, 0, 1),
	} {
		all = append(all, origin(1<<40, 300, m))
	}
	all = append(all, origin(0, 0, message(wire.FrameLatest, 1, nil)), origin(wire.MaxTime, 1<<32-1, message(wire.FrameLatest, 1, nil)))
	for _, n := range []int{0, 1, 64, 300} {
		all = append(all, sample{
			b:    wire.AppendProbe(nil, n),
			want: withPayload(frameType(wire.FrameProbe), "intentra.frame.payload", make([]byte, n)),
			info: "Probe",
		})
	}
	all = append(all, rekey(t)...)
	for _, kind := range []byte{0x20, 0x3f, 0x40, 0x5f} {
		body := distinct(100, kind)
		all = append(all, sample{
			b:    append([]byte{kind, 0x40, 100}, body...),
			want: append(frameType(wire.FrameType(kind)), "intentra.frame.length=100", octets("intentra.frame.payload", body)),
			info: fmt.Sprintf("Extension 0x%02x", kind),
		})
	}
	all = append(all, together(padding(3), message(wire.FrameRealtime, 1, nil)), padding(40))
	return append(all, together(all...))
}

// fragment returns a fragment of n bytes of a message.
func fragment(of wire.FrameType, size, offset uint32, n int) sample {
	g := wire.Fragment{Of: of, Epoch: 3, Counter: 1<<28 - 1, Size: size, Offset: offset}
	want := append(frameType(wire.FrameFragment), fmt.Sprintf("intentra.frame.intent=%d", of), "intentra.frame.channel=9")
	if of == wire.FrameReliable {
		g.Epoch, g.Counter = 0, 0
		want = append(want, "intentra.frame.sequence=77", "intentra.frame.distance=1")
	} else {
		want = append(want, "intentra.frame.epoch=3", "intentra.frame.counter=268435455")
	}
	want = append(want, fmt.Sprintf("intentra.frame.size=%d", size), fmt.Sprintf("intentra.frame.offset=%d", offset))
	payload := distinct(n, 5)
	return sample{
		b:    wire.AppendFragment(nil, g, 9, 77, 1, payload),
		want: withPayload(want, "intentra.frame.payload", payload),
		info: "Fragment",
	}
}

func givenUp(channel uint32, seq uint64, distance uint16) sample {
	return sample{
		b: wire.AppendGivenUp(nil, channel, seq, distance),
		want: append(frameType(wire.FrameGivenUp), fmt.Sprintf("intentra.frame.channel=%d", channel),
			fmt.Sprintf("intentra.frame.sequence=%d", seq), fmt.Sprintf("intentra.frame.distance=%d", distance)),
		info: "GivenUp",
	}
}

// ackTime returns an ACK and the AckTime that belongs to it.
func ackTime(time uint64) sample {
	s := together(ack(wire.Ack{Largest: 9}), sample{
		b: wire.AppendAckTime(nil, time), want: append(frameType(wire.FrameAckTime), fmt.Sprintf("intentra.frame.time=%d", time)),
	})
	s.info = "ACK, AckTime"
	return s
}

// origin returns a message with its origin.
func origin(time uint64, within uint32, m sample) sample {
	s := together(sample{
		b: wire.AppendOrigin(nil, time, within),
		want: append(frameType(wire.FrameOrigin), fmt.Sprintf("intentra.frame.time=%d", time),
			fmt.Sprintf("intentra.frame.error=%d", within)),
	}, m)
	s.info = "Origin, " + m.info
	return s
}

// together concatenates samples into one plaintext.
func together(all ...sample) (whole sample) {
	for _, s := range all {
		whole.b = append(whole.b, s.b...)
		whole.want = append(whole.want, s.want...)
		whole.faults = append(whole.faults, s.faults...)
	}
	return whole
}

func frameType(kind wire.FrameType) []string {
	return []string{fmt.Sprintf("intentra.frame.type=%d", kind)}
}

func padding(n int) sample {
	s := sample{b: wire.AppendPadding(nil, n), want: frameType(wire.FramePadding), info: "Padding"}
	if n > 1 {
		s.want = append(s.want, octets("intentra.frame.padding", make([]byte, n-1)))
	}
	return s
}

func message(kind wire.FrameType, channel uint32, payload []byte) sample {
	return sample{
		b:    wire.AppendMessage(nil, kind, channel, payload),
		want: withPayload(append(frameType(kind), fmt.Sprintf("intentra.frame.channel=%d", channel)), "intentra.frame.payload", payload),
		info: map[wire.FrameType]string{wire.FrameRealtime: "Realtime", wire.FrameLatest: "Latest"}[kind],
	}
}

func reliable(channel uint32, seq uint64, distance uint16, payload []byte) sample {
	return sample{
		b: wire.AppendReliable(nil, channel, seq, distance, payload),
		want: withPayload(append(frameType(wire.FrameReliable), fmt.Sprintf("intentra.frame.channel=%d", channel),
			fmt.Sprintf("intentra.frame.sequence=%d", seq), fmt.Sprintf("intentra.frame.distance=%d", distance)),
			"intentra.frame.payload", payload),
		info: "Reliable",
	}
}

func withPayload(want []string, name string, payload []byte) []string {
	want = append(want, fmt.Sprintf("intentra.frame.length=%d", len(payload)))
	if len(payload) > 0 {
		want = append(want, octets(name, payload))
	}
	return want
}

// ack returns an ACK with these bits of its bitmap set, in ascending order.
func ack(a wire.Ack, bits ...int) sample {
	named, bitmap := []string{fmt.Sprint(a.Largest)}, make([]byte, 0, wire.AckBits/8)
	for _, i := range bits {
		a.Bitmap[i/64] |= 1 << (i % 64)
		bitmap = bitmap[:i/8+1]
		bitmap[i/8] |= 1 << (i % 8)
		named = append(named, fmt.Sprint(a.Largest-1-uint64(i)))
	}
	s := sample{b: wire.AppendAck(nil, &a), info: "ACK"}
	s.want = append(frameType(wire.FrameAck),
		fmt.Sprintf("intentra.frame.epoch=%d", a.Epoch), fmt.Sprintf("intentra.frame.delay=%d", a.Delay),
		fmt.Sprintf("intentra.frame.largest=%d", a.Largest), fmt.Sprintf("intentra.frame.reliable=%d", a.Reliable),
		fmt.Sprintf("intentra.frame.bitmap_length=%d", len(bitmap)))
	if len(bitmap) > 0 {
		s.want = append(s.want, octets("intentra.frame.bitmap", bitmap))
	}
	s.want = append(s.want, "intentra.frame.acknowledged="+strings.Join(named, ", "))
	return s
}

// rekey returns the steps of a rekey, and a step whose length is that of no Noise
// message.
func rekey(t *testing.T) []sample {
	i, r := machines(t, wire.AESGCM, []byte("intentra rekey"))
	m1, err := i.WriteInit(be32(dialerIndex))
	require.NoError(t, err)
	_, err = r.ReadInit(m1, 4)
	require.NoError(t, err)
	m2, err := r.WriteResponse(be32(responderIndex))
	require.NoError(t, err)
	_, _, err = i.ReadResponse(m2, 4)
	require.NoError(t, err)
	m3, _, err := i.WriteFinal(nil)
	require.NoError(t, err)

	doubtful := rekeyStep(wire.RekeyFinal, m1)
	doubtful.faults = []string{"intentra.frame.message_length"}
	const at = "intentra.frame."
	return []sample{
		rekeyStep(wire.RekeyRequest, nil),
		rekeyStep(wire.RekeyInit, m1, octets(at+"ephemeral", m1[:32]), index(at+"index", dialerIndex)),
		rekeyStep(wire.RekeyAnswer, m2, octets(at+"ephemeral", m2[:32]), octets(at+"static", m2[32:64]), octets(at+"static_tag", m2[64:80]),
			octets(at+"index_encrypted", m2[80:84]), octets(at+"tag", m2[84:])),
		rekeyStep(wire.RekeyFinal, m3, octets(at+"static", m3[:32]), octets(at+"static_tag", m3[32:48]), octets(at+"tag", m3[48:])),
		doubtful,
	}
}

func rekeyStep(step wire.RekeyStep, m []byte, parts ...string) sample {
	want := append(frameType(wire.FrameRekey), fmt.Sprintf("intentra.frame.step=%d", step))
	return sample{
		b:    wire.AppendRekey(nil, step, m),
		want: append(withPayload(want, "intentra.frame.message", m), parts...),
		info: fmt.Sprintf("Rekey (%s)", []string{"Request", "Init", "Answer", "Final"}[step]),
	}
}

func allBits() (bits []int) {
	for i := range wire.AckBits {
		bits = append(bits, i)
	}
	return bits
}
