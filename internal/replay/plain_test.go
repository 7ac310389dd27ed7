package replay_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// heard is a captured packet and its time since the Unix epoch.
type heard struct {
	at     time.Duration
	packet []byte
}

// packets returns the packets of a recording.
func packets(t testing.TB, capture []byte) (all []heard) {
	le := binary.LittleEndian
	for _, k := range split(t, capture) {
		if k.kind == kindPacket {
			at := time.Duration(uint64(le.Uint32(k.fixed[4:]))<<32 | uint64(le.Uint32(k.fixed[8:])))
			all = append(all, heard{at, bytes.Clone(k.packet)})
		}
	}
	return all
}

// pcap returns a pcap file with times in nanoseconds, as tcpdump writes it.
func pcap(packets []heard) []byte {
	le := binary.LittleEndian
	out := le.AppendUint32(nil, 0xa1b23c4d)
	out = append(out, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0)
	for _, p := range packets {
		for _, v := range []uint32{uint32(p.at / time.Second), uint32(p.at % time.Second), uint32(len(p.packet)), uint32(len(p.packet))} {
			out = le.AppendUint32(out, v)
		}
		out = append(out, p.packet...)
	}
	return out
}

// stripped returns the packets of a recording as tcpdump captures them, each
// changed by change.
func stripped(t testing.TB, capture []byte, change func(packet []byte) []byte) []byte {
	all := packets(t, capture)
	for i := range all {
		all[i].packet = change(all[i].packet)
	}
	return pcap(all)
}

func unchanged(packet []byte) []byte { return packet }

// judged replays a capture and returns the outcomes of the data packets, in order.
func judged(t testing.TB, capture, keys []byte) (res replay.Result, recorded, replayed []string, delivered int) {
	o := options()
	o.Packet = func(p replay.Packet) {
		if kind, _, ok := wire.Peek(p.Data); !ok || kind != wire.TypeData {
			require.True(t, p.Note != "" || p.Recorded.Verdict != "", "a handshake packet must have a note or a recorded verdict")
			return
		}
		recorded = append(recorded, p.Recorded.String())
		replayed = append(replayed, p.Replayed.String())
		delivered += p.Replayed.Delivered
	}
	res, _ = replayOf(t, capture, keys, o)
	return res, recorded, replayed, delivered
}

// busy returns a pair that has exchanged messages of all intents during several
// rekeys.
func busy(t testing.TB, suite intentra.Suite, seed uint64) (w *world, dialer, listener *node) {
	w = newWorld(t, seed)
	w.SetDefault(sim.Link{Delay: time.Millisecond, Reorder: 0.1, ReorderDelay: 3 * time.Millisecond, Duplicate: 0.03})
	c := intentra.Config{RekeyAfterPackets: 40, Suite: suite}
	dialer, listener, p := pair(w, c, c)
	back := listener.peers[0]
	for i := range 300 {
		dialer.push(p, uint32(i%3), anyIntent(i), number(i))
		if i%4 == 0 {
			listener.push(back, 1, intentra.Reliable, number(i))
		}
		w.run(2 * time.Millisecond)
	}
	w.run(400 * time.Millisecond)
	w.end()
	return w, dialer, listener
}

// A plain capture, as tcpdump takes it, yields the recorded verdict of every data
// packet, and the same messages.
func TestPlainCapture(t *testing.T) {
	for _, suite := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		w, dialer, listener := busy(t, suite, 1)
		w.requireSame(options())
		stranger, _, _ := busy(t, suite, 2)
		others := stranger.nodes
		for name, s := range map[string]*node{"dialer": dialer, "listener": listener} {
			_, recorded, _, _ := judged(t, s.capture.Bytes(), s.keys.Bytes())
			capture := stripped(t, s.capture.Bytes(), unchanged)
			res, _, replayed, delivered := judged(t, capture, s.keys.Bytes())
			require.False(t, res.Journal)
			require.Positive(t, res.Unjudged)
			require.Equal(t, recorded, replayed, name)
			require.Equal(t, s.delivered, delivered)
			require.Equal(t, s.received(), res.Received)
			require.Zero(t, res.Other)

			// With the peer's keys the other direction is judged.
			theirs := map[*node]*node{dialer: listener, listener: dialer}[s]
			_, _, _, delivered = judged(t, capture, theirs.keys.Bytes())
			require.Positive(t, delivered)
			// The keys of other transports open nothing.
			other := map[*node]*node{dialer: others[0], listener: others[1]}[s]
			_, _, replayed, delivered = judged(t, capture, other.keys.Bytes())
			require.Zero(t, delivered, name)
			for _, verdict := range replayed {
				require.Equal(t, "drop", verdict[:4])
			}
		}
	}
}

// If both sides have the same port, our packets are recognised by their keys.
func TestPlainCaptureWithEqualPorts(t *testing.T) {
	_, _, s := busy(t, intentra.AESGCM, 1)
	onePort := func(packet []byte) []byte {
		copy(packet[20:24], []byte{0, 2, 0, 2})
		return packet
	}
	_, recorded, _, _ := judged(t, s.capture.Bytes(), s.keys.Bytes())
	res, _, replayed, delivered := judged(t, stripped(t, s.capture.Bytes(), onePort), s.keys.Bytes())
	require.Equal(t, s.delivered, delivered)
	require.Zero(t, res.Other)
	// Packets that we sent before the first key count as received.
	require.Equal(t, recorded, replayed[:len(recorded)])
}

