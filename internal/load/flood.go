package load

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/intentra/intentra/wire"
)

// The counters of forged datagrams are the genuine one, up to forgedNear ahead of
// it, which is within any replay window, and more than forgedFar ahead, which
// would empty the window.
const (
	forgedNear = 64
	forgedFar  = 1 << 40
)

// flood creates the datagrams that an observer sends as if it were the peer. It
// belongs to one goroutine.
type flood struct {
	path   *Forwarder
	random *rand.Rand
	turn   uint64
	buffer []byte
}

func newFlood(path *Forwarder) *flood {
	return &flood{path: path, random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
}

// forged returns the peer's latest datagram with one bit of its frames or tag
// flipped. The receiver index is genuine; the counter is in turn the genuine
// one, one that the peer will use soon, and one far ahead. The result is valid
// until the next call, and empty if nothing has been captured.
func (f *flood) forged() []byte {
	b := f.path.Captured(f.buffer[:0], 0)
	f.buffer = b
	if len(b) <= wire.HeaderSize {
		return nil
	}
	body := b[wire.HeaderSize:]
	body[f.random.IntN(len(body))] ^= 1 << f.random.IntN(8)
	counter := binary.BigEndian.Uint64(b[8:])
	switch f.turn++; f.turn % 3 {
	case 1:
		counter += 1 + f.random.Uint64N(forgedNear)
	case 2:
		counter += forgedFar + f.random.Uint64N(forgedFar)
	}
	binary.BigEndian.PutUint64(b[8:], counter)
	return b
}

// replayed returns a copy of one of the peer's latest datagrams, every second
// time of the very latest. The result is valid until the next call, and empty if
// nothing has been captured.
func (f *flood) replayed() []byte {
	back := 0
	if f.turn++; f.turn%2 == 0 {
		back = f.random.IntN(captured)
	}
	f.buffer = f.path.Captured(f.buffer[:0], back)
	return f.buffer
}
