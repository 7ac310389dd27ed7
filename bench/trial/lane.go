package trial

import (
	"context"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

// burst is how many messages are handed over between two looks at the clock if
// nothing else says how many; they bear one stamp. It is also a full GSO call.
const burst = 64

// lane sends the messages of some connections, each in turn.
type lane struct {
	client      contender.Client
	number      int
	connections []int
	next        int
	payload     []byte
}

// run sends at rate messages per second from start on, a time of load.Now, or as
// fast as the client takes them if the rate is zero. refused are those of the
// sent ones that the client did not take.
func (l *lane) run(ctx context.Context, start time.Duration, rate float64, length time.Duration) (sent, refused uint64) {
	if rate > 0 {
		p := load.NewPacer(start, rate, length)
		for n, at, ok := p.Next(ctx); ok; n, at, ok = p.Next(ctx) {
			refused += l.send(n, at, false)
			sent += uint64(n)
		}
		return sent, refused
	}
	for at := load.Now(); at < start+length && ctx.Err() == nil; at = load.Now() {
		refused += l.send(burst, at, true)
		sent += burst
	}
	return sent, refused
}

func (l *lane) send(n int, at time.Duration, wait bool) (refused uint64) {
	contender.Stamp(l.payload, at)
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
