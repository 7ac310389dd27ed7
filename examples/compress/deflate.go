package main

import (
	"bytes"
	"compress/flate"

	"github.com/intentra/intentra/pipeline"
)

// The first byte of a message says what the rest is.
const (
	plain    = 0 // the payload itself: it would not have become shorter
	deflated = 1 // the payload in DEFLATE (RFC 1951)
)

// deflate is an outbound stage that compresses messages. It uses its writer and
// its buffers again, so a message costs no allocation.
type deflate struct {
	buf bytes.Buffer
	w   *flate.Writer

	read, written int // payload bytes so far
}

func newDeflate() *deflate {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // there is such a level
	}
	return &deflate{w: w}
}

// Name is the stage's name in metrics.
func (*deflate) Name() string { return "deflate" }

// Reasons names the drop.
func (*deflate) Reasons() []string { return []string{"failed"} }

// MaxGrowth is how much longer a message may become: room is left for it.
func (*deflate) MaxGrowth() int { return 1 }

// Process replaces the payload by the shorter of its two forms.
func (d *deflate) Process(p *pipeline.Packet) pipeline.Verdict {
	d.buf.Reset()
	d.buf.WriteByte(deflated)
	d.w.Reset(&d.buf)
	if _, err := d.w.Write(p.Payload()); err != nil {
		return pipeline.DropFirst
	}
	if err := d.w.Close(); err != nil {
		return pipeline.DropFirst
	}
	if d.buf.Len() > 1+len(p.Payload()) {
		d.buf.Reset()
		d.buf.WriteByte(plain)
		d.buf.Write(p.Payload())
	}
	d.read += len(p.Payload())
	d.written += d.buf.Len()
	p.SetPayload(d.buf.Bytes())
	return pipeline.Accept
}
