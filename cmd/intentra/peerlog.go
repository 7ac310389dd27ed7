package main

import (
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/intentra/intentra"
)

// peerLogDepth is the events that may wait to be written.
const peerLogDepth = 1024

// peerLog writes down who comes and goes, without ever holding up the loop
// that tells it: what a slow stderr cannot take is counted and left out.
type peerLog struct {
	log    *slog.Logger
	name   func(intentra.PublicKey) string
	events chan loggedEvent
	stop   chan struct{} // closed to end write
	done   chan struct{} // closed by write at its end
	missed atomic.Uint64
}

type loggedEvent struct {
	intentra.PeerEvent
	addr netip.AddrPort
}

// newPeerLog starts a log. name returns what a peer is called, or nothing.
func newPeerLog(log *slog.Logger, name func(intentra.PublicKey) string) *peerLog {
	l := &peerLog{
		log: log, name: name, events: make(chan loggedEvent, peerLogDepth),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go l.write()
	return l
}

// add never blocks.
func (l *peerLog) add(e intentra.PeerEvent) {
	select {
	case l.events <- loggedEvent{e, e.Peer.Addr()}:
	default:
		l.missed.Add(1)
	}
}

// close returns when all that was added before it is written.
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
	log := l.log.With("name", l.name(key), "key", key, "addr", e.addr)
	if e.Up {
		log.Info("peer connected")
	} else {
		log.Info("peer disconnected", "reason", e.Reason)
	}
	if n := l.missed.Swap(0); n > 0 {
		l.log.Warn("too many peers came and went to write them all down", "missed", n)
	}
}
