package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/callback"
)

// The mistakes of a program that has a nil or zero value. A method that returns an
// error returns one of these, and any other method panics with its text.
var (
	errNoHub         = errors.New("hub: the *Hub is nil or zero; Listen and New return one unless they fail")
	errNoClient      = errors.New("hub: the *Client is nil or zero; Dial and NewClient return one unless they fail")
	errNoPublication = errors.New("hub: the *Publication is nil or zero; Client.Declare returns one unless it fails")
	errNoStream      = errors.New("hub: the *Stream is nil or zero; Client.Subscribe returns one unless it fails")
	errNoRemote      = errors.New("hub: the *Remote is nil, zero, or was used after the function that Hub.Remote calls")
	errNoAccess      = errors.New("hub: the *Access is nil; ReadAccess and ParseAccess return one unless they fail")
	errNoContext     = errors.New("hub: the context is nil; pass context.Background() if nothing else ends the call")
	errNoReader      = errors.New("hub: the reader is nil")
)

func (h *Hub) valid() error {
	if h == nil || h.core == nil {
		return errNoHub
	}
	return nil
}

func (c *Client) valid() error {
	if c == nil || c.streams == nil {
		return errNoClient
	}
	return nil
}

func (p *Publication) valid() error {
	if p == nil || p.c == nil {
		return errNoPublication
	}
	return nil
}

func (s *Stream) valid() error {
	if s == nil || s.c == nil {
		return errNoStream
	}
	return nil
}

// valid is nil for the zero Access, which is an empty list. An empty list in place of nil
// would refuse all peers silently.
func (a *Access) valid() error {
	if a == nil {
		return errNoAccess
	}
	return nil
}

func (r *Remote) valid() error {
	if r == nil || r.c == nil {
		return errNoRemote
	}
	return nil
}

// must panics with the text of a mistake.
func must(mistake error) {
	if mistake != nil {
		panic(mistake.Error())
	}
}

// waits returns an error for a call that waits: a mistake, a nil context, or
// ErrInCallback if it is made in a callback.
func waits(ctx context.Context, call string, mistake error) error {
	switch {
	case mistake != nil:
		return mistake
	case ctx == nil:
		return errNoContext
	case callback.Inside():
		return fmt.Errorf("%w: %s", intentra.ErrInCallback, call)
	}
	return nil
}
