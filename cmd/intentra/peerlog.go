package main

import (
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/intentra/intentra"
)

// peerLogDepth is how many events may be queued.
const peerLogDepth = 1024

// peerLog logs peers that connect and disconnect. It never blocks the event loop
// that reports them: events that a slow stderr cannot take are dropped and
// counted.
type peerLog struct {
	log    *slog.Logger
	name   func(intentra.PublicKey) string
	events chan loggedEvent
	stop   chan struct{} // closed to end write
	done   chan struct{} // closed when write ends
	missed atomic.Uint64
}

type loggedEvent struct {
	intentra.PeerEvent
	addr netip.AddrPort
}

// newPeerLog starts a log. name returns a peer's name, or an empty string.
func newPeerLog(log *slog.Logger, name func(intentra.PublicKey) string) *peerLog {
	l := &peerLog{
		log: log, name: name, events: make(chan loggedEvent, peerLogDepth),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go l.write()
	return l
}

// add queues an event. It never blocks.
func (l *peerLog) add(e intentra.PeerEvent) {
	select {
	case l.events <- loggedEvent{e, e.Peer.Addr()}:
	default:
		l.missed.Add(1)
	}
}

// close writes the queued events and ends the log.
func (l *peerLog) close() {
	close(l.stop)
	<-l.done
}

func (l *peerLog) write() {
	defer close(l.done)
	for {
		select {
		case e := <-l.events:
			l.writeOne(e)
		case <-l.stop:
			for len(l.events) > 0 {
				l.writeOne(<-l.events)
			}
			return
		}
	}
}

func (l *peerLog) writeOne(e loggedEvent) {
	key := e.Peer.Key()
	log := l.log.With("name", l.name(key), "peer", key, "addr", e.addr)
	switch e.Kind {
	case intentra.PeerUp:
		log.Info("peer connected", "session", e.Session)
	case intentra.PeerRestarted:
		log.Info("peer connected after a restart", "session", e.Session)
	default:
		log.Info("peer disconnected", "reason", e.Reason, "session", e.Session)
	}
	if n := l.missed.Swap(0); n > 0 {
		l.log.Warn("too many peers connected and disconnected to log them all", "missed", n)
	}
}
