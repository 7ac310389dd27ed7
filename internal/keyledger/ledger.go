// Package keyledger keeps, for tests, every key that packets were ever sealed
// with and how far its counters went, so that a pair of the two that occurs
// twice is seen, whichever endpoint, session or restart it comes from.
package keyledger

import (
	"encoding/hex"
	"fmt"
	"sync"
)

// maxFaults is how many faults are kept in words.
const maxFaults = 10

// Ledger is one account for all endpoints of a test, and outlives them. It
// holds them to more than that no pair repeats: a key belongs to one epoch of
// one endpoint, is installed once, and its counters only grow. So it needs one
// number a key, and no memory for each packet. Its methods may be called from
// any goroutine.
type Ledger struct {
	mu     sync.Mutex
	keys   map[fingerprint]*account
	seals  uint64
	faults []string
	more   int // faults beyond those
}

type fingerprint = [16]byte

type account struct {
	owner string
	next  uint64 // the lowest counter that has not been used
	end   bool   // there is none: 2^64-1 has been
}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{keys: make(map[fingerprint]*account)} }

// Owner returns the observer, as stages/aead wants one, of an endpoint that
// faults will name so. One that is started again is another owner.
func (l *Ledger) Owner(name string) *Owner { return &Owner{l, name} }

// Owner enters what one endpoint does.
type Owner struct {
	ledger *Ledger
	name   string
}

// Installed enters a key that packets will be sealed with.
func (o *Owner) Installed(key [16]byte) {
	l := o.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.keys[key]; a != nil {
		l.fault("%s installs the key %s, which %s has had installed", o.name, short(key), a.owner)
		return
	}
	l.keys[key] = &account{owner: o.name}
}

// Sealed enters a packet.
func (o *Owner) Sealed(key [16]byte, counter uint64) {
	l := o.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seals++
	a := l.keys[key]
	switch {
	case a == nil:
		l.fault("%s seals %d under the key %s, which nobody has installed", o.name, counter, short(key))
		return
	case a.owner != o.name:
		l.fault("%s seals %d under the key %s of %s", o.name, counter, short(key), a.owner)
	case counter < a.next || a.end:
		l.fault("%s seals %d under the key %s again: it was at %d", o.name, counter, short(key), a.next)
		return
	}
	a.next, a.end = counter+1, counter == ^uint64(0)
}

// short is what faults name a key by. It takes a copy, so that a packet without
// a fault costs no allocation.
func short(key fingerprint) string { return hex.EncodeToString(key[:4]) }

func (l *Ledger) fault(format string, args ...any) {
	if len(l.faults) == maxFaults {
		l.more++
		return
	}
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// Faults returns what must not have happened, in words; nil if nothing of it
// has. Keys appear by the first bytes of their fingerprints.
func (l *Ledger) Faults() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append([]string(nil), l.faults...)
	if l.more > 0 {
		all = append(all, fmt.Sprintf("and %d more", l.more))
	}
	return all
}

// Keys returns how many keys have been installed, and Seals how many packets
// sealed: what a test asks to know that the ledger has seen anything.
func (l *Ledger) Keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.keys)
}

// Seals is described at Keys.
func (l *Ledger) Seals() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seals
}
