// Package site is where an example runs: a hub and clients over real sockets on this
// machine, or, for tests, in the simulator (package simsite).
package site

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// Site is a hub and its network. One goroutine uses it.
type Site interface {
	// Join connects a new client, which the hub knows by name. With cable, Cut can
	// interrupt its connection.
	Join(name string, cable bool) (*hub.Client, error)
	// Cut interrupts and restores the connection of a client.
	Cut(name string, cut bool)
	// Now returns the time since the site was opened, and Sleep lets time pass.
	Now() time.Duration
	Sleep(d time.Duration) error
	// Stats returns the counters of the hub.
	Stats() hub.Stats
}

// Local is a Site on the loopback interface.
type Local struct {
	start   time.Time
	hub     *hub.Hub
	list    strings.Builder // the access list
	clients []*hub.Client
	cables  map[string]*cable
}

// Open opens a site. The hub runs until Close.
func Open() (*Local, error) {
	key, err := intentra.GenerateKey()
	if err != nil {
		return nil, err
	}
	empty, err := hub.ParseAccess(strings.NewReader(""))
	if err != nil {
		return nil, err
	}
	h, err := hub.Listen("127.0.0.1:0", hub.Config{Transport: intentra.Config{Key: key}, Access: empty})
	if err != nil {
		return nil, err
	}
	return &Local{start: time.Now(), hub: h, cables: map[string]*cable{}}, nil
}

// Join implements [Site].
func (s *Local) Join(name string, withCable bool) (*hub.Client, error) {
	key, err := intentra.GenerateKey()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&s.list, "%s %s\n", key.Public(), name)
	access, err := hub.ParseAccess(strings.NewReader(s.list.String()))
	if err != nil {
		return nil, err
	}
	s.hub.SetAccess(access)
	t := s.hub.Transport()
	addr := t.LocalAddr()
	if withCable {
		c, err := newCable(addr)
		if err != nil {
			return nil, err
		}
		s.cables[name] = c
		addr = c.addr()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := hub.Dial(ctx, addr.String(), t.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
	if err == nil {
		s.clients = append(s.clients, client)
	}
	return client, err
}

// Cut implements [Site].
func (s *Local) Cut(name string, cut bool) { s.cables[name].cut.Store(cut) }

// Now implements [Site].
func (s *Local) Now() time.Duration { return time.Since(s.start) }

// Sleep implements [Site].
func (s *Local) Sleep(d time.Duration) error {
	time.Sleep(d)
	return nil
}

// Stats implements [Site].
func (s *Local) Stats() hub.Stats { return s.hub.Stats() }

// Close closes the clients and the hub.
func (s *Local) Close() {
	for _, c := range s.clients {
		_ = c.Close()
	}
	for _, c := range s.cables {
		c.close()
	}
	_ = s.hub.Close()
}
