package sendq

import (
	"slices"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

type message struct {
	channel uint32
	intent  pipeline.Intent
	payload string
}

// model is a queue implemented by two slices.
type model struct {
	limits                  Limits
	state, reliable         []message
	online, holding, closed bool
	ready, awaited          bool // the loop was woken; a caller waits for room
	flow                    Flow
}

func size(list []message) (n int) {
	for _, m := range list {
		n += len(m.payload)
	}
	return n
}

func (q *model) push(m message) (o Outcome, wake bool) {
	switch {
	case q.closed:
		return Closed, false
	case !q.online && !(q.holding && m.intent != pipeline.Realtime):
		return Offline, false
	case m.intent == pipeline.Reliable:
		if len(q.reliable) >= q.limits.ReliableMessages || size(q.reliable)+len(m.payload) > q.limits.ReliableBytes {
			return Full, false
		}
		q.reliable = append(q.reliable, m)
		o = Queued
	default:
		o = q.pushState(m)
	}
	wake = q.online && !q.ready
	q.ready = q.ready || wake
	return o, wake
}

func (q *model) pushState(m message) Outcome {
	o := Queued
	if at := q.predecessor(m); at >= 0 {
		o = Replaced
		q.flow.Superseded++
		for at >= 0 && len(q.state) > 1 && size(q.state)-len(q.state[at].payload)+len(m.payload) > q.limits.StateBytes {
			q.state = q.state[1:]
			if at--; at >= 0 {
				q.flow.Displaced++
			}
		}
		if at >= 0 {
			q.state = slices.Clone(q.state)
			q.state[at] = m
			return o
		}
	}
	for len(q.state) > 0 && (len(q.state) >= q.limits.StateMessages || size(q.state)+len(m.payload) > q.limits.StateBytes) {
		q.state = q.state[1:]
		q.flow.Displaced++
		o = Replaced
	}
	q.state = append(q.state, m)
	return o
}

// predecessor returns the index of the message that m supersedes, or -1.
func (q *model) predecessor(m message) int {
	return slices.IndexFunc(q.state, func(w message) bool {
		return w.intent == pipeline.Latest && m.intent == pipeline.Latest && w.channel == m.channel
	})
}

// waits reports whether pushing m would drop a message other than the one that it
// supersedes, or would fail although it can succeed later.
func (q *model) waits(m message) bool {
	if q.closed || !q.online {
		return !q.closed && q.holding
	}
	trial := *q
	trial.reliable = slices.Clone(q.reliable)
	o, _ := trial.push(m)
	return trial.flow.Displaced > q.flow.Displaced || o == Full && len(q.reliable) > 0
}

func (q *model) take(reliable bool, most int) (taken []message) {
	from := &q.state
	if reliable {
		from = &q.reliable
	}
	n := min(most, len(*from))
	taken, *from = (*from)[:n], (*from)[n:]
	if n > 0 {
		q.awaited = false
	}
	return taken
}

func (q *model) setOnline(online bool) (dropped int) {
	q.online, q.awaited = online, false
	if online {
		return 0
	}
	q.ready = false
	before := len(q.state) + len(q.reliable)
	if q.holding {
		q.state = slices.DeleteFunc(slices.Clone(q.state), func(m message) bool { return m.intent == pipeline.Realtime })
	} else {
		q.state, q.reliable = nil, nil
	}
	return before - len(q.state) - len(q.reliable)
}

// pair applies the same calls to a queue and its model.
type pair struct {
	t testing.TB
	q *Queue
	m model

	room   <-chan struct{}
	next   int // makes payloads differ
	shared []lent
}

func newPair(t testing.TB, l Limits) *pair { return &pair{t: t, q: New(l), m: model{limits: l}} }

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
	return message{channel, intent, string(b)}
}

func (p *pair) push(m message) {
	wantOutcome, wantWake := p.m.push(m)
	payload := []byte(m.payload)
	var o Outcome
	var wake bool
	if p.next%3 == 0 {
		s := NewPayload(payload, 2)
		o, wake = p.q.PushShared(m.channel, m.intent, s)
		if o != Queued && o != Replaced {
			s.Release(1)
		}
		p.shared = append(p.shared, lent{s, m.payload})
	} else {
		o, wake = p.q.Push(m.channel, m.intent, payload)
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
		_, wake, room := p.q.PushWait(m.channel, m.intent, []byte(m.payload))
		require.NotNil(p.t, room)
		require.False(p.t, wake)
		p.room, p.m.awaited = room, true
		return
	}
	wantOutcome, wantWake := p.m.push(m)
	o, wake, room := p.q.PushWait(m.channel, m.intent, []byte(m.payload))
	require.Nil(p.t, room)
	require.Equal(p.t, wantOutcome, o)
	require.Equal(p.t, wantWake, wake)
	p.pushed(o)
}

func (p *pair) take(reliable bool, most int) {
	want := p.m.take(reliable, most)
	var got []message
	n := p.q.Take(reliable, func(channel uint32, intent pipeline.Intent, payload []byte) bool {
		require.Len(p.t, payload, cap(payload))
		if len(got) == most {
			return false
		}
		got = append(got, message{channel, intent, string(payload)})
		return true
	})
	require.Equal(p.t, len(want), len(got))
	require.Equal(p.t, len(want), n)
	p.m.flow.Taken += uint64(n)
	for i := range want {
		require.Equal(p.t, want[i], got[i])
	}
}

// restore returns messages to the queue that a session took but that were not
// acknowledged.
func (p *pair) restore(list []message) {
	var back []Message
	for _, m := range list {
		back = append(back, Message{Channel: m.channel, Payload: []byte(m.payload)})
	}
	dropped := p.q.Restore(back)
	p.m.flow.Restored += uint64(len(list))
	if p.m.closed {
		require.Equal(p.t, len(list), dropped)
		p.m.flow.GivenUp += uint64(len(list))
		return
	}
	require.Zero(p.t, dropped)
	p.m.reliable = append(slices.Clone(list), p.m.reliable...)
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
	dropped := len(p.m.state) + len(p.m.reliable)
	require.Equal(p.t, dropped, p.q.Close())
	p.m.flow.GivenUp += uint64(dropped)
	p.m.closed, p.m.awaited, p.m.state, p.m.reliable = true, false, nil, nil
}

// check compares everything that is visible from outside, and checks bounds inside.
func (p *pair) check() {
	state, reliable := p.q.Peek()
	require.Equal(p.t, len(p.m.state), state)
	require.Equal(p.t, len(p.m.reliable), reliable)
	require.Equal(p.t, size(p.m.state)+size(p.m.reliable), p.q.Bytes())
	flow, waiting := p.q.Flow()
	require.Equal(p.t, p.m.flow, flow)
	require.Equal(p.t, state+reliable, waiting)
	require.Equal(p.t, flow.Pushed+flow.Restored, uint64(waiting)+flow.Taken+flow.Superseded+flow.Displaced+flow.GivenUp)
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
	state, reliable := p.q.Waiting()
	require.Equal(p.t, len(p.m.state), state)
	require.Equal(p.t, len(p.m.reliable), reliable)
}
