package fuzz

import (
	"slices"
	"time"

	"github.com/intentra/intentra/pipeline"
)

const (
	peers     = 3
	maxEpochs = 3 // of a session, as in conn

	// start is longer than any interval of a stage, so that subtracting one does not
	// give a negative time.
	start = pipeline.Time(1000 * time.Hour)
)

// world is a substitute for the protocol core: it opens and closes peers, sessions and epochs
// in the same order, and makes packets of live epochs only.
type world struct {
	now   pipeline.Time
	peers [peers]peer
	tell  func(notice)
}

type peer struct {
	number   int
	id       pipeline.ID // zero while it is unknown
	session  pipeline.ID // zero without a session
	epochs   []*epoch    // live, the newest first
	seq      uint32      // of the next epoch
	sequence uint64      // of the next Reliable message
	held     [2 + maxEpochs]uint8
}

type epoch struct {
	pipeline.EpochNotice
	next    uint64   // counter
	skipped []uint64 // counters left out so far, which late packets use
}

func newWorld(tell func(notice)) *world {
	w := &world{now: start, tell: tell}
	for i := range w.peers {
		w.peers[i].number = i
	}
	w.live(0)
	w.live(1)
	return w
}

// live returns the peer of that number, and first opens it and its session if needed.
func (w *world) live(number int) *peer {
	p := &w.peers[number]
	if p.id == 0 {
		p.id = p.newID(0, uint32(number))
		w.tell(notice{level: ofPeer, EpochNotice: pipeline.EpochNotice{Peer: p.id}})
	}
	if p.session == 0 {
		// Not the peer's number, to expose a stage that confuses the two.
		p.session, p.seq, p.sequence = p.newID(1, uint32(peers-number)), 0, 0
		w.tell(notice{level: ofSession, EpochNotice: pipeline.EpochNotice{Peer: p.id, Session: p.session}})
		w.openEpoch(p)
	}
	return p
}

// newID returns an ID with the next generation of its holder.
func (p *peer) newID(holder int, number uint32) pipeline.ID {
	if p.held[holder]++; p.held[holder] == 0 {
		p.held[holder] = 1
	}
	return pipeline.MakeID(number, p.held[holder])
}

func (w *world) openEpoch(p *peer) {
	if len(p.epochs) == maxEpochs {
		w.closeEpoch(p)
	}
	slot := 0
	for i := range maxEpochs {
		if !slices.ContainsFunc(p.epochs, func(e *epoch) bool { return e.Epoch.Number() == p.epochNumber(i) }) {
			slot = i
		}
	}
	e := &epoch{EpochNotice: pipeline.EpochNotice{
		Peer: p.id, Session: p.session, Epoch: p.newID(2+slot, p.epochNumber(slot)), Seq: p.seq,
	}}
	p.seq++
	p.epochs = slices.Insert(p.epochs, 0, e)
	w.tell(notice{level: ofEpoch, EpochNotice: e.EpochNotice})
}

func (p *peer) epochNumber(slot int) uint32 { return uint32(p.number*100 + slot) }

// closeEpoch closes the peer's oldest epoch.
func (w *world) closeEpoch(p *peer) {
	last := len(p.epochs) - 1
	w.tell(notice{level: ofEpoch, closed: true, EpochNotice: p.epochs[last].EpochNotice})
	p.epochs = p.epochs[:last]
}

func (w *world) closeSession(p *peer) {
	if p.session == 0 {
		return
	}
	for len(p.epochs) > 0 {
		w.closeEpoch(p)
	}
	w.tell(notice{level: ofSession, closed: true, EpochNotice: pipeline.EpochNotice{Peer: p.id, Session: p.session}})
	p.session = 0
}

func (w *world) closePeer(p *peer) {
	w.closeSession(p)
	if p.id == 0 {
		return
	}
	w.tell(notice{level: ofPeer, closed: true, EpochNotice: pipeline.EpochNotice{Peer: p.id}})
	p.id = 0
}

// change carries out a notice step.
func (w *world) change(s step) {
	p := &w.peers[s.peer()]
	switch s.b % 4 {
	case 0:
		if p.session == 0 {
			w.live(p.number)
			return
		}
		w.closeSession(p)
	case 1:
		w.openEpoch(w.live(p.number))
	case 2:
		if len(p.epochs) > 1 {
			w.closeEpoch(p)
		}
	case 3:
		w.closePeer(p)
	}
}

// pass carries out a time step: from a microsecond to nine hours.
func (w *world) pass(s step) {
	w.now += pipeline.Time(time.Microsecond) * pipeline.Time(1+s.a%16) << (s.b % 32)
}

// number returns a counter that the epoch has not used.
func (e *epoch) number(s step, inOrder bool) uint64 {
	last := len(e.skipped) - 1
	switch how := s.number(); {
	case how == 1 && !inOrder && last >= 0:
		late := e.skipped[last]
		e.skipped = e.skipped[:last]
		return late
	case how > 1 && e.next < 1<<62:
		e.skipped = append(e.skipped, e.next)
		e.next += 1 << (s.room() * 8 * (how - 2))
	}
	e.next++
	return e.next - 1
}
