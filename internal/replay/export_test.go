package replay

import (
	"encoding/binary"
	"io"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/noise"
)

// Kept replays a recording and returns the largest number of peers known at a
// time, and the number of peers with messages to queue at the end.
func Kept(c *journal.Capture, o Options) (peers, pushes int, err error) {
	first, err := c.Next()
	if err != nil {
		return 0, 0, err
	}
	f, err := newFull(o, &viewing{}, first.Entry.Start)
	if err != nil {
		return 0, 0, err
	}
	for {
		it, err := c.Next()
		if err == io.EOF {
			return peers, len(f.pushes), nil
		}
		if err != nil {
			return 0, 0, err
		}
		if err := f.item(it); err != nil {
			return 0, 0, err
		}
		peers = max(peers, len(f.peers))
	}
}

// Segments splits a captured packet into its datagrams.
func Segments(data []byte) [][]byte { return segments(data) }

// OpenBeyond opens epochs in the replay of a plain capture that already has n pairs
// of identities, and returns the number of epochs opened.
func OpenBeyond(n int, epochs ...conn.EpochKeys) (opened int, err error) {
	p, err := newPlain(Options{Keys: &journal.Keys{}}, &viewing{})
	if err != nil {
		return 0, err
	}
	for i := range n {
		e := ends{own: [noise.KeySize]byte{31: 1}}
		binary.LittleEndian.PutUint32(e.peer[:], uint32(i))
		p.peers[e] = 0
	}
	for _, k := range epochs {
		if err := p.openEpoch(k); err != nil {
			return opened, err
		}
		opened++
	}
	return opened, nil
}
