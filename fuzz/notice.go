package fuzz

import "github.com/intentra/intentra/pipeline"

// notice is one call of the observer interfaces.
type notice struct {
	level  level
	closed bool
	pipeline.EpochNotice
}

type level uint8

const (
	ofPeer level = iota
	ofSession
	ofEpoch
)

// tell calls the stage with the notice, if it implements the interface.
func (n notice) tell(s pipeline.Stage) {
	peer, session := n.peer(), pipeline.SessionNotice{Peer: n.Peer, Session: n.Session}
	switch n.level {
	case ofPeer:
		o, ok := s.(pipeline.PeerObserver)
		call(ok, n.closed, func() { o.PeerOpened(peer) }, func() { o.PeerClosed(peer) })
	case ofSession:
		o, ok := s.(pipeline.SessionObserver)
		call(ok, n.closed, func() { o.SessionOpened(session) }, func() { o.SessionClosed(session) })
	case ofEpoch:
		o, ok := s.(pipeline.EpochObserver)
		call(ok, n.closed, func() { o.EpochOpened(n.EpochNotice) }, func() { o.EpochClosed(n.EpochNotice) })
	}
}

// tellChain calls the chain with the notice.
func (n notice) tellChain(c pipeline.Chain) {
	peer, session := n.peer(), pipeline.SessionNotice{Peer: n.Peer, Session: n.Session}
	switch n.level {
	case ofPeer:
		call(true, n.closed, func() { c.OpenPeer(peer) }, func() { c.ClosePeer(peer) })
	case ofSession:
		call(true, n.closed, func() { c.OpenSession(session) }, func() { c.CloseSession(session) })
	case ofEpoch:
		call(true, n.closed, func() { c.OpenEpoch(n.EpochNotice) }, func() { c.CloseEpoch(n.EpochNotice) })
	}
}

// peer returns the notice with the peer's key, which is the same whenever the peer
// comes back.
func (n notice) peer() pipeline.PeerNotice {
	return pipeline.PeerNotice{Peer: n.Peer, Key: [32]byte{byte(n.Peer.Number()), 1, 31: 0x40}}
}

func call(wanted, closed bool, open, shut func()) {
	switch {
	case !wanted:
	case closed:
		shut()
	default:
		open()
	}
}

// String returns the name of the observer's method.
func (n notice) String() string {
	name := [...]string{"Peer", "Session", "Epoch"}[n.level]
	if n.closed {
		return name + "Closed"
	}
	return name + "Opened"
}
