package journal

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
)

var (
	// ErrBehind: the disk did not keep up, and the recording has ended early.
	ErrBehind = errors.New("journal: the disk does not keep up; the recording has ended early")
	// ErrUsed: a Writer records one transport only.
	ErrUsed = errors.New("journal: the Writer has been used already; each transport needs its own")
	// ErrClosed: a Writer was closed before its transport. What came after that is
	// not in the recording, which has no end.
	ErrClosed = errors.New("journal: the Writer was closed while a transport still recorded; close the transport first")

	errZero = errors.New("journal: a Writer that neither Create nor NewWriter has made")
)

// MaxBehind is how many bytes may wait for the disk, of each file, before the
// recording ends with ErrBehind.
const MaxBehind = 64 << 20

// Writer writes a journal and, if it has a file for them, the keys. Make one with
// Create or NewWriter, give it to one transport, and Close it once that has
// ended. It may be used from any goroutine. What is written passes through
// memory to a goroutine of its own, so nobody ever waits for the disk.
type Writer struct {
	id      string // tells this recording, and its keys, from all others
	mu      sync.Mutex
	journal stream
	keys    stream
	taken   bool // by a transport
	used    bool // the transport has started
	over    bool // it has written its last entry
	closed  bool
	err     error   // the first; nothing is written after it
	number  uint64  // of the last entry
	text    []byte  // scratch: an entry
	sum     keysSum // of the lines of keys
	wake    chan struct{}
	done    chan struct{}
}

// Used reports whether a transport has been recorded, or is being.
func (w *Writer) Used() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.used
}

// stream is one of the files, and what waits for it.
type stream struct {
	to      io.Writer    // nil: there is none
	close   func() error // nil: the caller does
	remove  func() error
	waiting []byte
	spare   []byte
	failed  bool // what comes after a gap is worth nothing; the writing goroutine's
}

// Create makes a journal in a new file with mode 0600 and, unless keys is empty,
// a second one for the keys. It overwrites nothing: the error is fs.ErrExist
// then. Both names for one file are another error.
func Create(name, keys string) (*Writer, error) {
	journal, err := create(name)
	if err != nil {
		return nil, err
	}
	if keys == "" {
		return newWriter(fileStream(journal), stream{}), nil
	}
	secret, err := create(keys)
	if err != nil {
		if same(name, keys) {
			err = fmt.Errorf("journal: %s, for the recording, and %s, for its keys, are the same file; give the keys one of their own", name, keys)
		}
		// It is empty, and ours.
		return nil, errors.Join(err, journal.Close(), os.Remove(name))
	}
	return newWriter(fileStream(journal), fileStream(secret)), nil
}

func fileStream(f *os.File) stream {
	return stream{to: f, close: f.Close, remove: func() error { return os.Remove(f.Name()) }}
}

func create(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return f, nil
}

// same reports whether both names are those of one file.
func same(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, other)
}

// NewWriter is Create for files that the caller has, and closes himself after
// Close. keys may be nil, also as a nil pointer: then they are not written down.
// It panics if journal is nil.
func NewWriter(journal, keys io.Writer) *Writer {
	if isNil(journal) {
		panic("journal: NewWriter needs a writer for the journal")
	}
	if isNil(keys) {
		keys = nil
	}
	return newWriter(stream{to: journal}, stream{to: keys})
}

