package main

import (
	"bytes"
	"compress/flate"

	"github.com/intentra/intentra/pipeline"
)

// The first byte of a message tells the format of the rest.
const (
	plain    = 0 // the payload, which DEFLATE would not have made shorter
	deflated = 1 // the payload in DEFLATE (RFC 1951)
)

// deflate is an outbound stage that compresses messages. It reuses its writer
// and buffers, so that a message costs no allocation.
type deflate struct {
	buf bytes.Buffer
	w   *flate.Writer

	read, written int // payload bytes so far
}

func newDeflate() *deflate {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // BestSpeed is a valid level
	}
	return &deflate{w: w}
}

// Name returns the stage's name, which appears in metrics.
func (*deflate) Name() string { return "deflate" }

// Reasons names the reasons for drops.
func (*deflate) Reasons() []string { return []string{"failed"} }

// MaxGrowth returns the largest number of bytes that the stage adds to a message,
// for which the core leaves room.
func (*deflate) MaxGrowth() int { return 1 }

// Process replaces the payload with the shorter of its two formats.
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
