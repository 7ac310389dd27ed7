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
	// ErrBehind is returned when the disk was too slow and the recording has ended
	// early.
	ErrBehind = errors.New("recording: the disk is too slow; the recording has ended early")
	// ErrUsed is returned when a Writer is used for a second transport.
	ErrUsed = errors.New("recording: the Writer has already been used; each transport needs its own")
	// ErrClosed is returned when a Writer was closed before its transport. The
	// recording is incomplete.
	ErrClosed = errors.New("recording: the Writer was closed while its transport was running; close the transport first")

	errGoexit = errors.New("recording: runtime.Goexit in Write")
	errZero   = errors.New("recording: the *Writer is nil or zero; Create and NewWriter return one")
)

// MaxBehind is how many bytes may wait to be written to each file before the
// recording ends with ErrBehind.
const MaxBehind = 64 << 20

// Writer writes a recording and, if it has a file for them, the keys. Create or
// NewWriter returns one; it records one transport and is closed after it. Its
// methods may be called from any goroutine. A goroutine of its own writes the
// files, so that no other waits for the disk.
type Writer struct {
	id      string // identifies the recording and its keys; see Keys.Recording
	mu      sync.Mutex
	journal stream
	keys    stream
	taken   bool // a transport has it
	used    bool // the transport has started
	over    bool // the transport has written its last entry
	closed  bool
	err     error   // the first error; nothing is written after it
	number  uint64  // of the last entry
	text    []byte  // scratch for an entry
	sum     keysSum // of the keys file
	wake    chan struct{}
	done    chan struct{}
}

// Used reports whether a transport has started with the Writer.
func (w *Writer) Used() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.used
}

// stream is one of the files, with the bytes waiting to be written.
type stream struct {
	to      io.Writer    // nil if there is no such file
	close   func() error // nil if the caller closes it
	remove  func() error
	waiting []byte
	spare   []byte
	failed  bool // nothing more is written; used by run only
}

// Create creates the file name for the recording and, unless keys is empty, a second
// file for the keys, both with mode 0600. If a file exists the error is fs.ErrExist.
// The names must be of different files.
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
			err = fmt.Errorf("recording: %s, for the recording, and %s, for its keys, are the same file; give the keys one of their own", name, keys)
		}
		// The first file is empty, and was created by us.
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
		return nil, fmt.Errorf("recording: %w", err)
	}
	return f, nil
}

// same reports whether both names refer to the same file.
func same(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, other)
}

// NewWriter is Create for open files, which the caller closes after the Writer. If
// keys is nil, or a nil pointer, the keys are not recorded. NewWriter panics if
// journal is nil.
func NewWriter(journal, keys io.Writer) *Writer {
	if isNil(journal) {
		panic("recording: NewWriter needs a writer for the recording")
	}
	if isNil(keys) {
		keys = nil
	}
	return newWriter(stream{to: journal}, stream{to: keys})
}

// isNil reports whether w, a reader or a writer, is nil or a nil pointer. A nil
// *bytes.Buffer would panic later, on the Writer's goroutine.
func isNil(w any) bool {
	v := reflect.ValueOf(w)
	return w == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

func newWriter(journal, keys stream) *Writer {
	// The replay does not depend on it.
	var id [recordingSize]byte
	_, _ = rand.Read(id[:]) // never fails
	w := &Writer{id: hex.EncodeToString(id[:]), journal: journal, keys: keys, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Err returns the error that ended the recording early, or nil.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close writes what is waiting and returns the first error of the recording. It
// closes files of Create, and removes them if no transport has started. A second
// Close returns the same error, or ErrClosed if the transport has continued since.
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

// HasKeys reports whether the keys are recorded.
func (w *Writer) HasKeys() bool { return w.keys.to != nil }

// begin claims the Writer for a transport.
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

// begun notes that the transport has started, so that Close keeps the files.
func (w *Writer) begun() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used = true
}

// entry writes an entry in a custom block.
func (w *Writer) entry(e Entry) {
	if w.Err() == nil { // otherwise encoding it is wasted
		w.put(nil, encode(e))
	}
}

// packet writes a packet with an entry in its options.
func (w *Writer) packet(p *outline, e Entry) {
	if w.Err() == nil {
		w.put(p, encode(e))
	}
}

// finish ends the recording. Messages queued after the transport was closed are not
// part of it.
func (w *Writer) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// put numbers the text of an entry and writes it. The file is in the order of the
// numbers, from whichever goroutines entries come.
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

// encode returns the text of an entry.
func encode(e Entry) []byte {
	text, err := json.Marshal(e)
	if err != nil {
		panic("recording: " + err.Error()) // every Entry can be marshalled
	}
	return text
}

// block writes pcapng blocks without an entry.
func (w *Writer) block(b []byte) { w.append(&w.journal, b) }

// secret writes a line of the keys file, adding its checksum and end, and clears
// line.
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

// room reports whether n more bytes may be appended to s. The caller holds w.mu.
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

// run writes what is waiting to the files until the Writer is closed.
func (w *Writer) run() {
	// Deferred, because the user's io.Writer may call runtime.Goexit.
	defer close(w.done)
	defer w.closeFiles()
	for range w.wake {
		if w.flush() {
			return
		}
	}
}

// flush writes what is waiting, and reports whether the Writer is closed. It writes
// the keys first, so that whatever a killed process leaves of a recording can be
// replayed.
func (w *Writer) flush() (closed bool) {
	w.mu.Lock()
	closed = w.closed
	secrets, blocks := w.keys.take(), w.journal.take()
	w.mu.Unlock()
	defer clear(secrets)
	w.write(&w.keys, secrets)
	w.write(&w.journal, blocks)
	return closed
}

// take returns what is waiting. The result is valid until the next call.
func (s *stream) take() []byte {
	b := s.waiting
	s.waiting, s.spare = s.spare[:0], b
	return b
}

func (w *Writer) write(s *stream, b []byte) {
	if len(b) == 0 || s.failed {
		return
	}
	err := errGoexit // unless Write returns
	defer func() {
		s.failed = err != nil
		w.fail(err)
	}()
	err = s.write(b)
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

// fail records the first error.
func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("recording: writing: %w", err)
	}
}
