package intentra

import (
	"log/slog"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/wire"
)

// handleEvents handles the events of the core. Handling one may cause further ones.
func (t *Transport) handleEvents() {
	for t.core.HasEvents() {
		for _, ev := range t.core.Events() {
			t.handleEvent(ev)
		}
	}
}

func (t *Transport) handleEvent(ev conn.Event) {
	switch ev.Kind {
	case conn.NeedAddress:
		t.resolve(t.peerOf(ev.Peer))
	case conn.PeerUp, conn.PeerRestarted:
		t.peerUp(t.peerOf(ev.Peer), ev)
	case conn.PeerDown:
		t.peerDown(t.peerOf(ev.Peer), ev)
	case conn.DialEnded:
		t.dialEnded(t.peerOf(ev.Peer), ev)
	case conn.AttemptFailed:
		t.peerOf(ev.Peer).attemptFailed(ev.Err)
	case conn.IdentityConflict:
		t.cfg.Logger.Warn("sessions of one peer keep replacing each other; two machines probably have the same key",
			"peer", PublicKey(ev.Peer.Key).String())
	case conn.PeerForgotten:
		t.forget(t.peerOf(ev.Peer))
	}
}

func (t *Transport) peerUp(p *Peer, ev conn.Event) {
	addr := p.core.Addr()
	p.remote.Store(&addr)
	p.storeSizes()
	if !p.life.setUp(true) {
		t.connected.Add(p)
	}
	t.copyStats(p)
	p.reopen()
	p.answerWaiters(nil)
	up, text := PeerUp, "peer up"
	if ev.Kind == conn.PeerRestarted {
		up, text = PeerRestarted, "peer restarted"
	}
	t.logger(p).Info(text, "addr", addr.String(), "session", ev.Session)
	t.notify(PeerEvent{Peer: p, Kind: up, Session: ev.Session})
}

func (t *Transport) peerDown(p *Peer, ev conn.Event) {
	if p.core.Connected() {
		// The peer has reconnected within the turn. A PeerUp follows.
		t.logger(p).Debug("peer reconnected within one turn of the loop")
	}
	p.reason = ev.Reason
	p.life.setUp(false)
	t.connected.Remove(p)
	if !p.core.Connected() && !p.core.Dialled() && endsForGood(ev.Reason) {
		t.endPeer(p, ev.Reason)
	}
	t.copyStats(p)
	t.logger(p).Info("peer down", "reason", ev.Reason.String(), "reconnecting", p.core.Dialled(), "session", ev.Session)
	t.notify(PeerEvent{Peer: p, Kind: PeerDown, Session: ev.Session, Reason: ev.Reason, Reconnecting: p.core.Dialled()})
}

// dialEnded passes the error to the waiting calls of Dial, or logs it if no
// call waits.
func (t *Transport) dialEnded(p *Peer, ev conn.Event) {
	err := ev.Err
	if ev.Err == conn.ErrClosed {
		err = &closedErrors[ev.Reason]
	}
	if !p.core.Connected() && !p.core.Dialled() {
		t.endPeer(p, ev.Reason)
	}
	if p.answerWaiters(err) || ev.Reason == 0 {
		return
	}
	t.logger(p).Info("stopped dialling the peer", "reason", ev.Reason.String(), "err", ev.Err)
}

// endsForGood reports whether a side that ends a session for this reason does not
// expect another one; see conn, which does not dial again after it either.
func endsForGood(r CloseReason) bool {
	return r == wire.CloseNormal || r == wire.CloseRevoked || r == wire.CloseViolation
}

// endPeer ends the connection with a peer for good.
func (t *Transport) endPeer(p *Peer, reason CloseReason) {
	p.end(reason)
	if t.cfg.Handler == nil {
		p.receiveQueue().End()
	}
}

// notify calls OnPeer and recovers a panic in it.
func (t *Transport) notify(ev PeerEvent) {
	if t.cfg.OnPeer == nil {
		return
	}
	t.notifying.Store(true)
	returned := false
	defer func() {
		t.notifying.Store(false)
		if !returned {
			t.panics.Add(1)
			t.cfg.Logger.Error("panic or runtime.Goexit in OnPeer", "panic", recover())
		}
	}()
	t.cfg.OnPeer(ev)
	returned = true
}

// logger returns a logger that names the peer and, unless it is that of Config.Key,
// the identity of this side.
func (t *Transport) logger(p *Peer) *slog.Logger {
	log := t.cfg.Logger.With("peer", p.Key().String())
	if own := p.Identity(); own != t.public {
		log = log.With("identity", own.String())
	}
	return log
}
