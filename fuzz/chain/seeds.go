package chain

import (
	"bytes"
	"slices"

	"github.com/intentra/intentra/fuzz/internal/recorded"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// seeds returns recorded and constructed packets of live epochs, handshake packets,
// and garbage.
func seeds(change func(*stages.Set) error) ([][]byte, error) {
	r, err := newRig(change)
	if err != nil {
		return nil, err
	}
	list := append(recordedSeeds(), frameSeeds()...)
	list = append(list, handshakeSeeds()...)
	for n := range links {
		var genuine []byte
		if err := r.guarded(func() error {
			genuine = bytes.Clone(newSenders(r).through(item{argument: byte(n), body: []byte("state")}))
			return nil
		}); err != nil {
			return nil, err
		}
		one := appendItem(nil, anyBytes, 0, genuine)
		list = append(list, appendItem(one, again, 0, nil), appendItem(bytes.Clone(one), flipped, 77, []byte("11")))
	}
	mixed := appendItem(appendItem(nil, byChain, 0, []byte("a")), withheld, 12, []byte("bc"))
	mixed = appendItem(appendItem(mixed, byChain, 8, []byte("d")), laterKind, 3, nil)
	mixed = appendItem(appendItem(appendItem(mixed, again, 1, nil), elsewhere, 1, nil), byChain, 0x1b, []byte("ef"))
	return append(list, mixed, appendItem(nil, anyBytes, 0, nil), appendItem(nil, anyBytes, 0, []byte{0x11})), nil
}

// recordedSeeds returns a real exchange three times: its datagrams as a stranger
// replays them, its frames as a peer seals them, and its messages as we send them.
func recordedSeeds() (list [][]byte) {
	e := recorded.Read()
	for _, part := range []struct {
		kind    byte
		packets [][]byte
	}{{anyBytes, e.Datagrams}, {byPeer, e.Frames}, {byChain, e.Messages}} {
		for chunk := range slices.Chunk(part.packets, 8) {
			var input []byte
			for i, b := range chunk {
				// Of three peers, each with counters of its own.
				input = appendItem(input, part.kind, byte(i%3+i/3*len(links)), b)
			}
			list = append(list, appendItem(appendItem(input, proven, 0, nil), again, 1, nil))
		}
	}
	return list
}

// frameSeeds returns frames of all types, valid and invalid.
func frameSeeds() [][]byte {
	message := func(t wire.FrameType, payload string) []byte { return wire.AppendMessage(nil, t, 7, []byte(payload)) }
	reliable := func(seq uint64, distance uint16) []byte {
		return wire.AppendReliable(nil, 3, seq, distance, []byte("r"))
	}
	acked := wire.AppendAck(nil, &wire.Ack{Largest: 1, Bitmap: wire.AckBitmap{1}})
	frames := [][]byte{
		message(wire.FrameRealtime, "now"), message(wire.FrameLatest, "newest"), reliable(0, 0), reliable(2, 1), reliable(1, 1), acked,
		wire.AppendPing(nil), wire.AppendClose(nil, wire.CloseNormal), wire.AppendPath(nil, wire.FramePathChallenge, [8]byte{1}),
		wire.AppendRekey(nil, wire.RekeyInit, []byte("noise")), {0}, {99},
	}
	var each []byte
	for i, f := range frames {
		each = appendItem(each, byPeer, byte(i*len(links)+i%2), f)
	}
	all := bytes.Join(frames, nil)
	return [][]byte{each, appendItem(nil, byPeer, 4, all[:len(all)-1]), appendItem(nil, byPeer, 5, all)}
}

// handshakeSeeds returns a packet of each handshake type with zeros after the header,
// which is all that the chain reads.
func handshakeSeeds() (list [][]byte) {
	for _, packet := range []struct {
		header wire.Header
		size   int
	}{
		{wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 9}, wire.InitSize},
		{wire.Header{Type: wire.TypeResponse, Suite: wire.ChaChaPoly, Receiver: 9}, wire.ResponseSize},
		{wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: uint32(links[0].Epoch)}, wire.FinalSize},
		{wire.Header{Type: wire.TypeCookie, Suite: wire.AESGCM, Receiver: 9}, wire.CookiePacketSize},
	} {
		data := make([]byte, packet.size)
		copy(data, wire.AppendHeader(nil, packet.header))
		input := appendItem(appendItem(nil, anyBytes, 0, data), again, 0, nil)
		input = appendItem(appendItem(input, proven, 0, nil), elsewhere, 2, nil)
		list = append(list, input)
	}
	return list
}
