package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/intentra/intentra"
)

// uplink watches the connection of a command that dials. While the transport
// reconnects by itself, uplink only logs; when the other side has closed the
// connection for good, it ends the command.
type uplink struct {
	log  *slog.Logger
	end  context.CancelFunc
	lost bool // used by the event loop alone

	closing atomic.Bool
	failed  atomic.Pointer[error]
}

// newUplink returns an uplink and a context that ends with parent, or with the
// connection.
func newUplink(parent context.Context, log *slog.Logger) (*uplink, context.Context) {
	ctx, cancel := context.WithCancel(parent)
	return &uplink{log: log, end: cancel}, ctx
}

// close announces that the command itself is about to end the connection.
func (u *uplink) close() { u.closing.Store(true) }

// peerEvent implements Config.OnPeer.
func (u *uplink) peerEvent(e intentra.PeerEvent) {
	switch {
	case u.closing.Load():
	case e.Kind == intentra.PeerRestarted:
		u.log.Warn("reconnected; the other side has restarted", "peer", e.Peer.Key(), "addr", e.Peer.Addr())
		u.lost = false
	case e.Kind == intentra.PeerUp && u.lost:
		u.log.Info("reconnected", "peer", e.Peer.Key(), "addr", e.Peer.Addr())
		u.lost = false
	case e.Kind == intentra.PeerUp:
	case e.Reconnecting:
		message := "connection lost, reconnecting"
		if e.Reason == intentra.CloseReplaced {
			message += "; if another process uses our key, give it one of its own"
		}
		u.log.Warn(message, "peer", e.Peer.Key(), "reason", e.Reason)
		u.lost = true
	default:
		err := fmt.Errorf("the other side has closed the connection: %s", e.Reason)
		u.failed.Store(&err)
		u.end()
	}
}

// refused ends the command with err, unless it is nil.
func (u *uplink) refused(err error) {
	if err != nil {
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
