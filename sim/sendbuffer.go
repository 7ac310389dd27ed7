package sim

import (
	"slices"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// retryAfter is how long a node with a full send buffer waits before it tries again.
const retryAfter = pipeline.Time(time.Millisecond)

// transmit sends what the endpoint has written, as far as the send buffer has room.
func (p *process) transmit(now pipeline.Time) {
	out := p.driver.Outgoing()
	done := p.write(out)
	for _, index := range p.tooLarge {
		p.driver.HandleTooLarge(index, now)
	}
	if done == len(out) {
		return
	}
	p.full = true
	for _, d := range p.driver.Refused(done, now) {
		d.Data = slices.Clone(d.Data)
		p.backlog = append(p.backlog, d)
	}
}

// retry sends what the send buffer had no room for.
func (p *process) retry(now pipeline.Time) {
	p.full = false
	if len(p.backlog) == 0 {
		return
	}
	p.backlog = p.backlog[p.write(p.backlog):]
	if p.full = len(p.backlog) > 0; p.full {
		p.driver.Refused(conn.NoneRefused, now)
	}
}

// deadline returns when the process has something to do next.
func (p *process) deadline() (at pipeline.Time, ok bool) {
	at, ok = p.ep.Deadline()
	if again := p.n.Now() + retryAfter; p.full && (!ok || again < at) {
		return again, true
	}
	return at, ok
}

// write sends datagrams until the send buffer is full, and returns their number. It
// sets tooLarge.
func (p *process) write(out []wire.Datagram) int {
	p.tooLarge = p.tooLarge[:0]
	for i, d := range out {
		if !p.n.room(len(d.Data)) {
			return i
		}
		if !p.n.w.send(p.n, d) {
			p.tooLarge = append(p.tooLarge, i)
		}
	}
	return len(out)
}

// room reports whether the node's send buffer takes n more bytes.
func (n *Node) room(bytes int) bool {
	if n.SendBuffer <= 0 {
		return true
	}
	queued := n.queued()
	return queued == 0 || queued+bytes <= n.SendBuffer
}

// queued returns the bytes that wait in the queues of the node's links.
func (n *Node) queued() (sum int) {
	for _, r := range n.w.routes {
		if l := r.link(n.w); r.from == n && l.Rate > 0 && r.free > n.w.now {
			sum += int(int64(r.free-n.w.now) * int64(l.Rate) / int64(time.Second))
		}
	}
	return sum
}
