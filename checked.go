package intentra

import (
	"context"
	"errors"
)

// The mistakes of a program that has a nil or zero value. A method that returns an
// error returns one of these, and any other method panics with its text.
var (
	errNoTransport = errors.New("intentra: the *Transport is nil or zero; Listen returns one, and Peer.Transport that of a peer")
	errNoPeer      = errors.New("intentra: the *Peer is nil or zero; Dial, OnPeer, Transport.Peer and Transport.Peers return peers")
	errNoContext   = errors.New("intentra: the context is nil; pass context.Background() if nothing else ends the call")
	errNoReader    = errors.New("intentra: the reader is nil")
)

// valid reports whether t is a transport, which neither nil nor the zero Transport is.
func (t *Transport) valid() bool { return t != nil && t.core != nil }

// valid reports whether p is a peer of a transport, which neither nil nor the zero Peer
// is.
func (p *Peer) valid() bool { return p != nil && p.t != nil }

// checked returns t, and panics if it is not a transport.
func (t *Transport) checked() *Transport {
	if !t.valid() {
		panic(errNoTransport.Error())
	}
	return t
}

// checked returns p, and panics if it is not a peer.
func (p *Peer) checked() *Peer {
	if !p.valid() {
		panic(errNoPeer.Error())
	}
	return p
}

// checkContext returns an error for a call that cannot be made: t is not a transport, or ctx
// is nil.
func (t *Transport) checkContext(ctx context.Context) error {
	switch {
	case !t.valid():
		return errNoTransport
	case ctx == nil:
		return errNoContext
	}
	return nil
}

// checkContext is [Transport.checkContext] for a peer.
func (p *Peer) checkContext(ctx context.Context) error {
	switch {
	case !p.valid():
		return errNoPeer
	case ctx == nil:
		return errNoContext
	}
	return nil
}
