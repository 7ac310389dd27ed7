package conn

import (
	"encoding/binary"
	"fmt"
	"io"
)

// drawInstance draws the number that tells this run of the endpoint from others.
func (e *Endpoint) drawInstance() error {
	var b [8]byte
	if _, err := io.ReadFull(e.cfg.Rand, b[:]); err != nil {
		return fmt.Errorf("conn: reading randomness: %w", err)
	}
	e.instance = binary.BigEndian.Uint64(b[:])
	return nil
}

// Instance returns the random number that peers tell this endpoint by from others with
// the same identity, such as the one before a restart.
func (e *Endpoint) Instance() uint64 { return e.checked().instance }

// Instance returns the [Endpoint.Instance] of the peer in its latest session, zero
// before the first.
func (p *Peer) Instance() uint64 { return p.checked().instance }
