package conn

import "github.com/intentra/intentra/internal/sendq"

// The methods named checked panic with a text that names the mistake of a caller, at
// the call itself: later, some field would be nil.

// checked returns e, an Endpoint that New has made.
func (e *Endpoint) checked() *Endpoint {
	if e == nil || e.in == nil {
		panic("conn: the *Endpoint is nil or zero; New returns one")
	}
	return e
}

// checked returns p, a Peer that an Endpoint has made.
func (p *Peer) checked() *Peer {
	if p == nil || !p.queue.Ready() {
		panic("conn: the *Peer is nil or zero; Endpoint.Dial and events return peers")
	}
	return p
}

// checked returns m, which must have an Intent, as a message of the queue.
func (m *Message) checked() *sendq.Message {
	if m == nil || m.Intent == 0 {
		panic("conn: the *Message is nil or has no Intent")
	}
	return (*sendq.Message)(m)
}

// checked returns j, a Job that an Endpoint has made.
func (j *Job) checked() *Job {
	if j == nil || j.work == nil {
		panic("conn: the *Job is nil or zero; Endpoint.PollJob returns jobs")
	}
	return j
}

// checked returns p, a Payload that NewPayload has made.
func (p Payload) checked() Payload {
	if p.shared == nil {
		panic("conn: the Payload is zero; NewPayload returns one")
	}
	return p
}
