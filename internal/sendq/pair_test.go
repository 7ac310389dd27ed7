package sendq

import (
	"slices"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// pair applies the same calls to a queue and its model.
type pair struct {
	t testing.TB
	q *Queue
	m model

	now    pipeline.Time
	room   <-chan struct{}
	next   int // makes payloads differ
	shared []lent
}

func newPair(t testing.TB, l Limits) *pair { return &pair{t: t, q: New(l, nil), m: model{limits: l}} }

// lent is a payload of which the test, and maybe the queue, holds a share.
type lent struct {
	p    *Payload
	want string
}

// message returns a message with a unique payload of n bytes.
func (p *pair) message(channel uint32, intent pipeline.Intent, n int) message {
	p.next++
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.next >> (8 * (i % 4)))
	}
	return message{channel: channel, intent: intent, payload: string(b)}
}

// queued returns m as the argument of Push. Every second token asks for an
// acknowledgement.
func (m message) queued() *Message {
	q := &Message{Channel: m.channel, Intent: m.intent, Priority: m.priority, Payload: []byte(m.payload)}
	q.Token, q.Expires = m.token, m.expires
	if m.token != 0 {
		q.Sent, q.Ask = pipeline.Time(m.token), m.token%2 == 0
	}
	return q
}

func (p *pair) push(m message) {
	wantOutcome, wantWake := p.m.push(m)
	q := m.queued()
	payload := q.Payload
	var o Outcome
	var wake bool
	if p.next%3 == 0 {
		s := NewPayload(payload, 2)
		q.Payload = nil
		o, wake = p.q.PushShared(q, s)
		if o != Queued && o != Replaced {
			s.Release(1)
		}
		p.shared = append(p.shared, lent{s, m.payload})
	} else {
		o, wake = p.q.Push(q)
	}
	clear(payload) // the queue must have a copy
	require.Equal(p.t, wantOutcome, o)
	require.Equal(p.t, wantWake, wake)
	p.pushed(o)
}

func (p *pair) pushed(o Outcome) {
	if o == Queued || o == Replaced {
		p.m.flow.Pushed++
	}
}

func (p *pair) pushWait(m message) {
	if p.m.waits(m) {
		_, wake, room := p.q.PushWait(m.queued())
		require.NotNil(p.t, room)
		require.False(p.t, wake)
		p.room, p.m.awaited = room, true
		return
	}
	wantOutcome, wantWake := p.m.push(m)
	o, wake, room := p.q.PushWait(m.queued())
	require.Nil(p.t, room)
	require.Equal(p.t, wantOutcome, o)
	require.Equal(p.t, wantWake, wake)
	p.pushed(o)
}

func (p *pair) take(reliable bool, most int) { p.takeOf(reliable, pipeline.Normal, most) }

func (p *pair) takeOf(reliable bool, of pipeline.Priority, most int) {
	want := p.m.take(reliable, of, p.now, most)
	var got []message
	n := p.q.Take(reliable, of, p.now, func(it *Item, payload []byte) bool {
		require.Len(p.t, payload, cap(payload))
		require.Equal(p.t, of, it.Priority)
		if len(got) == most {
			return false
		}
		mark := it.Mark()
		require.Equal(p.t, mark.Token != 0 && mark.Token%2 == 0, mark.Ask)
		require.Equal(p.t, pipeline.Time(mark.Token), mark.Sent)
		got = append(got, message{it.Channel, it.Intent, it.Priority, mark.Token, mark.Expires, string(payload), it.GivenUp})
		return true
	})
	require.Equal(p.t, want, got)
	for _, m := range want {
		if m.givenUp {
			n++
		}
	}
	require.Len(p.t, want, n)
	for _, m := range want {
		if !m.givenUp {
			p.m.flow.Taken++
		}
	}
}

// takePlain takes plain messages into a packet with some bytes of room.
func (p *pair) takePlain(w Frames) (full, more bool) {
	want, wantMore := w, true
	var messages []message
	if !p.q.ranked() { // it stays ranked until it is empty
		messages, wantMore = p.m.takePlain(&want)
	}
	before := "before"
	w.Data = append(make([]byte, 0, len(before)+w.Room), before...)
	n, more := p.q.TakePlain(&w)
	require.Equal(p.t, wantMore, more)
	require.Len(p.t, messages, n)
	data := []byte(before)
	for _, m := range messages {
		data = wire.AppendMessage(data, wire.FrameType(m.intent), m.channel, []byte(m.payload))
		p.m.flow.Taken++
	}
	require.Equal(p.t, string(data), string(w.Data))
	w.Data = nil
	require.Equal(p.t, want, w)
	return w.Full, more
}

