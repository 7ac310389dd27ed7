package intentra

import (
	"context"
	"iter"
	"time"

	"github.com/intentra/intentra/internal/recvq"
)

// Received is a message that has arrived. Config.Handler borrows its payload until
// it returns, and the caller of ReceiveBatch until the next call; the caller of
// Receive owns it.
type Received struct {
	// Peer is the sender.
	Peer *Peer
	// Arrived is when the datagram with the message was read from the socket. For a
	// Reliable message that had to wait for an earlier one it is when the datagram
	// with the earlier one was read.
	Arrived time.Time
	Message
}

// Receive waits for the next message of any peer. The messages of a peer come in
// the order in which they were delivered, Reliable ones and the others separately;
// peers whose messages have had to wait are served round-robin. Messages of peers that have been
// forgotten can still be received, but only those of the last 64 such peers.
//
// The caller owns the payload. Payloads share memory, 16 KiB at most, so clone a
// small one that is kept for long.
//
// The error is the cause of ctx, net.ErrClosed once the transport is closed and all
// messages have been received, or at once [ErrHandler] if the transport has a
// Handler. Receive may be called from several goroutines; in OnPeer it returns
// [ErrInCallback].
func (t *Transport) Receive(ctx context.Context) (Received, error) {
	if err := t.mayReceive(ctx); err != nil {
		return Received{}, err
	}
	p, m, err := t.received.Receive(ctx)
	if err != nil {
		return Received{}, receiveError(err)
	}
	return receivedMessage(p, m), nil
}

// ReceiveBatch waits like [Transport.Receive] and then fills batch with the messages
// that are there. It returns their number, which is at least one if the error is
// nil and batch is not empty.
//
// Payloads are borrowed until the next call with the same batch, whose buffers are
// used again: append(batch[i].Payload[:0], ...) is what a message does to its
// element. So once these buffers have grown, nothing is allocated.
func (t *Transport) ReceiveBatch(ctx context.Context, batch []Received) (int, error) {
	if err := t.mayReceive(ctx); err != nil {
		return 0, err
	}
	n, err := t.received.ReceiveBatch(ctx, len(batch), func(i int, p *Peer, m recvq.Message) {
		batch[i].set(p, m, append(batch[i].Payload[:0], m.Payload...))
	})
	return n, receiveError(err)
}

// Messages returns an iterator over the messages of all peers that calls
// [Transport.Receive] for each. Its last pair has the error of Receive and no
// message.
func (t *Transport) Messages(ctx context.Context) iter.Seq2[Received, error] {
	return messages(ctx, t.Receive)
}

// Receive waits for the next message of this peer, like [Transport.Receive]. The
// error is that of [Peer.Err] once the connection has ended for good and all messages
// have been received.
func (p *Peer) Receive(ctx context.Context) (Received, error) {
	if err := p.checkContext(ctx); err != nil {
		return Received{}, err
	}
	if err := p.t.mayReceive(ctx); err != nil {
		return Received{}, err
	}
	m, err := p.receiveQueue().Receive(ctx)
	if err != nil {
		return Received{}, p.receiveError(err)
	}
	return receivedMessage(p, m), nil
}

// ReceiveBatch fills batch with messages of this peer, like
// [Transport.ReceiveBatch]. Its errors are those of [Peer.Receive].
func (p *Peer) ReceiveBatch(ctx context.Context, batch []Received) (int, error) {
	if err := p.checkContext(ctx); err != nil {
		return 0, err
	}
	if err := p.t.mayReceive(ctx); err != nil {
		return 0, err
	}
	n, err := p.receiveQueue().ReceiveBatch(ctx, len(batch), func(i int, _ *Peer, m recvq.Message) {
		batch[i].set(p, m, append(batch[i].Payload[:0], m.Payload...))
	})
	return n, p.receiveError(err)
}

// Messages returns an iterator over the messages of this peer, like
// [Transport.Messages].
func (p *Peer) Messages(ctx context.Context) iter.Seq2[Received, error] {
	return messages(ctx, p.Receive)
}

func messages(ctx context.Context, receive func(context.Context) (Received, error)) iter.Seq2[Received, error] {
	return func(yield func(Received, error) bool) {
		for {
			m, err := receive(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

func receivedMessage(p *Peer, m recvq.Message) (r Received) {
	r.set(p, m, m.Payload)
	return r
}

// set sets r to the message m of p, with that payload.
func (r *Received) set(p *Peer, m recvq.Message, payload []byte) {
	r.Peer, r.Arrived, r.Channel, r.Intent, r.Payload = p, m.Arrived, m.Channel, m.Intent, payload
	r.Stamp, r.Age, r.Within = m.Age.Known, m.Age.Age, m.Age.Within
}

// mayReceive returns an error if ctx or t is nil, a Handler gets all messages, or the caller is
// OnPeer.
func (t *Transport) mayReceive(ctx context.Context) error {
	if err := t.checkContext(ctx); err != nil {
		return err
	}
	if t.cfg.Handler != nil {
		return ErrHandler
	}
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

// receiveError is receiveError for the queue of one peer.
func (p *Peer) receiveError(err error) error {
	if over := p.Err(); over != nil && err == recvq.ErrClosed {
		return over
	}
	return receiveError(err)
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
