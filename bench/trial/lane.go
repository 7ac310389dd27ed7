package trial

import (
	"context"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

// lane sends messages on some connections in turn.
type lane struct {
	client      contender.Client
	number      int
	connections []int
	next        int
	payload     []byte
}

// run sends messages at the times of p. If p has no rate, it waits for the
// client instead of having messages dropped. Of the sent messages, the client
// did not accept those that are refused.
func (l *lane) run(ctx context.Context, id uint32, p *load.Pacer) (sent, refused uint64) {
	for n, at := range p.Bursts(ctx) {
		refused += l.send(n, load.Stamp{At: at, ID: id}, p.Rate == 0)
		sent += uint64(n)
	}
	return sent, refused
}

func (l *lane) send(n int, s load.Stamp, wait bool) (refused uint64) {
	s.Put(l.payload)
	for range n {
		if !l.client.Send(l.connections[l.next], l.payload, wait) {
			refused++
		}
		if l.next++; l.next == len(l.connections) {
			l.next = 0
		}
	}
	l.client.Flush(l.number)
	return refused
}
