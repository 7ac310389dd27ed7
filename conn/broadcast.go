package conn

import (
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// BeginBroadcast begins to send a copy of a Realtime or Latest message to several peers. Of
// m it uses channel, intent, payload and origin; the priority is Normal.
// If it returns true, the caller calls BroadcastTo for each of them and then
// EndBroadcast, and calls nothing else of e in between except pushes to these peers.
// Otherwise it pushes to each of them: there is no room, or the messages have to be in
// the queues, because user stages process them or a Journal records them, or because the
// message is sent in fragments. Any goroutine
// may call it; another that has begun a broadcast blocks it until EndBroadcast.
//
// The message is written once, and copied from there into each packet. If the next Flush
// cannot send it to a peer, it moves into the queue of that peer.
func (e *Endpoint) BeginBroadcast(m *Message) bool {
	j := &e.checked().cfg.Journal
	size := wire.MessageSize(wire.FrameType(m.checked().Intent), m.Channel, len(m.Payload)) + wire.Overhead
	if m.Origin != 0 {
		size += wire.OriginSize(m.Within)
	}
	if m.Intent == pipeline.Reliable || size > AcceptedDatagram || e.filling.unlocked || j.Step != nil || j.Pushed != nil {
		return false
	}
	return e.log.Begin((*sendq.Message)(m))
}

// BroadcastTo sends the message to p as well. The outcome is Queued or Replaced, as for
// [Peer.Push]; with another one, it was not sent, and the caller pushes it.
func (e *Endpoint) BroadcastTo(p *Peer) PushResult {
	return PushResult(e.checked().log.To(&p.checked().queue))
}

// EndBroadcast ends a broadcast. If wake is true, the driver must call Flush soon.
func (e *Endpoint) EndBroadcast() (wake bool) { return e.checked().log.End() }

// readLog begins to read what was broadcast, if the batch before has been read.
func (e *Endpoint) readLog() {
	if !e.log.Next() {
		return
	}
	for i := range e.log.Readers() {
		q := e.log.Reader(i)
		if s := q.Owner.(*Peer).session; s != nil {
			e.touchQueue(s)
			continue
		}
		e.stats.Offline += uint64(q.Spill())
	}
}

// spill moves what the peer of s has not read of the log into its queue.
func (e *Endpoint) spill(s *session) {
	if p := s.peer; p.session == s && p.queue.Reading() {
		e.stats.Offline += uint64(p.queue.Spill())
	}
}

// fillLogged appends messages of the log until the packet is full or none is left.
func (f *fill) fillLogged() {
	q := &f.s.peer.queue
	if f.full {
		return
	}
	if state, _ := q.Peek(); state > 0 {
		// They were pushed since sendable has looked.
		f.e.spill(f.s)
		return
	}
	p := &f.e.outgoing
	room := f.room(p)
	if f.mostMessages < room/leastFrame || f.mostBytes < room {
		f.e.spill(f.s) // the queue counts what it gives
		return
	}
	var read int
	before := len(p.Data)
	p.Data, read = q.ReadLog(p.Data, room, f.s.capabilities&wire.CapOrigin != 0)
	f.bytes += len(p.Data) - before
	f.full = q.Reading()
	if f.full && read == 0 && f.vacant() {
		// It does not fit into an empty packet. The queue knows what to do with it.
		f.full = false
		f.e.spill(f.s)
	}
	f.e.out.Packed(read)
	f.e.stats.Taken += uint64(read)
	f.messages += read
	f.latest = f.latest || read > 0 // perhaps
	f.eliciting = f.eliciting || read > 0
}
