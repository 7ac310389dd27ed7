package sim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/intentra/intentra/conn"
)

// ErrRestart is returned when the restart of a peer is not reported, when one is
// reported that did not happen, or when the sessions of a peer are miscounted.
var ErrRestart = errors.New("restarts or sessions misreported")

// started registers the instance of a new process.
func (a *audit) started(p *process) {
	if other := a.instances[p.ep.Instance()]; other != nil {
		a.w.Fail(fmt.Errorf("restarts: %w: %s and %s have the same instance", ErrRestart, p.n.name, other.n.name))
	}
	a.instances[p.ep.Instance()] = p
}

// restartLog is what a process has reported about the sessions of its peers.
type restartLog struct {
	peers      []*reported // those that have had a session
	forgotten  uint64      // sessions of forgotten peers
	handshakes uint64      // completed, at the last check
	err        error       // the first one found
}

// reported is what was last reported about a peer.
type reported struct {
	peer    *conn.Peer
	session uint64   // its number
	with    *process // the process of the peer that it is with
	up      bool
}

// happened checks an event.
func (l *restartLog) happened(p *process, ev conn.Event) {
	last := &reported{peer: ev.Peer}
	i := slices.IndexFunc(l.peers, func(r *reported) bool { return r.peer == ev.Peer })
	if i >= 0 {
		last = l.peers[i]
	}
	var wrong string
	switch ev.Kind {
	case conn.PeerUp, conn.PeerRestarted:
		wrong = last.ready(p, ev)
		if i < 0 {
			l.peers = append(l.peers, last)
		}
	case conn.PeerDown:
		// Sessions that replaced others of the same process were not reported.
		if !last.up || ev.Session < last.session || ev.Session != ev.Peer.Session() && !ev.Peer.Connected() {
			wrong = fmt.Sprintf("session %d has ended; the last one reported is %d", ev.Session, last.session)
		}
		last.session, last.up = ev.Session, false
	case conn.PeerForgotten:
		l.forgotten += last.session
		l.peers = slices.DeleteFunc(l.peers, func(r *reported) bool { return r == last })
	}
	if wrong != "" && l.err == nil {
		l.err = fmt.Errorf("%w: %s about %s: %s", ErrRestart, p.n.name, p.n.w.nameOf(ev.Peer.Key), wrong)
	}
}

// ready checks the report of a session, and returns what is wrong with it.
func (r *reported) ready(p *process, ev conn.Event) (wrong string) {
	with := p.n.w.audit.instances[ev.Peer.Instance()]
	before := *r
	*r = reported{ev.Peer, ev.Session, with, true}
	restarted := before.with != nil && before.with != with
	switch {
	case with == nil || with.n.key != ev.Peer.Key:
		return "its instance is that of none of its processes"
	case restarted != (ev.Kind == conn.PeerRestarted):
		return fmt.Sprintf("restarted is %v, reported is %v", restarted, Event{Kind: ev.Kind})
	case !before.up && ev.Session != before.session+1, ev.Session <= before.session:
		return fmt.Sprintf("session %d follows session %d", ev.Session, before.session)
	case before.up && !restarted:
		return "it is up already"
	}
	return ""
}

// restarts checks the nodes of a step: what their events reported, that no restart
// was left out, and that the numbers of the sessions of all peers add up to the
// completed handshakes.
func restarts(w *World) error {
	for _, n := range w.stepped {
		l, s := &n.proc.audit.restarts, n.proc.ep.Stats()
		if l.err != nil {
			return l.err
		}
		completed := s.Handshakes[conn.HandshakeAccepted] + s.Handshakes[conn.HandshakeDialed]
		if completed == l.handshakes || n.proc.ended || n.proc.ep.HasEvents() {
			continue
		}
		l.handshakes = completed
		total := l.forgotten
		for _, r := range l.peers {
			p := r.peer
			total += p.Session()
			if p.Connected() && (!r.up || r.with != w.audit.instances[p.Instance()]) {
				return fmt.Errorf("%w: %s has not reported its session with another process of %s", ErrRestart, n.name, w.nameOf(p.Key))
			}
		}
		if total != completed {
			return fmt.Errorf("%w: %s has completed %d handshakes and numbered %d sessions", ErrRestart, n.name, completed, total)
		}
	}
	return nil
}
