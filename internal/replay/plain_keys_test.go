package replay_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Our port and the peer's in handwritten captures.
const ours, theirs = 1, 2

// ipv4 returns a datagram as captured.
func ipv4(from, to uint16, data []byte) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	for _, v := range []uint16{from, to, uint16(8 + len(data)), 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return append(b, data...)
}

// dataPacket returns a Data packet sealed with an AES-GCM key.
func dataPacket(t testing.TB, key [noise.KeySize]byte, receiver uint32, counter uint64, frames []byte) []byte {
	a, err := noise.NewAEAD(wire.AESGCM, key)
	require.NoError(t, err)
	h := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: receiver, Counter: counter})
	return a.Seal(h, noise.AppendNonce(nil, wire.AESGCM, counter), frames, h)
}

// written replays a handwritten capture with handwritten keys.
func written(t testing.TB, epochs []conn.EpochKeys, packets ...[]byte) (res replay.Result, all []replay.Packet) {
	keys := &journal.Keys{Local: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), ours)}
	for _, k := range epochs {
		keys.Epochs = append(keys.Epochs, journal.Epoch{EpochKeys: k})
	}
	var heardAll []heard
	for _, p := range packets {
		heardAll = append(heardAll, heard{0, p})
	}
	c, err := journal.NewCapture(bytes.NewReader(pcap(heardAll)))
	require.NoError(t, err)
	res, err = replay.Run(c, replay.Options{Keys: keys, Packet: func(p replay.Packet) { all = append(all, p) }})
	require.NoError(t, err)
	return res, all
}

// A packet of ours may have any counter, and its replay takes no longer for it. A
// counter that no transport uses cannot be acknowledged.
func TestPlainCounterOfOurs(t *testing.T) {
	k := conn.EpochKeys{
		Suite: wire.AESGCM, Local: 1<<20 | 5, Remote: 77,
		Send: [noise.KeySize]byte{1}, Receive: [noise.KeySize]byte{2},
	}
	for _, tt := range []struct {
		counter uint64
		verdict string
	}{
		{1 << 20, "accept"},
		{conn.HardPackets - 1, "accept"},
		{conn.HardPackets, "drop ack/unsent"},
		{1 << 63, "drop ack/unsent"},
		{math.MaxUint64, "drop ack/unsent"},
	} {
		frames := wire.AppendAck(nil, &wire.Ack{Largest: tt.counter})
		res, all := written(t, []conn.EpochKeys{k},
			ipv4(ours, theirs, dataPacket(t, k.Send, k.Remote, tt.counter, wire.AppendPing(nil))),
			ipv4(theirs, ours, dataPacket(t, k.Receive, k.Local, 0, frames)))
		require.Equal(t, 1, res.Sent)
		require.Len(t, all, 1)
		require.Equal(t, tt.verdict, all[0].Replayed.String(), tt.counter)
	}
}

// A session may have any number of epochs, each with its own index. The latest
// three are open, as in the captured transport.
func TestPlainCaptureOfManyEpochs(t *testing.T) {
	var epochs []conn.EpochKeys
	var packets [][]byte
	for i := range uint32(7) {
		k := conn.EpochKeys{
			Suite: wire.AESGCM, Seq: i, Local: 1<<20 | (5 + i), Remote: 77,
			Receive: [noise.KeySize]byte{1, byte(i)}, Send: [noise.KeySize]byte{2, byte(i)},
		}
		epochs = append(epochs, k)
		packets = append(packets, ipv4(theirs, ours,
			dataPacket(t, k.Receive, k.Local, 0, wire.AppendMessage(nil, wire.FrameRealtime, 1, []byte("x")))))
	}
	res, all := written(t, epochs, packets...)
	require.Equal(t, 3, res.Delivered)
	require.Len(t, all, len(packets))
	for i, p := range all {
		if i < len(all)-3 {
			require.Equal(t, "drop header/unknown_index", p.Replayed.String(), "epoch %d", i)
			continue
		}
		require.Equal(t, 1, p.Replayed.Delivered, "epoch %d", i)
	}
}

// A keys file with more pairs of identities than there are peer numbers is rejected.
func TestPlainKeysOfTooManyPeers(t *testing.T) {
	last := conn.EpochKeys{Suite: wire.AESGCM, Local: 1<<20 | 5, Remote: 77}
	beyond := last
	beyond.Peer[0]++
	opened, err := replay.OpenBeyond(pipeline.MaxIDs-1, last, last, beyond)
	require.Equal(t, 2, opened)
	require.ErrorIs(t, err, journal.ErrKeys)
}
