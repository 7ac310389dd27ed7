package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

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
	list atomic.Pointer[intentra.AllowList]
	// former is the list before, which names the peers that are being revoked.
	former atomic.Pointer[intentra.AllowList]
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
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading an allow list: %w", err)
	}
	defer f.Close()
	list, err := intentra.ParseAllowList(f)
	if err != nil {
		return nil, fmt.Errorf("allow list %s: %w", path, err)
	}
	if holdsPrivateKey(list, own) {
		return nil, fmt.Errorf("allow list %s: this looks like a private key file; list the public key, which 'intentra pubkey' prints", path)
	}
	return list, nil
}

// allows implements Config.Authorize.
func (a *allowFile) allows(k intentra.PublicKey) bool {
	list := a.list.Load()
	return list == nil || list.Allows(k)
}

// name returns the name of k in the list, or in the one before if k has been removed,
// or an empty string.
func (a *allowFile) name(k intentra.PublicKey) string {
	for _, list := range []*intentra.AllowList{a.list.Load(), a.former.Load()} {
		if list != nil && list.Allows(k) {
			return list.Name(k)
		}
	}
	return ""
}

// reloadOnHangup reads the list again on each SIGHUP, until stop is called.
func (a *allowFile) reloadOnHangup(t *intentra.Transport, log *slog.Logger) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	var done sync.WaitGroup
	done.Go(func() {
		for range hangups {
			a.reload(t, log)
		}
	})
	return func() {
		signal.Stop(hangups)
		close(hangups)
		done.Wait()
	}
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
	a.former.Store(old)
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
