package main

import (
	"bytes"
	"compress/flate"
	"io"

	"github.com/intentra/intentra/pipeline"
)

// maxInflated is the longest payload that comes out of inflate, in bytes. A few
// bytes of DEFLATE may stand for thousands, so there must be a limit.
const maxInflated = 16 << 10

// The drops of inflate.
const (
	dropMalformed = pipeline.DropFirst + iota
	dropTooLong
)

// inflate is the inbound stage that undoes deflate. It uses its reader and its
// buffer again; only a stream with codes of more than nine bits, which short
// messages rarely are, has compress/flate allocate tables.
type inflate struct {
	in  bytes.Reader
	r   io.ReadCloser // a flate.Resetter
	out [maxInflated + 1]byte
}

func newInflate() *inflate {
	s := new(inflate)
	s.r = flate.NewReader(&s.in)
	return s
}

// Name is the stage's name in metrics.
func (*inflate) Name() string { return "inflate" }

// Reasons names the drops.
func (*inflate) Reasons() []string { return []string{"malformed", "too_long"} }

// Process replaces the payload by what deflate was given.
func (s *inflate) Process(p *pipeline.Packet) pipeline.Verdict {
	b := p.Payload()
	if len(b) == 0 || b[0] > deflated {
		return dropMalformed
	}
	if b[0] == plain {
		p.SetPayload(b[1:])
		return pipeline.Accept
	}
	s.in.Reset(b[1:])
	if err := s.r.(flate.Resetter).Reset(&s.in, nil); err != nil {
		return dropMalformed
	}
	n, err := io.ReadFull(s.r, s.out[:])
	switch {
	case err == nil:
		return dropTooLong
	case err != io.EOF && err != io.ErrUnexpectedEOF, !s.ended():
		return dropMalformed
	}
	p.SetPayload(s.out[:n])
	return pipeline.Accept
}

// ended reports whether the stream had its end, and nothing behind it. ReadFull
// says ErrUnexpectedEOF both at the end and for a stream that breaks off.
func (s *inflate) ended() bool {
	_, err := s.r.Read(s.out[maxInflated:])
	return err == io.EOF && s.in.Len() == 0
}
