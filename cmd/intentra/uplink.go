package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/intentra/intentra"
)

// uplink watches the connection of a command that dials. While the transport
// dials again by itself there is only something to tell; when it has given up,
// because the other side has closed the connection for good, the command ends.
type uplink struct {
	log  *slog.Logger
	end  context.CancelFunc
	lost bool // the loop's

	closing atomic.Bool
	failed  atomic.Pointer[error]
}

// newUplink returns an uplink and a context that ends with parent, or with the
// connection.
func newUplink(parent context.Context, log *slog.Logger) (*uplink, context.Context) {
	ctx, cancel := context.WithCancel(parent)
	return &uplink{log: log, end: cancel}, ctx
}

// close says that from now on it is we who end the connection.
func (u *uplink) close() { u.closing.Store(true) }

// peerEvent is a Config.OnPeer.
func (u *uplink) peerEvent(e intentra.PeerEvent) {
	switch {
	case u.closing.Load():
	case e.Up && u.lost:
		u.log.Info("connected again", "addr", e.Peer.Addr())
		u.lost = false
	case e.Up:
	case e.Reconnecting:
		u.log.Warn("connection lost, trying to connect again", "reason", e.Reason)
		u.lost = true
	default:
		err := fmt.Errorf("the other side has closed the connection: %s", e.Reason)
		u.failed.Store(&err)
		u.end()
	}
}

// failure returns why the connection has ended for good, or nil if it has not.
func (u *uplink) failure() error {
	if err := u.failed.Load(); err != nil {
		return *err
	}
	return nil
}
