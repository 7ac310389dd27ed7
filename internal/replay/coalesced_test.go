package replay_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/wire"
)

// coalesced returns the packets of a recording as tcpdump captures them on a
// machine with segmentation offload: consecutive datagrams of one direction and
// length, and a shorter one after them, become one packet. It also returns the
// number of datagrams that are part of such a run, and the number of runs with a
// handshake packet and with two receiver indexes.
func coalesced(t testing.TB, capture []byte) (out []byte, together, handshakes, indexes int) {
	const ip, headers = 20, 28
	var runs []heard
	segment, count, mixed, rekeyed := 0, 0, false, false
	for _, p := range packets(t, capture) {
		data := p.packet[headers:]
		kind, index, _ := wire.Peek(data)
		if count > 0 && len(data) <= segment {
			run := &runs[len(runs)-1]
			first, before, _ := wire.Peek(run.packet[headers+(count-1)*segment:])
			whole := len(run.packet) == headers+count*segment && len(run.packet)+len(data) < 65_000
			if whole && bytes.Equal(run.packet[12:24], p.packet[12:24]) {
				run.packet = append(run.packet, data...)
				binary.BigEndian.PutUint16(run.packet[ip+4:], uint16(len(run.packet)-ip))
				run.at = p.at // the keys of later datagrams may have opened since
				if together++; count == 1 {
					together++
				}
				switch data := wire.TypeData; {
				case (kind != data || first != data) && !mixed:
					mixed = true
					handshakes++
				case kind == data && first == data && index != before && !rekeyed:
					rekeyed = true
					indexes++
				}
				count++
				continue
			}
		}
		runs, segment, count, mixed, rekeyed = append(runs, p), len(data), 1, false, false
	}
	return pcap(runs), together, handshakes, indexes
}

// Datagrams that were captured as one packet, before segmentation, are judged one
// by one.
func TestPlainCaptureBeforeSegmentation(t *testing.T) {
	race.SkipHistory(t)
	for _, suite := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		w := newWorld(t, 1)
		dialer, listener, p := pair(w, intentra.Config{Suite: suite}, intentra.Config{})
		for i := range 40 {
			for j := range 100 {
				dialer.push(p, uint32(j), intentra.Reliable, bytes.Repeat(number(i), 20+i%3))
				listener.push(listener.peers[0], uint32(j), intentra.Realtime, bytes.Repeat(number(j), 50))
			}
			w.run(2e6)
		}
		w.run(400e6)
		w.end()
		for name, s := range map[string]*node{"dialer": dialer, "listener": listener} {
			_, recorded, _, _ := judged(t, s.capture.Bytes(), s.keys.Bytes())
			capture, together, _, _ := coalesced(t, s.capture.Bytes())
			require.Greater(t, together, 150, "too few coalesced datagrams")
			res, _, replayed, delivered := judged(t, capture, s.keys.Bytes())
			require.Equal(t, recorded, replayed, name)
			require.Equal(t, s.delivered, delivered, name)
			require.Equal(t, s.received(), res.Received, name)
		}
	}
}

// Rekeys, and handshakes during a session, occur within such runs.
func TestRekeysBeforeSegmentation(t *testing.T) {
	race.SkipHistory(t)
	handshakes, indexes := 0, 0
	for _, suite := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		w := newWorld(t, 1)
		c := intentra.Config{RekeyAfterPackets: 40, Suite: suite}
		dialer, listener, p := pair(w, c, c)
		for i := range 300 {
			if i%20 == 0 {
				dialer.dial(listener, w.newIdentity())
			}
			for j := range 8 {
				dialer.push(p, uint32(j), intentra.Reliable, bytes.Repeat(number(i), 250))
				listener.push(listener.peers[0], uint32(j), intentra.Realtime, bytes.Repeat(number(j), 250))
			}
			w.run(2e6)
		}
		w.run(400e6)
		w.end()
		for name, s := range map[string]*node{"dialer": dialer, "listener": listener} {
			_, _, want, _ := judged(t, stripped(t, s.capture.Bytes(), unchanged), s.keys.Bytes())
			capture, _, h, i := coalesced(t, s.capture.Bytes())
			handshakes, indexes = handshakes+h, indexes+i
			res, _, replayed, delivered := judged(t, capture, s.keys.Bytes())
			require.Equal(t, want, replayed, name)
			require.Equal(t, s.delivered, delivered, name)
			require.Equal(t, s.received(), res.Received, name)
		}
	}
	t.Log(handshakes, "runs with handshake packets,", indexes, "with two indexes")
	require.Positive(t, handshakes, "no run has a handshake packet")
	require.Positive(t, indexes, "no run has two indexes")
}