// isNil reports whether w is nothing to write to. A nil *bytes.Buffer would bring
// down the process later, on the Writer's own goroutine.
func isNil(w io.Writer) bool {
	v := reflect.ValueOf(w)
	return w == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

func newWriter(journal, keys stream) *Writer {
	// Nothing that is replayed depends on it.
	var id [recordingSize]byte
	_, _ = rand.Read(id[:]) // never fails
	w := &Writer{id: hex.EncodeToString(id[:]), journal: journal, keys: keys, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Err returns what has ended the recording early, nil if nothing has.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close writes what waits, and returns what has gone wrong from the beginning on.
// Files of Create are removed if no transport has used them, or only one that
// could not be started. Closing again returns the same, or ErrClosed if the
// transport has gone on since then.
func (w *Writer) Close() error {
	if w.done == nil {
		return errZero
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.done
	return w.Err()
}

// HasKeys reports whether the keys are written down.
func (w *Writer) HasKeys() bool { return w.keys.to != nil }

// begin takes the Writer for one transport.
func (w *Writer) begin() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == nil {
		return errZero
	}
	if w.taken || w.closed {
		return ErrUsed
	}
	w.taken = true
	return nil
}

// begun says that the transport has started, so that there is something to keep.
func (w *Writer) begun() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = true
}

// entry writes an entry in a custom block.
func (w *Writer) entry(e Entry) {
	if w.Err() == nil { // or it would be thrown away
		w.put(nil, encode(e))
	}
}

// packet writes an entry in the options of its packet.
func (w *Writer) packet(p *outline, e Entry) {
	if w.Err() == nil {
		w.put(p, encode(e))
	}
}

// finish says that the transport has ended. Who still has one of its peers may
// send as long as he likes: that is no part of the recording.
func (w *Writer) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// put gives the text of an entry its number, and writes it. The order in the file
// is that of the numbers, whoever writes.
func (w *Writer) put(p *outline, text []byte) {
	w.mu.Lock()
	if w.closed && !w.over && w.err == nil {
		w.err = ErrClosed
	}
	if w.err == nil && !w.over {
		w.number++
		w.text = seal(w.text[:0], text, w.number)
		s := &w.journal
		before := len(s.waiting)
		if p == nil {
			s.waiting = appendCustom(s.waiting, w.text)
		} else {
			s.waiting = appendPacket(s.waiting, p, w.text)
		}
		if len(s.waiting) > MaxBehind {
			s.waiting = s.waiting[:before]
			w.err = ErrBehind
		}
	}
	w.mu.Unlock()
	w.signal()
}

// encode returns the entry's text.
func encode(e Entry) []byte {
	text, err := json.Marshal(e)
	if err != nil {
		panic("journal: " + err.Error()) // its fields are plain
	}
	return text
}

// block writes a pcapng block without an entry, or several.
func (w *Writer) block(b []byte) { w.append(&w.journal, b) }

// secret writes a line of the keys file, but for its end.
func (w *Writer) secret(line []byte) {
	if w.keys.to == nil {
		return
	}
	w.mu.Lock()
	if w.room(&w.keys, len(line)+keysSealSize) {
		w.keys.waiting = w.sum.seal(w.keys.waiting, line)
	}
	w.mu.Unlock()
	clear(line)
	w.signal()
}

func (w *Writer) append(s *stream, b []byte) {
	w.mu.Lock()
	if w.room(s, len(b)) {
		s.waiting = append(s.waiting, b...)
	}
	w.mu.Unlock()
	w.signal()
}

// room reports whether n bytes more are to be written. w.mu is locked.
func (w *Writer) room(s *stream, n int) bool {
	if w.err == nil && len(s.waiting)+n > MaxBehind {
		w.err = ErrBehind
	}
	return w.err == nil && !w.closed
}

func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run takes to the files what waits.
func (w *Writer) run() {
	defer close(w.done)
	for range w.wake {
		if w.flush() {
			w.closeFiles()
			return
		}
	}
}

// flush writes what waits, and reports whether that is the last. The keys come
// first: what a process that is killed leaves of the journal can be replayed.
func (w *Writer) flush() (closed bool) {
	w.mu.Lock()
	closed = w.closed
	secrets, blocks := w.keys.take(), w.journal.take()
	w.mu.Unlock()
	w.write(&w.keys, secrets)
	clear(secrets)
	w.write(&w.journal, blocks)
	return closed
}

// take returns what waits. It is good until the next time.
func (s *stream) take() []byte {
	b := s.waiting
	s.waiting, s.spare = s.spare[:0], b
	return b
}

func (w *Writer) write(s *stream, b []byte) {
	if len(b) == 0 || s.failed {
		return
	}
	err := s.write(b)
	s.failed = err != nil
	w.fail(err)
}

// write writes b to the user's io.Writer. A panic there is an error.
func (s *stream) write(b []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in Write: %v", r)
		}
	}()
	n, err := s.to.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

func (w *Writer) closeFiles() {
	for _, s := range []*stream{&w.journal, &w.keys} {
		if s.close != nil {
			w.fail(s.close())
		}
		if s.remove != nil && !w.Used() {
			w.fail(s.remove())
		}
	}
}

// fail keeps the first error.
func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("journal: writing: %w", err)
	}
}
