package replay_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// coalesced is what tcpdump would have written of a recording beside a sender
// that leaves segmentation to the kernel: neighbours of one direction and length,
// and a shorter one behind them, are one. It returns how many are part of such.
func coalesced(t testing.TB, capture []byte) (out []byte, together int) {
	const ip, headers = 20, 28
	var runs []heard
	segment, count := 0, 0
	for _, p := range packets(t, capture) {
		data := p.packet[headers:]
		kind, index, _ := wire.Peek(data)
		if count > 0 && len(data) <= segment && kind == wire.TypeData {
			run := &runs[len(runs)-1]
			_, first, _ := wire.Peek(run.packet[headers:])
			whole := len(run.packet) == headers+count*segment && len(run.packet)+len(data) < 65_000
			if whole && index == first && bytes.Equal(run.packet[12:24], p.packet[12:24]) {
				run.packet = append(run.packet, data...)
				binary.BigEndian.PutUint16(run.packet[ip+4:], uint16(len(run.packet)-ip))
				run.at = p.at // the keys of the later ones may be younger
				if together++; count == 1 {
					together++
				}
				count++
				continue
			}
		}
		runs, segment, count = append(runs, p), len(data), 1
	}
	return pcap(runs), together
}

// Datagrams that a capture has as one, because they were to be segmented further
// down, are judged one by one.
func TestPlainCaptureBeforeSegmentation(t *testing.T) {
	for _, suite := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		w := newWorld(t, fixed())
		dialer, listener, p := pair(w, intentra.Config{Suite: suite}, intentra.Config{})
		for i := range 40 {
			for j := range 100 {
				dialer.push(p, uint32(j), intentra.Reliable, bytes.Repeat(number(i), 20+i%3))
				listener.push(listener.peers[0], uint32(j), intentra.Realtime, bytes.Repeat(number(j), 50))
			}
			w.settle(2e6)
		}
		w.settle(400e6)
		w.end()
		for name, s := range map[string]*side{"dialer": dialer, "listener": listener} {
			_, recorded, _, _ := judged(t, s.capture.Bytes(), s.keys.Bytes())
			capture, together := coalesced(t, s.capture.Bytes())
			require.Greater(t, together, 200, "too few to tell")
			res, _, replayed, delivered := judged(t, capture, s.keys.Bytes())
			require.Equal(t, recorded, replayed, name)
			require.Equal(t, s.delivered, delivered, name)
			require.Equal(t, s.received, res.Received, name)
		}
	}
}