// sealed returns a Data packet of size bytes with random ciphertext.
func sealed(r *rand.Rand, receiver uint32, counter uint64, size int) []byte {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: receiver, Counter: counter})
	return append(b, random(r, size-len(b))...)
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestSegments(t *testing.T) {
	r := seed.Rand(t)
	shake := func(kind wire.PacketType, size int) []byte {
		h := wire.Header{Type: kind, Suite: wire.AESGCM, Receiver: 9}
		if kind == wire.TypeInit {
			h.Receiver, h.Sender = 0, 7
		}
		b := wire.AppendHeader(nil, h)
		return append(b, random(r, size-len(b))...)
	}
	init, response := shake(wire.TypeInit, wire.InitSize), shake(wire.TypeResponse, wire.ResponseSize)
	final, cookie := shake(wire.TypeFinal, wire.FinalSize), shake(wire.TypeCookie, wire.CookiePacketSize)
	data := func(receiver uint32, counter uint64, size int) []byte { return sealed(r, receiver, counter, size) }
	for name, run := range map[string][][]byte{
		"one Data packet":              {data(5, 1, 1200)},
		"Init":                         {init},
		"Init and Data":                {init, data(5, 0, 33)},
		"two Inits":                    {init, init, data(5, 0, 160)},
		"Response and Data":            {response, data(5, 0, 160), data(5, 1, 40)},
		"Final and Data":               {final, data(5, 0, 128), data(5, 1, 128)},
		"Cookies":                      {cookie, cookie, data(5, 3, 48)},
		"Data and handshake packets":   {data(5, 1, 160), init, response, final},
		"Data":                         {data(5, 1, 1200), data(5, 2, 1200), data(5, 7, 32)},
		"smallest Data packets":        {data(5, 1, 32), data(5, 2, 32), data(5, 3, 32)},
		"two epochs":                   {data(5, 800, 200), data(5, 801, 200), data(6, 0, 200), data(6, 1, 50)},
		"two epochs in two packets":    {data(5, 800, 1200), data(6, 0, 900)},
		"late packet of the old epoch": {data(6, 0, 200), data(5, 800, 200), data(6, 1, 200)},
		"longest run":                  slices.Repeat([][]byte{init}, 128),
	} {
		require.Equal(t, run, replay.Segments(slices.Concat(run...)), name)
	}
	broken := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 0x80; return b }
	for name, b := range map[string][]byte{
		"empty":                        {},
		"no header":                    init[:10],
		"random bytes":                 random(r, 500),
		"Init and trailing bytes":      slices.Concat(init, random(r, 60)),
		"Init and a counter too high":  slices.Concat(init, data(5, 1<<28, 60)),
		"Init and less than a packet":  slices.Concat(init, data(5, 1, 32)[:31]),
		"Init and Data longer than it": slices.Concat(init, data(5, 1, 161)),
		"Init and part of another":     slices.Concat(init, init[:100]),
		"first is malformed":           slices.Concat(broken(data(5, 1, 200), 2), data(5, 2, 200)),
		"malformed Init":               slices.Concat(broken(init, 4), data(5, 2, 100)),
		"second is longer":             slices.Concat(data(5, 1, 200), data(5, 2, 201)),
		"repeated counter":             slices.Concat(data(5, 1, 200), data(5, 1, 200)),
		"decreasing counter":           slices.Concat(data(5, 2, 200), data(5, 1, 200)),
		"counter too high":             slices.Concat(data(5, 1, 200), data(5, 1<<28, 200)),
		"last is malformed":            slices.Concat(data(5, 1, 200), data(5, 2, 200), broken(data(5, 3, 200), 3)),
		"last has another version":     slices.Concat(data(5, 1, 200), data(6, 2, 200), broken(data(6, 3, 200), 0)),
		"longer than any run":          slices.Concat(slices.Repeat([][]byte{init}, 129)...),
	} {
		require.Equal(t, [][]byte{b}, replay.Segments(b), name)
	}
}

// A single datagram is never split, whatever its ciphertext.
func TestSingleDatagramsAreNotSplit(t *testing.T) {
	r := seed.Rand(t)
	for range 2_000 {
		b := sealed(r, r.Uint32(), uint64(r.Uint32N(1<<28)), 32+r.IntN(3000))
		require.Len(t, replay.Segments(b), 1)
	}
}
