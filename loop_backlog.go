package intentra

import (
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// retryAfter is how long the loop waits for room in the socket's send buffer before it
// tries again.
const retryAfter = time.Millisecond

// backlog holds the datagrams of peers with a fast route for which the socket had no
// room, because its send buffer is full of those for a slow one. Nothing else is sent
// before them. It never has more than the core writes at once.
type backlog struct {
	full bool // in the latest turn
	data []byte
	rest []wire.Datagram
}

// keep copies datagrams into an empty backlog.
func (b *backlog) keep(rest []wire.Datagram) {
	size := 0
	for i := range rest {
		size += len(rest[i].Data)
	}
	if cap(b.data) < size {
		b.data = make([]byte, 0, size)
	}
	b.data, b.rest = b.data[:0], b.rest[:0]
	for _, d := range rest {
		from := len(b.data)
		b.data = append(b.data, d.Data...)
		d.Data = b.data[from:len(b.data):len(b.data)]
		b.rest = append(b.rest, d)
	}
}

// send sends the datagrams that the core has written. It reports whether the socket had
// room for all of them.
func (t *Transport) send(now pipeline.Time) bool {
	b := &t.loop.backlog
	b.full = false
	if len(b.rest) > 0 {
		done := t.write(b.rest)
		if b.rest = b.rest[:copy(b.rest, b.rest[done:])]; len(b.rest) > 0 {
			b.full = true
			t.core.Refused(conn.NoneRefused, now)
			return false
		}
	}
	out := t.core.Outgoing()
	done := t.write(out)
	if len(out) > 0 && t.host == nil {
		for _, index := range t.socket.TooLarge() {
			t.core.HandleTooLarge(index, now)
		}
	}
	if done < len(out) {
		b.full = true
		b.keep(t.core.Refused(done, now))
		return false
	}
	return true
}

// sendLast sends the last datagrams of a transport that ends. It drops those for which
// there is no room.
func (t *Transport) sendLast() {
	for _, out := range [][]wire.Datagram{t.loop.backlog.rest, t.core.Outgoing()} {
		if _, err := t.socket.WriteBatch(out); err != nil {
			t.socketFailed(err)
		}
	}
	t.loop.backlog.rest = nil
}

// write returns how many of the datagrams are done. Without a socket all are.
func (t *Transport) write(out []wire.Datagram) (done int) {
	if len(out) == 0 {
		return 0
	}
	done, err := t.socket.WriteSome(out)
	if err != nil {
		t.socketFailed(err)
		return len(out)
	}
	return done
}
