package dissector

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/wire"
)

// The dissector reports the fault for which package wire rejects a packet, and
// never fails itself.
func TestMalformedPackets(t *testing.T) {
	t.Parallel()
	r := seed.Rand(t)
	packets := contents(packetSamples(t, wire.ChaChaPoly))
	all := slices.Concat(truncations(packets), badHeaders(packets), corrupted(r, packets, 200))
	for i, p := range dissect(t, datagrams(all), portOption...) {
		b := all[i]
		if len(b) == 0 {
			require.Empty(t, p) // Wireshark calls no dissector for an empty datagram
			continue
		}
		require.Equal(t, faultsOf(b), p.faults(), "%x", b)
		p.requireTrue(t, b, udpHeaders)
	}
	empty := dissect(t, plaintexts([][]byte{{}}), userDLT("intentra")...)
	require.Equal(t, []string{"intentra.fault.short"}, empty[0].faults())
}

// Without a configured port the heuristic accepts a datagram exactly if no receiver
// would drop it for its header.
func TestHeuristicAcceptsOnlyValidHeaders(t *testing.T) {
	t.Parallel()
	r := seed.Rand(t)
	packets := contents(packetSamples(t, wire.AESGCM))
	all := slices.Concat(packets, truncations(packets), badHeaders(packets), corrupted(r, packets, 200), junk(r, 300))
	for i, p := range dissect(t, datagrams(all)) {
		h, f := wire.ParseHeader(all[i])
		valid := f == wire.FaultNone && h.Counter < 1<<28
		require.Equal(t, valid, p != nil, "%x", all[i])
		if valid {
			require.Equal(t, faultsOf(all[i]), p.faults())
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	t.Parallel()
	r := seed.Rand(t)
	frames := contents(frameSamples(t))
	frames = frames[:len(frames)-1] // the last one, all frames together, is too long
	all := slices.Concat(truncations(frames), corrupted(r, frames, 400), junk(r, 100), badFrames())
	for i, p := range dissect(t, plaintexts(all), asFrames...) {
		require.Equal(t, !wellFormed(all[i]), slices.Contains(p.faults(), "intentra.frame.malformed"), "%x", all[i])
		p.requireTrue(t, all[i], 0)
	}
}

func TestMalformedHellos(t *testing.T) {
	t.Parallel()
	r := seed.Rand(t)
	hellos := contents(helloSamples())
	all := slices.Concat(truncations(hellos), corrupted(r, hellos, 200))
	for at := range wire.HelloSize { // zero out part of a field, or append bytes
		b := bytes.Clone(hellos[0])
		copy(b[at/4*4:], make([]byte, at%4+1))
		all = append(all, b, append(bytes.Clone(hellos[0]), make([]byte, at+1)...))
	}
	for i, p := range dissect(t, plaintexts(all), asHello...) {
		_, ok := wire.ParseHello(all[i])
		require.Equal(t, !ok, len(p.faults()) == 1, "%x", all[i])
		p.requireTrue(t, all[i], 0)
	}
}

// A packet that the capture has truncated is reported as such, not as malformed.
func TestTruncatedByTheCapture(t *testing.T) {
	t.Parallel()
	c := newCapture(linkRaw)
	var all [][]byte
	for _, b := range contents(packetSamples(t, wire.AESGCM)) {
		for n := range b {
			c = c.add(datagram(len(all), b)[:udpHeaders+n], udpHeaders+len(b))
			all = append(all, b[:n])
		}
	}
	for i, p := range dissect(t, c, asIntentra...) {
		if len(all[i]) > 0 {
			require.Equal(t, []string{"intentra.fault.cut"}, p.faults(), "%x", all[i])
		}
		p.requireTrue(t, all[i], udpHeaders)
	}
}

// faultsOf returns the faults of the packet b according to package wire and to
// section 4 of PROTOCOL.md.
func faultsOf(b []byte) (faults []string) {
	h, f := wire.ParseHeader(b)
	if f != wire.FaultNone {
		faults = append(faults, "intentra.fault."+wire.FaultNames()[f-1])
	}
	known := len(b) >= wire.HeaderSize && f != wire.FaultVersion && f != wire.FaultType
	if known && h.Type == wire.TypeInit && len(b) >= wire.InitSize-wire.CookieSize &&
		!bytes.Equal(b[48:144], make([]byte, wire.InitPadding)) {
		faults = append(faults, "intentra.fault.padding")
	}
	if known && h.Type == wire.TypeData && h.Counter >= 1<<28 {
		faults = append(faults, "intentra.fault.counter")
	}
	return faults
}

// wellFormed reports whether a plaintext consists of well-formed frames according to
// package wire, with Origin and AckTime in their places (section 5.5).
func wellFormed(b []byte) bool {
	ok := len(b) > 0
	var before wire.FrameType
	for ok && len(b) > 0 {
		var f wire.Frame
		n := f.Parse(b)
		inPlace := (before != wire.FrameOrigin || f.Type.IsMessage() || f.Type == wire.FrameFragment) &&
			(f.Type != wire.FrameAckTime || before == wire.FrameAck)
		before = f.Type
		ok, b = n > 0 && inPlace, b[n:]
	}
	return ok && before != wire.FrameOrigin
}

// truncations returns every proper prefix of every packet.
func truncations(packets [][]byte) (all [][]byte) {
	for _, b := range packets {
		for n := range b {
			all = append(all, b[:n])
		}
	}
	return all
}

// badHeaders returns each packet with every bit of its header flipped in turn,
// and with one byte appended.
func badHeaders(packets [][]byte) (all [][]byte) {
	for _, b := range packets {
		for bit := range 8 * wire.HeaderSize {
			bad := bytes.Clone(b)
			bad[bit/8] ^= 1 << (bit % 8)
			all = append(all, bad)
		}
		all = append(all, append(bytes.Clone(b), 0))
	}
	padding := bytes.Clone(packets[0]) // an Init
	padding[111] = 1
	return append(all, padding)
}

// corrupted returns n packets with up to three bytes overwritten at random.
func corrupted(r *rand.Rand, packets [][]byte, n int) (all [][]byte) {
	for range n {
		b := bytes.Clone(packets[r.IntN(len(packets))])
		for range 1 + r.IntN(3) {
			b[r.IntN(min(len(b), 40))] = byte(r.Uint32())
		}
		all = append(all, b)
	}
	return all
}

// junk returns n random datagrams.
func junk(r *rand.Rand, n int) (all [][]byte) {
	for range n {
		b := make([]byte, 1+r.IntN(200))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		all = append(all, b)
	}
	return all
}

// badFrames returns malformed frames that random changes seldom produce.
func badFrames() [][]byte {
	bad := [][]byte{
		{},
		{1, 0x40, 63, 0}, {1, 0x80, 0, 0x3f, 0xff, 0}, {1, 0xc0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 0}, // not the shortest form
		{1, 0xc0, 0, 0, 1, 0, 0, 0, 0, 0}, {1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0}, // 2^32 and above
		{1, 0, 0xc0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, // a payload longer than the packet
		{9, 0, 0}, {9, 0, 1, 0}, {9, 4, 0},
		wire.AppendGivenUp(nil, 1, 1023, 1024), wire.AppendGivenUp(nil, 1, 4, 5), wire.AppendPing(wire.AppendGivenUp(nil, 1, 4, 5)),
		wire.AppendOrigin(nil, 1, 1), wire.AppendPing(wire.AppendOrigin(nil, 1, 1)), wire.AppendMessage(wire.AppendOrigin(nil, 1<<60, 1), 1, 1, nil),
		wire.AppendAckTime(nil, 1), wire.AppendAckTime(wire.AppendPing(nil), 1), wire.AppendAckTime(wire.AppendAck(nil, &wire.Ack{}), 1<<60),
		wire.AppendReliable(nil, 1, 1023, 1024, nil), wire.AppendReliable(nil, 1, 8000, 4096, nil), wire.AppendReliable(nil, 1, 4, 5, nil),
	}
	for largest := range uint64(10) { // bits below counter zero
		a := wire.Ack{Largest: largest}
		a.Bitmap[0] = 1 << 7
		bad = append(bad, wire.AppendAck(nil, &a))
	}
	long := append(wire.AppendAck(nil, &wire.Ack{Largest: 5000}), bytes.Repeat([]byte{1}, 129)...)
	long[20] = 129
	zero := append(wire.AppendAck(nil, &wire.Ack{Largest: 5000}), 1, 0)
	zero[20] = 2
	return append(bad, long, zero)
}
