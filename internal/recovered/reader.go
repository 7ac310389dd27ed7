package recovered

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Reader returns a reader whose Read calls r's, and fails if that panics.
func Reader(r io.Reader, panics *atomic.Uint64) io.Reader { return reader{r, panics} }

type reader struct {
	r      io.Reader
	panics *atomic.Uint64
}

func (r reader) Read(b []byte) (n int, err error) {
	returned := false
	defer func() {
		if !returned {
			r.panics.Add(1)
			n, err = 0, fmt.Errorf("panic in Read: %v", recover())
		}
	}()
	n, err = r.r.Read(b)
	returned = true
	return n, err
}
