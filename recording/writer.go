package recording

import (
	"io"

	"github.com/intentra/intentra/internal/journal"
)

var (
	// ErrBehind is returned when more than 64 MiB are waiting to be written to one of
	// the files. The recording has ended early; its beginning is intact.
	ErrBehind = journal.ErrBehind
	// ErrUsed is returned by a transport whose Writer has recorded another one, or
	// is closed.
	ErrUsed = journal.ErrUsed
	// ErrClosed is returned when a Writer was closed while its transport was still
	// running. The recording is incomplete.
	ErrClosed = journal.ErrClosed
)

// Writer records one transport. [Create] or [NewWriter] returns one; set it as
// intentra.Config.Record, and Close it after the transport. Its methods may be
// called from any goroutine. Files are written by a goroutine of the Writer, so
// that no other waits for the disk.
type Writer struct{ w *journal.Writer }

// Create creates the file name for the recording and, unless keys is empty, a
// second file for the keys, both with mode 0600. An existing file is never
// overwritten: the error is fs.ErrExist.
func Create(name, keys string) (*Writer, error) {
	w, err := journal.Create(name, keys)
	if err != nil {
		return nil, err
	}
	return &Writer{w}, nil
}

// NewWriter returns a Writer that writes the recording to w and, unless keys is
// nil, the keys to keys. The caller closes both after it has closed the Writer.
// NewWriter panics if w is nil.
func NewWriter(w, keys io.Writer) *Writer { return &Writer{journal.NewWriter(w, keys)} }

// Err returns the error that ended the recording early, or nil.
func (w *Writer) Err() error {
	if w == nil || w.w == nil {
		return w.Close() // says so
	}
	return w.w.Err()
}

// Close writes what is buffered and returns the first error of the recording.
// Files of [Create] are closed, and removed if no transport has started with the
// Writer. A second Close returns the same error, or [ErrClosed] if the transport
// has continued since the first.
func (w *Writer) Close() error { return w.writer().Close() }

// writer returns the implementation. That of nil and of the zero value fails.
func (w *Writer) writer() *journal.Writer {
	if w == nil || w.w == nil {
		return new(journal.Writer)
	}
	return w.w
}

func init() { journal.Unwrap = func(w any) *journal.Writer { return w.(*Writer).writer() } }