// Packets of other programs are counted and otherwise ignored.
func TestPlainCaptureOfOthers(t *testing.T) {
	_, _, s := busy(t, intentra.AESGCM, 1)
	others := func(packet []byte) []byte {
		copy(packet[20:24], []byte{0, 9, 0, 8})
		return packet
	}
	res, _, replayed, _ := judged(t, stripped(t, s.capture.Bytes(), others), s.keys.Bytes())
	require.Empty(t, replayed)
	require.Zero(t, res.Received+res.Sent)
	require.Positive(t, res.Other)
	tcp := func(packet []byte) []byte { packet[9] = 6; return packet }
	res, _, _, _ = judged(t, stripped(t, s.capture.Bytes(), tcp), s.keys.Bytes())
	require.Zero(t, res.Received+res.Sent)
}

// Truncated packets are counted apart from those of other programs.
func TestTruncatedPlainCapture(t *testing.T) {
	_, _, s := busy(t, intentra.AESGCM, 1)
	cutTo := func(capture []byte, most int) (out []byte, whole int) {
		le := binary.LittleEndian
		out = append(out, capture[:24]...)
		for rest := capture[24:]; len(rest) > 0; {
			n := int(le.Uint32(rest[8:]))
			if n <= most {
				whole++
			}
			at := len(out)
			out = append(out, rest[:16+min(n, most)]...)
			le.PutUint32(out[at+8:], uint32(min(n, most)))
			rest = rest[16+n:]
		}
		return out, whole
	}
	all := stripped(t, s.capture.Bytes(), unchanged)
	for _, most := range []int{10, 27, 28, 56, 70, 1500} {
		capture, whole := cutTo(all, most)
		res, _, _, _ := judged(t, capture, s.keys.Bytes())
		require.Equal(t, whole, res.Received+res.Sent, "cut to %d bytes", most)
		require.Equal(t, len(packets(t, s.capture.Bytes()))-whole, res.Cut, "cut to %d bytes", most)
		require.Equal(t, res.Cut, res.Other)
	}
	other := stripped(t, s.capture.Bytes(), func(packet []byte) []byte {
		copy(packet[20:24], []byte{0, 9, 0, 8})
		return packet
	})
	capture, _ := cutTo(other, 50)
	res, _, _, _ := judged(t, capture, s.keys.Bytes())
	require.Zero(t, res.Cut)
	require.Positive(t, res.Other)
}

// Peers of a hub choose their receiver indexes independently, so several may have
// the same one. The key that opens a packet of ours tells which peer it went to.
func TestPlainCaptureOfAHub(t *testing.T) {
	w := newWorld(t, 1)
	hub := w.node(intentra.Config{Authorize: intentra.AllowAny})
	for range 40 {
		s := w.node(intentra.Config{})
		s.dial(hub, s.identity)
	}
	w.run(400 * time.Millisecond)
	require.Len(t, hub.peers, 40)
	for i := range 20 {
		for _, p := range hub.peers {
			hub.push(p, 1, intentra.Reliable, number(i))
		}
		for _, s := range w.nodes[1:] {
			s.push(s.peers[0], 1, intentra.Realtime, number(i))
		}
		w.run(5 * time.Millisecond)
	}
	w.run(300 * time.Millisecond)
	w.end()
	indexes := map[uint32]bool{}
	_, recorded, _, _ := judged(t, hub.capture.Bytes(), hub.keys.Bytes())
	for _, k := range split(t, hub.capture.Bytes()) {
		if k.kindOf(t) == "sent" {
			if kind, index, _ := wire.Peek(k.packet[28:]); kind == wire.TypeData {
				indexes[index] = true
			}
		}
	}
	require.Less(t, len(indexes), 40, "no two peers have chosen the same index: use another seed")
	_, _, replayed, delivered := judged(t, stripped(t, hub.capture.Bytes(), unchanged), hub.keys.Bytes())
	require.Equal(t, recorded, replayed)
	require.Equal(t, 40*20, delivered)
}

// Several identities of one transport each have a session with the same peer.
func TestPlainCaptureOfIdentities(t *testing.T) {
	w := newWorld(t, 1)
	c := intentra.Config{RekeyAfterPackets: 40}
	dialer, listener, _ := pair(w, c, c)
	for range 3 {
		dialer.dial(listener, w.newIdentity())
	}
	w.run(400 * time.Millisecond)
	require.Len(t, dialer.peers, 4)
	require.Len(t, listener.peers, 4)
	for i := range 60 {
		for j := range dialer.peers {
			dialer.push(dialer.peers[j], 1, intentra.Reliable, number(i))
			listener.push(listener.peers[j], 1, intentra.Reliable, number(i))
		}
		w.run(5 * time.Millisecond)
	}
	w.run(300 * time.Millisecond)
	w.end()
	for name, s := range map[string]*node{"dialer": dialer, "listener": listener} {
		_, recorded, _, _ := judged(t, s.capture.Bytes(), s.keys.Bytes())
		_, _, replayed, delivered := judged(t, stripped(t, s.capture.Bytes(), unchanged), s.keys.Bytes())
		require.Equal(t, recorded, replayed, name)
		require.Equal(t, s.delivered, delivered, name)
		require.GreaterOrEqual(t, delivered, 4*60, name)
	}
}
