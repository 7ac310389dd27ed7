package main

import (
	"sync"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// names are the names of a hub's peers, also of those whose key has been revoked.
type names struct {
	access *hub.Access

	mu    sync.Mutex
	known map[intentra.PublicKey]string
}

// maxNames is how many names are remembered.
const maxNames = 1 << 17

func newNames(a *hub.Access) *names {
	return &names{access: a, known: make(map[intentra.PublicKey]string)}
}

// add implements hub.Config.OnPresence.
func (n *names) add(p hub.Publisher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= maxNames {
		clear(n.known)
	}
	n.known[p.Key] = p.Name
}

// of returns the name of a peer.
func (n *names) of(k intentra.PublicKey) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.known[k]; ok {
		return name
	}
	return n.access.Name(k)
}
