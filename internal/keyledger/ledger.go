// Package keyledger lets tests detect a (key, counter) pair that seals two
// packets, across all endpoints, sessions and restarts of a test.
package keyledger

import (
	"encoding/hex"
	"fmt"
	"sync"
)

// maxFaults bounds the faults that are kept as text.
const maxFaults = 10

// Ledger records the use of keys by all endpoints of a test. It enforces a
// stricter rule than that no pair repeats: a key is installed once, by one
// endpoint, and its counters only increase. That takes one number per key and no
// memory per packet. It is safe for concurrent use.
type Ledger struct {
	mu     sync.Mutex
	keys   map[fingerprint]*account
	seals  uint64
	faults []string
	more   int // faults that were counted only
}

type fingerprint = [16]byte

type account struct {
	owner string
	next  uint64 // the lowest unused counter
	end   bool   // no counter is left: 2^64-1 is used
}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{keys: make(map[fingerprint]*account)} }

// Owner returns an aead.Observer for one endpoint. Faults report it under name.
// A restarted endpoint needs a new Owner.
func (l *Ledger) Owner(name string) *Owner { return &Owner{l, name} }

// Owner records the keys and packets of one endpoint.
type Owner struct {
	ledger *Ledger
	name   string
}

// Installed records a key that packets will be sealed with.
func (o *Owner) Installed(key [16]byte) {
	l := o.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.keys[key]; a != nil {
		l.fault("%s installed key %s, which %s had installed before", o.name, short(key), a.owner)
		return
	}
	l.keys[key] = &account{owner: o.name}
}

// Sealed records a packet sealed under key and counter.
func (o *Owner) Sealed(key [16]byte, counter uint64) {
	l := o.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seals++
	a := l.keys[key]
	switch {
	case a == nil:
		l.fault("%s sealed packet %d under key %s, which was never installed", o.name, counter, short(key))
		return
	case a.owner != o.name:
		l.fault("%s sealed packet %d under key %s of %s", o.name, counter, short(key), a.owner)
	case counter < a.next || a.end:
		l.fault("%s sealed packet %d under key %s, whose next counter is %d", o.name, counter, short(key), a.next)
		return
	}
	a.next, a.end = counter+1, counter == ^uint64(0)
}

// short returns the name of a key in faults. It takes a copy, so that a packet
// without a fault costs no allocation.
func short(key fingerprint) string { return hex.EncodeToString(key[:4]) }

func (l *Ledger) fault(format string, args ...any) {
	if len(l.faults) == maxFaults {
		l.more++
		return
	}
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// Faults describes each violation, or returns nil if no violation occurred. It names
// keys by the first four bytes of their fingerprints.
func (l *Ledger) Faults() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append([]string(nil), l.faults...)
	if l.more > 0 {
		all = append(all, fmt.Sprintf("and %d more", l.more))
	}
	return all
}

// Keys returns the number of installed keys. Tests check that it is not zero, so
// that a ledger that sees nothing does not pass for one without faults.
func (l *Ledger) Keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.keys)
}

// Seals returns the number of sealed packets.
func (l *Ledger) Seals() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seals
}
