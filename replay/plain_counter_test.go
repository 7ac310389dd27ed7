package replay_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/journal"
	"github.com/intentra/intentra/replay"
	"github.com/intentra/intentra/wire"
)

// A packet of ours with a counter that no transport comes to is not one: to count
// up to it would take years.
func TestSentCounterBeyondTheLimit(t *testing.T) {
	send, local := [32]byte{1}, netip.MustParseAddrPort("10.0.0.1:1")
	aead, err := noise.NewAEAD(wire.AESGCM, send)
	require.NoError(t, err)
	for _, counter := range []uint64{conn.HardPackets, 1 << 63, math.MaxUint64} {
		data := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: 77, Counter: counter})
		data = aead.Seal(data, noise.AppendNonce(nil, wire.AESGCM, counter), wire.AppendPing(nil), data)
		keys := &journal.Keys{Local: local, Epochs: []journal.Epoch{{EpochKeys: conn.EpochKeys{
			Suite: wire.AESGCM, Local: 1<<20 | 5, Remote: 77, Send: send, Receive: [32]byte{2},
		}}}}
		capture, err := journal.NewCapture(bytes.NewReader(captureOf(data)))
		require.NoError(t, err)
		res, err := replay.Run(capture, replay.Options{Keys: keys})
		require.NoError(t, err)
		require.EqualValues(t, 1, res.Sent)
	}
}

// captureOf is a capture file (in nanoseconds, of raw IP) of one datagram from
// 10.0.0.1:1 to 10.0.0.2:2.
func captureOf(data []byte) []byte {
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2}
	ip = append(binary.BigEndian.AppendUint16(ip, uint16(8+len(data))), 0, 0)
	ip = append(ip, data...)
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	le := binary.LittleEndian
	out := append(le.AppendUint32(nil, 0xa1b23c4d), 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0)
	for _, v := range []uint32{1, 0, uint32(len(ip)), uint32(len(ip))} {
		out = le.AppendUint32(out, v)
	}
	return append(out, ip...)
}
