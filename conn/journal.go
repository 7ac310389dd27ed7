package conn

import (
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Journal is what a recording hears of an endpoint beyond the calls that its
// driver makes and is asked; see package journal. All may be nil, and are called
// on the endpoint's goroutine unless they say otherwise.
type Journal struct {
	// Queues follows the send queues, by Peer.Number, also from the goroutines
	// that push.
	Queues sendq.Watcher
	// Dropped is told of each drop of the inbound chain, by row of its Counts.
	// It must not block.
	Dropped func(row int)
	// Keyed is told the keys of each epoch as it opens. They are secret.
	Keyed func(k EpochKeys, now pipeline.Time)
}

// EpochKeys are the keys of one epoch, and what they belong to.
type EpochKeys struct {
	Own, Peer     [noise.KeySize]byte // the public keys of both sides
	Local, Remote uint32              // receiver indexes: ours, and theirs
	Seq           uint32              // of the session's epochs, from zero
	Suite         wire.Suite
	Dialer        bool // we dialled the session
	Send, Receive [noise.KeySize]byte
}
