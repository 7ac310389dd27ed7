package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/intentra/intentra"
)

// ErrNoSubscriber is returned by [Publication.SendAcked] for an update that was not sent,
// because the hub has said that its topic has no subscriber.
var ErrNoSubscriber = errors.New("hub: the topic has no subscriber")

// SendAcked publishes an update of a Reliable topic and waits until the hub has it. It waits
// for the connection and the declaration of the topic before. The error is nil if the
// hub has acknowledged the update and has passed it on, which means that it is queued for the
// subscribers that the topic has then, in order; whether they get it, and act on it, only they can
// tell. If the hub itself is killed, or a subscriber loses its connection, the update may be
// lost nevertheless.
//
// Otherwise the error is [intentra.ErrNotAcked] with the outcome in Delivery, ErrNoSubscriber,
// [intentra.ErrIntent] for a topic that is not Reliable, that of Err, the cause of ctx, or one of
// [intentra.Peer.SendAcked]. If the connection was lost in the meantime the outcome is
// [intentra.Lost]: the hub may have passed the update on or not. If ctx ends first, the update may
// stay queued; give the topic a TTL as well.
func (p *Publication) SendAcked(ctx context.Context, payload []byte) (intentra.Delivery, error) {
	if err := waits(ctx, "SendAcked", p.valid()); err != nil {
		return intentra.Delivery{}, err
	}
	peer, connection, err := p.awaitAgreed(ctx)
	if err != nil {
		return intentra.Delivery{}, err
	}
	if err := p.c.controlFirst(ctx, "SendAcked"); err != nil {
		return intentra.Delivery{}, err
	}
	d, err := peer.SendAcked(ctx, p.message(payload))
	return p.acked(connection, d, err)
}

// awaitAgreed waits until the hub has agreed to the topic in the present connection. It
// returns the hub and the number of the connection.
func (p *Publication) awaitAgreed(ctx context.Context) (*intentra.Peer, uint64, error) {
	c := p.c
	for {
		c.mu.Lock()
		switch {
		case p.err != nil:
			defer c.mu.Unlock()
			return nil, 0, p.err
		case p.topic.Intent != intentra.Reliable:
			c.mu.Unlock()
			return nil, 0, fmt.Errorf("%w: the topic is not Reliable", intentra.ErrIntent)
		case p.state == publicationDeclared && !p.wanted:
			p.unwanted++
			c.mu.Unlock()
			return nil, 0, ErrNoSubscriber
		case p.state == publicationDeclared:
			defer c.mu.Unlock()
			return c.peer, c.connections, nil
		}
		if p.agreed == nil {
			p.agreed = make(chan struct{})
		}
		agreed := p.agreed
		c.mu.Unlock()
		select {
		case <-agreed:
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
	}
}

// acked corrects the result for an update that was sent in the connection with a number. In
// the next one the hub acknowledges it before it knows the topic again, and may have to drop
// it.
func (p *Publication) acked(connection uint64, d intentra.Delivery, err error) (intentra.Delivery, error) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if err == nil && p.c.connections != connection {
		d.Outcome = intentra.Lost
		err = fmt.Errorf("%w: the connection to the hub was lost", intentra.ErrNotAcked)
	}
	return d, err
}
