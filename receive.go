package intentra

import (
	"context"

	"github.com/intentra/intentra/internal/recvq"
)

// Received is a message with its sender. The payload is the caller's.
type Received struct {
	Peer *Peer
	Message
}

// Receive waits for the next message of any peer; peers take turns. Messages
// that are still there when the transport is closed are returned before
// net.ErrClosed; those of peers that are not coming back wait, too, but only of
// the 64 that went last. It may be called from several goroutines, but not together
// with a Handler, which then gets all messages, nor from one.
func (t *Transport) Receive(ctx context.Context) (Received, error) {
	p, m, err := t.received.Receive(ctx)
	if err != nil {
		return Received{}, receiveError(err)
	}
	return Received{Peer: p, Message: Message(m)}, nil
}

// Receive waits for the next message of this peer; see Transport.Receive. It
// returns net.ErrClosed once the peer is not coming back: because the transport
// is closed, a peer that we dialled has ended the connection for good, or one
// that dialled us has been gone for Config.ForgetAfter.
func (p *Peer) Receive(ctx context.Context) (Message, error) {
	m, err := p.receiveQueue().Receive(ctx)
	if err != nil {
		return Message{}, receiveError(err)
	}
	return Message(m), nil
}

func receiveError(err error) error {
	if err == recvq.ErrClosed {
		return errClosed
	}
	return err
}

// receiveQueue returns the peer's queue of received messages, and makes it when
// it is first needed: with a Handler it never is. It may be called from any
// goroutine.
func (p *Peer) receiveQueue() *recvq.Queue[*Peer] {
	if q := p.received.Load(); q != nil {
		return q
	}
	p.received.CompareAndSwap(nil, p.t.received.NewQueue(p))
	return p.received.Load()
}
