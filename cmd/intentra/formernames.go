package main

import (
	"sync"

	"github.com/intentra/intentra"
)

// maxFormerNames is how many names of removed keys are kept; the oldest is forgotten
// first.
const maxFormerNames = 4096

// formerNames are the names of keys that have been removed from an allow list, so that
// the log still names peers that are revoked and those that try to return. Its methods
// may be called from any goroutine.
type formerNames struct {
	mu    sync.Mutex
	names map[intentra.PublicKey]string
	order []intentra.PublicKey // the keys of names, oldest first
}

// add notes the name of a key that has been removed.
func (f *formerNames) add(k intentra.PublicKey, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names == nil {
		f.names = make(map[intentra.PublicKey]string)
	}
	if _, known := f.names[k]; !known {
		if len(f.order) == maxFormerNames {
			delete(f.names, f.order[0])
			f.order = f.order[1:]
		}
		f.order = append(f.order, k)
	}
	f.names[k] = name
}

// name returns the name of a removed key, or an empty string.
func (f *formerNames) name(k intentra.PublicKey) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[k]
}
