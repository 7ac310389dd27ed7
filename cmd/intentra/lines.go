package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// lineReader reads lines from a stream. A line ends at a newline, which is not
// part of it, or at the end of the stream; all other bytes belong to it.
type lineReader struct {
	r      *bufio.Reader
	limit  int // bytes in a line
	number int // of the last line, from 1
	line   []byte
}

func newLineReader(r io.Reader, limit int) *lineReader {
	// The buffer is full, and the line refused, once it has more than the limit.
	return &lineReader{r: bufio.NewReaderSize(r, limit+2), limit: limit}
}

// next returns the next line, which is valid until the following call, or io.EOF
// at the end of the stream. Of a line that is too long it reads only as much as
// it needs to detect that.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	l.number++
	for {
		part, err := l.r.ReadSlice('\n')
		l.line = append(l.line, part...)
		n := len(l.line)
		switch {
		case err == nil:
			n--
		case err == io.EOF && n == 0:
			return nil, io.EOF
		case err != io.EOF && !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read line %d of standard input: %w", l.number, err)
		}
		if n > l.limit {
			return nil, fmt.Errorf("line %d of standard input is too long for a message: the limit is %d bytes", l.number, l.limit)
		}
		if err == nil || err == io.EOF {
			return l.line[:n], nil
		}
	}
}
