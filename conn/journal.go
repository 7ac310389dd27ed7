package conn

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Journal has the hooks of a recording, for what the calls between a driver and its
// endpoint do not show. Each may be nil, and is called on the endpoint's goroutine
// unless it says otherwise.
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
	// methods but Number. The payload is valid until it returns.
	Pushed func(p *Peer, n uint64, m Message)
	// Displaced is called, like Pushed, when p's queue has dropped count of its Realtime
	// and Latest messages because of Config.SendMemory.
	Displaced func(p *Peer, n uint64, count int)
	// Dropped is called for each drop of the inbound chain, with the row of its
	// Counts. It must not block.
	Dropped func(row int)
	// Keyed is called with the keys of each new epoch. They are secret.
	Keyed func(k EpochKeys, now pipeline.Time)
}

// EpochKeys are the keys of one epoch, with the session that they belong to.
type EpochKeys struct {
	Own, Peer     [KeySize]byte // the public keys, ours and the peer's
	Local, Remote uint32        // receiver indexes, ours and the peer's
	Seq           uint32        // the epoch's number in its session, from zero
	Suite         wire.Suite
	Dialer        bool // this side dialled the session
	Send, Receive [KeySize]byte
}