// attend takes the decisions, expire lets time pass.
func (p *pair) attend() {
	require.Equal(p.t, p.m.news, p.q.News())
	got, expires := p.q.Attend(nil)
	require.Equal(p.t, p.m.decided, got)
	require.Equal(p.t, p.m.expires, expires)
	p.m.decided, p.m.news, p.m.called = nil, false, false
}

func (p *pair) expire(d pipeline.Time) {
	p.now += d
	p.m.expire(p.now)
	p.q.Expire(p.now)
}

// restore returns messages to the queue that a session took but that were not
// acknowledged.
func (p *pair) restore(list []message) {
	var back []Returned
	count := 0
	front := p.m.reliable
	p.m.reliable = slices.Clone(front)
	for i, m := range list {
		back = append(back, Returned{*m.queued(), m.givenUp})
		if !m.givenUp {
			count++
		}
		list[i] = p.m.enter(m)
		p.m.reliable = append(p.m.reliable, list[i]) // its channel has this priority now
	}
	p.m.reliable = front
	dropped := p.q.Restore(back)
	p.m.flow.Restored += uint64(count)
	if p.m.closed {
		require.Equal(p.t, count, dropped)
		p.m.flow.GivenUp += uint64(count)
		for _, m := range list {
			if !m.givenUp {
				p.m.decide(m, GivenUp)
			}
		}
		return
	}
	require.Zero(p.t, dropped)
	p.m.reliable = append(slices.Clone(list), p.m.reliable...)
	for _, m := range list {
		p.m.marked(m)
	}
}

func (p *pair) setOnline(online bool) {
	dropped := p.m.setOnline(online)
	require.Equal(p.t, dropped, p.q.SetOnline(online))
	p.m.flow.GivenUp += uint64(dropped)
}

func (p *pair) setHolding(holding bool) {
	p.m.holding, p.m.awaited = holding, false
	p.q.SetHolding(holding)
}

func (p *pair) close() {
	dropped := p.m.dropAll()
	require.Equal(p.t, dropped, p.q.Close())
	p.m.flow.GivenUp += uint64(dropped)
	p.m.closed, p.m.awaited = true, false
}

// check compares everything that is visible from outside, and checks bounds inside.
func (p *pair) check() {
	state, reliable := p.q.Peek()
	require.Equal(p.t, len(p.m.state), state)
	require.Equal(p.t, len(p.m.reliable), reliable)
	require.Equal(p.t, size(p.m.state)+size(p.m.reliable), p.q.Bytes())
	flow, waiting := p.q.Flow()
	require.Equal(p.t, p.m.flow, flow)
	require.Equal(p.t, state+reliable-p.m.notices(), waiting)
	require.Equal(p.t, flow.Pushed+flow.Restored, uint64(waiting)+flow.Taken+flow.Superseded+flow.Displaced+flow.Expired+flow.GivenUp)
	if p.room != nil {
		select {
		case <-p.room:
			require.False(p.t, p.m.awaited, "a waiter was woken without a reason")
		default:
			require.True(p.t, p.m.awaited, "a waiter was not woken")
		}
	}
	p.shared = p.shared[max(len(p.shared)-20, 0):]
	for _, l := range p.shared {
		require.Equal(p.t, l.want, string(l.p.bytes), "a shared payload changed or was released too early")
		require.Contains(p.t, []int64{1, 2}, l.p.shares.Load())
	}
	latest := 0
	for _, m := range p.m.state {
		if m.intent == pipeline.Latest {
			latest++
		}
	}
	require.Len(p.t, p.q.latest, latest)
}

func (p *pair) waiting() {
	p.m.ready = false
	state, reliable, ranked := p.q.Waiting()
	require.True(p.t, ranked || !p.m.ranked())
	require.Equal(p.t, len(p.m.state), state)
	require.Equal(p.t, len(p.m.reliable), reliable)
}
