package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/intentra/intentra"
)

// allowAny is the value of --allow that lets any key connect.
const allowAny = "any"

// allowFile is the current allow list and the file that it was read from. Its
// methods may be called from any goroutine.
type allowFile struct {
	e    *environment
	path string
	own  intentra.PrivateKey
	// list is nil if any key is allowed.
	list   atomic.Pointer[intentra.AllowList]
	former formerNames
}

// readAllow reads an allow list for the side whose key is own. If the name is
// [allowAny], it reads no file and allows any key.
func readAllow(e *environment, name fileName, own intentra.PrivateKey) (*allowFile, error) {
	path := string(name)
	a := &allowFile{e: e, path: path, own: own}
	if path == allowAny {
		return a, nil
	}
	list, err := a.read()
	if errors.Is(err, errInterrupted) {
		return nil, err
	}
	if err != nil {
		return nil, usage(err)
	}
	if list.Len() == 0 {
		e.warnf("%s: %s", path, noKeys)
	}
	a.list.Store(list)
	return a, nil
}

// noKeys warns that a list excludes every peer.
const noKeys = "the allow list has no keys, so no peer may connect"

func (a *allowFile) read() (*intentra.AllowList, error) {
	return untilInterrupted(a.e, "the allow list "+a.path, func() (*intentra.AllowList, error) {
		return readAllowList(a.path, a.own)
	})
}

// readAllowList is intentra.ReadAllowList for the side whose key is own, except
// that it refuses a private key file.
func readAllowList(path string, own intentra.PrivateKey) (*intentra.AllowList, error) {
	return readKeys(path, "allow list", own, intentra.ParseAllowList, (*intentra.AllowList).Keys,
		func(l *intentra.AllowList, k intentra.PublicKey) bool { return l.Name(k) != "" })
}

// readKeys reads a list of keys of a kind from a file, for the side whose key is own,
// and refuses a private key file. named reports whether the list names a key.
func readKeys[L any](path, kind string, own intentra.PrivateKey, parse func(io.Reader) (L, error),
	keys func(L) []intentra.PublicKey, named func(L, intentra.PublicKey) bool) (none L, err error) {
	f, err := os.Open(path)
	if err != nil {
		return none, fmt.Errorf("reading an %s: %w", kind, err)
	}
	defer f.Close()
	var text bytes.Buffer
	list, err := parse(io.TeeReader(f, &text))
	if err != nil {
		return none, fmt.Errorf("%s %s: %w", kind, path, err)
	}
	if holdsPrivateKey(keys(list), func(k intentra.PublicKey) bool { return named(list, k) }, own) {
		return none, fmt.Errorf("%s %s: this looks like a private key file; list the public key, which 'intentra pubkey' prints", kind, path)
	}
	if line := noPublicKey(&text); line > 0 {
		return none, fmt.Errorf("%s %s: line %d: this is no public key; if it is a private one, keep it secret, and list what 'intentra pubkey' prints", kind, path, line)
	}
	return list, nil
}

// authorize implements Config.Authorize.
func (a *allowFile) authorize(_ context.Context, h intentra.Handshake) bool {
	list := a.list.Load()
	return list == nil || list.Allows(h.Key)
}

// name returns the name of k in the list, or the one that it had before it was
// removed, or an empty string.
func (a *allowFile) name(k intentra.PublicKey) string {
	if list := a.list.Load(); list != nil && list.Allows(k) {
		return list.Name(k)
	}
	return a.former.name(k)
}

// reloadOnHangup reads the list again on each SIGHUP, until h is stopped.
func (a *allowFile) reloadOnHangup(h *hangups, t *intentra.Transport, log *slog.Logger) {
	h.do(func() { a.reload(t, log) })
}

// reload reads the list again and revokes the keys that are no longer in it. If
// the list cannot be read, the current one stays in force.
func (a *allowFile) reload(t *intentra.Transport, log *slog.Logger) {
	old := a.list.Load()
	if old == nil {
		log.Info("no allow list to reload: any key is allowed")
		return
	}
	list, err := a.read()
	if errors.Is(err, errInterrupted) {
		return
	}
	if err != nil {
		log.Error("allow list not reloaded, the old one stays in force", "err", err)
		return
	}
	// The new list first, then the revocations, so that a removed key cannot
	// reconnect in between.
	for _, k := range old.Keys() {
		if !list.Allows(k) {
			a.former.add(k, old.Name(k))
		}
	}
	a.list.Store(list)
	revoked := 0
	for _, k := range old.Keys() {
		if !list.Allows(k) {
			t.Revoke(k)
			revoked++
			log.Info("key revoked", "peer", k, "name", old.Name(k))
		}
	}
	if list.Len() == 0 {
		log.Warn(noKeys)
	}
	log.Info("allow list reloaded", "keys", list.Len(), "revoked", revoked)
}
