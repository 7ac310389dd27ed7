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

// allowAny as a file name lets everybody in.
const allowAny = "any"

// allowFile is the allow list in force. Its methods may be called from any
// goroutine.
type allowFile struct {
	e    *environment
	path string
	own  intentra.PrivateKey
	// list is nil if everybody is allowed.
	list atomic.Pointer[intentra.AllowList]
}

// readAllow reads an allow list, or none if its name is [allowAny], for the
// side whose key is own.
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
		return nil, usageError{err}
	}
	if list.Len() == 0 {
		e.warnf("%s: %s", path, noKeys)
	}
	a.list.Store(list)
	return a, nil
}

// noKeys warns of a list that lets nobody in.
const noKeys = "the allow list has no keys, so that nobody may connect"

func (a *allowFile) read() (*intentra.AllowList, error) {
	return untilInterrupted(a.e, "the allow list "+a.path, func() (*intentra.AllowList, error) {
		return readAllowList(a.path, a.own)
	})
}

// readAllowList is intentra.ReadAllowList for the side whose key is own. It
// refuses a list that is a private key file.
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
		return nil, fmt.Errorf("allow list %s: it looks like a private key file; list the public key, which 'intentra pubkey' prints", path)
	}
	return list, nil
}

// allows is a Config.Authorize.
func (a *allowFile) allows(k intentra.PublicKey) bool {
	list := a.list.Load()
	return list == nil || list.Allows(k)
}

// name returns what the list calls k, or nothing.
func (a *allowFile) name(k intentra.PublicKey) string {
	if list := a.list.Load(); list != nil {
		return list.Name(k)
	}
	return ""
}

// reloadOnHangup reads the list again at each SIGHUP, until stop is called.
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

// reload puts the list as it is now in force and revokes the keys that are no
// longer in it. A list that cannot be read changes nothing: the one in force is
// better than none.
func (a *allowFile) reload(t *intentra.Transport, log *slog.Logger) {
	old := a.list.Load()
	if old == nil {
		log.Info("nothing to read again: any key is allowed")
		return
	}
	list, err := a.read()
	if errors.Is(err, errInterrupted) {
		return
	}
	if err != nil {
		log.Error("allow list not read again, the old one stays in force", "error", err)
		return
	}
	// First the new list, then the revocations: a key that has gone cannot
	// come back in between.
	a.list.Store(list)
	revoked := 0
	for _, k := range old.Keys() {
		if !list.Allows(k) {
			t.Revoke(k)
			revoked++
			log.Info("key revoked", "key", k, "name", old.Name(k))
		}
	}
	if list.Len() == 0 {
		log.Warn(noKeys)
	}
	log.Info("allow list read again", "keys", list.Len(), "revoked", revoked)
}
