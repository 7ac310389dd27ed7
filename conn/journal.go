package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Journal is what a recording hears of an endpoint beyond the calls that its
// driver makes and is asked; see package journal. All may be nil, and are called
// on the endpoint's goroutine unless they say otherwise.
type Journal struct {
	// Step is called before the endpoint looks at p's send queue or changes it,
	// with the number of that step, which counts from zero for each peer. Step may
	// push to p.
	//
	// Pushes come from any goroutine, and what the endpoint sees of a queue depends
	// on which of them came first: the number of the next step tells.
	Step func(p *Peer, n uint64)
	// Pushed is called for each message that p's queue takes, before step n, on
	// the goroutine that pushes and under the queue's lock: it must not call p's
	// methods but Number. payload is valid until it returns.
	Pushed func(p *Peer, n uint64, channel uint32, intent pipeline.Intent, payload []byte)
	// Dropped is told of each drop of the inbound chain, by row of its Counts.
	// It must not block.
	Dropped func(row int)
	// Keyed is told the keys of each epoch as it opens. They are secret.
	Keyed func(k EpochKeys, now pipeline.Time)
}

// EpochKeys are the keys of one epoch, and what they belong to.
type EpochKeys struct {
	Own, Peer     [KeySize]byte // the public keys of both sides
	Local, Remote uint32        // receiver indexes: ours, and theirs
	Seq           uint32        // of the session's epochs, from zero
	Suite         wire.Suite
	Dialer        bool // we dialled the session
	Send, Receive [KeySize]byte
}
