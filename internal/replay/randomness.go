package replay

import "io"

// randomness gives out the random bytes that were drawn.
type randomness struct {
	rest  []byte
	whole bool // all that were drawn are there
	cut   bool // more is asked for, while not all are there
}

func (r *randomness) Read(b []byte) (int, error) {
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	if n == 0 && len(b) > 0 {
		r.cut = r.cut || !r.whole
		return 0, io.EOF
	}
	return n, nil
}
