package intentra

import (
	"context"

	"github.com/intentra/intentra/internal/recvq"
)

// Received is a message with its sender. The payload belongs to the receiver.
type Received struct {
	Peer *Peer
	Message
}

// Receive waits for the next message of any peer; peers with messages take turns.
// The error is the cause of ctx, or net.ErrClosed once the transport is closed and
// all messages have been received. Messages of peers that have been forgotten can
// still be received, but only those of the last 64 such peers.
//
// It may be called from several goroutines, but not from Handler or OnPeer. A
// transport with a Handler delivers every message to it and none to Receive.
func (t *Transport) Receive(ctx context.Context) (Received, error) {
	p, m, err := t.received.Receive(ctx)
	if err != nil {
		return Received{}, receiveError(err)
	}
	return Received{Peer: p, Message: Message(m)}, nil
}

// Receive waits for the next message of this peer, like [Transport.Receive]. The
// error is net.ErrClosed once all messages have been received and the transport is
// closed, a peer that this side dialled has ended the connection for good, or a
// peer that dialled this side has been disconnected for [Config].ForgetAfter.
func (p *Peer) Receive(ctx context.Context) (Message, error) {
	m, err := p.receiveQueue().Receive(ctx)
	if err != nil {
		return Message{}, receiveError(err)
	}
	return Message(m), nil
}

// receiveError translates recvq's errors.
func receiveError(err error) error {
	if err == recvq.ErrClosed {
		return errClosed
	}
	return err
}

// receiveQueue returns the queue of received messages. It creates the queue on the
// first call, because with a Handler hardly any peer needs one. It may be called
// from any goroutine.
func (p *Peer) receiveQueue() *recvq.Queue[*Peer] {
	if q := p.received.Load(); q != nil {
		return q
	}
	p.received.CompareAndSwap(nil, p.t.received.NewQueue(p))
	return p.received.Load()
}
