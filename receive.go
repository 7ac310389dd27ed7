package intentra

import (
	"context"
	"time"

	"github.com/intentra/intentra/internal/recvq"
)

// Received is a message that has arrived, as it is passed to [Config].Handler and
// returned by Receive. The payload is borrowed by a Handler, until it returns, and
// belongs to the caller of Receive.
type Received struct {
	// Peer is the sender.
	Peer *Peer
	// Arrived is when the datagram with the message was read from the socket. For a
	// Reliable message that had to wait for an earlier one it is when the datagram
	// with the earlier one was read.
	Arrived time.Time
	Message
}

// Receive waits for the next message of any peer; peers with messages are served round-robin.
// The error is the cause of ctx, or net.ErrClosed once the transport is closed and
// all messages have been received. Messages of peers that have been forgotten can
// still be received, but only those of the last 64 such peers.
//
// It may be called from several goroutines. In OnPeer it returns [ErrInCallback]. A
// transport with a Handler delivers every message to it and none to Receive.
func (t *Transport) Receive(ctx context.Context) (Received, error) {
	if err := t.mayReceive(); err != nil {
		return Received{}, err
	}
	p, m, err := t.received.Receive(ctx)
	if err != nil {
		return Received{}, receiveError(err)
	}
	return p.receivedMessage(m), nil
}

// Receive waits for the next message of this peer, like [Transport.Receive]. The
// error is net.ErrClosed once all messages have been received and the transport is
// closed, a peer that this side dialled has ended the connection for good, or a
// peer that dialled this side has been disconnected for [Config].ForgetAfter.
func (p *Peer) Receive(ctx context.Context) (Received, error) {
	if err := p.t.mayReceive(); err != nil {
		return Received{}, err
	}
	m, err := p.receiveQueue().Receive(ctx)
	if err != nil {
		return Received{}, receiveError(err)
	}
	return p.receivedMessage(m), nil
}

func (p *Peer) receivedMessage(m recvq.Message) Received {
	return Received{
		Peer: p, Arrived: p.t.timeOf(m.Arrived),
		Message: Message{Channel: m.Channel, Intent: m.Intent, Payload: m.Payload},
	}
}

// mayReceive returns an error if the caller is OnPeer.
func (t *Transport) mayReceive() error {
	if t.notifying.Load() {
		return waits("Receive")
	}
	return nil
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
