package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/hub"
)

// accessFile is the file of a hub's access list.
type accessFile struct {
	e    *environment
	path string
	own  intentra.PrivateKey
}

// readAccess reads the access list of a hub whose key is own. If the name is
// [allowAny], it reads no file and allows any key.
func readAccess(e *environment, name fileName, own intentra.PrivateKey) (*accessFile, *hub.Access, error) {
	f := &accessFile{e: e, path: string(name), own: own}
	if f.path == allowAny {
		return f, hub.AllowAny(), nil
	}
	a, err := f.read()
	switch {
	case errors.Is(err, errInterrupted):
		return nil, nil, err
	case err != nil:
		return nil, nil, usage(err)
	case len(a.Keys()) == 0:
		e.warnf("%s: %s", f.path, noAccess)
	}
	for _, w := range accessWarnings(a) {
		e.warnf("%s: %s", f.path, w)
	}
	return f, a, nil
}

// noAccess warns that a list excludes every peer.
const noAccess = "the access list has no keys, so no peer may connect"

// maxWarnings is how many lines of an access list are named in warnings.
const maxWarnings = 20

// accessWarnings returns what is valid in a list and hardly meant.
func accessWarnings(a *hub.Access) []string {
	all := a.Warnings(time.Now())
	if more := len(all) - maxWarnings; more > 0 {
		all = append(all[:maxWarnings], fmt.Sprintf("%d more such warnings", more))
	}
	return all
}

func (f *accessFile) read() (*hub.Access, error) {
	return untilInterrupted(f.e, "the access list "+f.path, func() (*hub.Access, error) {
		return readKeys(f.path, "access list", f.own, parseAccess, (*hub.Access).Keys,
			func(a *hub.Access, k intentra.PublicKey) bool { return !strings.HasPrefix(a.Name(k), "key-") })
	})
}

// parseAccess is hub.ParseAccess, whose errors have a prefix that is the command's, too.
func parseAccess(r io.Reader) (*hub.Access, error) {
	a, err := hub.ParseAccess(r)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "hub: "))
	}
	return a, nil
}

// reloadOnHangup reads the list again on each SIGHUP, until hangups is stopped.
func (f *accessFile) reloadOnHangup(hangups *hangups, h *hub.Hub, log *slog.Logger, events *console.Events, s *service) {
	hangups.do(func() {
		s.reloading()
		f.reload(h, log, events)
		s.ready()
	})
}

// reload reads the list again. If it cannot be read, the current one stays in force.
func (f *accessFile) reload(h *hub.Hub, log *slog.Logger, events *console.Events) {
	if f.path == allowAny {
		log.Info("no access list to reload: any key is allowed")
		return
	}
	a, err := f.read()
	switch {
	case errors.Is(err, errInterrupted):
		return
	case err != nil:
		log.Error("access list not reloaded, the old one stays in force", "err", err)
		events.Add("access", "not reloaded, the old list stays in force: "+err.Error())
		return
	}
	h.SetAccess(a)
	if len(a.Keys()) == 0 {
		log.Warn(noAccess)
	}
	for _, w := range accessWarnings(a) {
		log.Warn("access list: " + w)
	}
	log.Info("access list reloaded", "keys", len(a.Keys()))
	events.Add("access", fmt.Sprintf("list reloaded, %d keys", len(a.Keys())))
}
