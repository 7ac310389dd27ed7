package main

import (
	"sync"

	"github.com/intentra/intentra"
)

// server owns the arena. Players send inputs; it decides where they are.
type server struct {
	delta *delta

	mu      sync.Mutex
	tick    uint32
	players map[*intentra.Peer]*player
	order   []*player // by number
	free    uint16    // the next number
	buf     []byte
}

// player is a connected player as the server sees it.
type player struct {
	peer      *intentra.Peer
	id        uint16
	at        vector
	direction vector
	input     uint32 // the newest that has been applied
	queue     []input
	walked    float64
}

// mostInputs is how many inputs of one player may wait for a tick. More would be a
// speed hack, or a player whose packets come in bursts: the oldest are dropped.
const mostInputs = 8

func newServer() *server { return &server{delta: new(delta), players: map[*intentra.Peer]*player{}} }

// config returns the configuration of the server's transport, without a key.
func (s *server) config() intentra.Config {
	return intentra.Config{Authorize: intentra.AllowAny, Stages: serverStages(s.delta), Handler: s.receive, OnPeer: s.peerEvent}
}

func (s *server) peerEvent(ev intentra.PeerEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.players[ev.Peer]; p != nil && (ev.Kind == intentra.PeerDown || ev.Fresh()) {
		delete(s.players, ev.Peer)
		for i, o := range s.order {
			if o == p {
				s.order = append(s.order[:i:i], s.order[i+1:]...)
				break
			}
		}
	}
	if ev.Kind == intentra.PeerDown || s.players[ev.Peer] != nil {
		return
	}
	// Numbers begin at the golden angle, so that players begin all over the arena.
	p := &player{peer: ev.Peer, id: s.free}
	p.at = move(vector{float64(int(s.free)*618%side) + 0.5, float64(int(s.free)*382%side) + 0.5}, vector{})
	s.free++
	s.players[ev.Peer] = p
	s.order = append(s.order, p)
}

func (s *server) receive(m intentra.Received) {
	in, ok := parseInput(m.Payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.players[m.Peer]
	if !ok || p == nil || m.Channel != inputs {
		return
	}
	// Each message repeats the inputs of the ticks before, in case one was lost.
	for _, one := range in.expand() {
		if one.number <= p.input || len(p.queue) > 0 && one.number <= p.queue[len(p.queue)-1].number {
			continue
		}
		if p.queue = append(p.queue, one); len(p.queue) > mostInputs {
			p.queue = p.queue[1:]
		}
	}
}

// step runs one tick and sends each player its snapshot.
func (s *server) step() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick++
	all := make([]entity, len(s.order))
	for i, p := range s.order {
		// Normally one input waits; after a gap, two a tick until it is made good.
		for n := min(len(p.queue), 1+len(p.queue)/3); n > 0; n-- {
			p.direction, p.input = p.queue[0].direction(), p.queue[0].number
			before := p.at
			p.at = move(p.at, p.direction)
			p.walked += p.at.distance(before)
			p.queue = p.queue[1:]
		}
		all[i] = entity{p.id, p.at}
	}
	for i, p := range s.order {
		s.buf = snapshot{s.tick, p.input, p.id, interest(all, i, int(s.tick))}.appendFull(s.buf[:0])
		p.peer.Send(intentra.Message{Channel: snapshots, Intent: intentra.Latest, Priority: intentra.High, Payload: s.buf})
	}
	if s.tick%hertz == 0 {
		s.announce()
	}
}
