package replay

import (
	"io"

	"github.com/intentra/intentra/journal"
)

// Kept replays a journal and returns how many peers were known at most, and for how
// many messages are kept at the end.
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

// Apart takes a captured datagram apart.
func Apart(data []byte) [][]byte { return apart(data) }
