package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	name, keys := filepath.Join(dir, "a.pcapng"), filepath.Join(dir, "a.keys")
	w, err := Create(name, keys)
	require.NoError(t, err)
	require.True(t, w.HasKeys())
	for _, file := range []string{name, keys} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			require.Equal(t, fs.FileMode(0o600), info.Mode(), file)
		}
	}
	require.NoError(t, w.begin())
	w.begun()
	w.block([]byte("block"))
	w.secret([]byte("line"))
	require.NoError(t, w.Close())
	for file, want := range map[string]string{name: "block", keys: strings.TrimPrefix(sealedKeys("line"), keysStart)} {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
	}

	// Existing files are not touched, and no new file is left behind.
	for _, tc := range []struct{ name, keys string }{
		{name, ""}, {name, filepath.Join(dir, "b.keys")}, {filepath.Join(dir, "b.pcapng"), keys}, {name, keys},
	} {
		_, err := Create(tc.name, tc.keys)
		require.ErrorIs(t, err, fs.ErrExist)
	}
	for _, again := range []string{filepath.Join(dir, "b.pcapng"), dir + "/./b.pcapng"} {
		_, err = Create(filepath.Join(dir, "b.pcapng"), again)
		require.ErrorContains(t, err, again+", for its keys, are the same file; give the keys one of their own")
	}
	_, err = Create(filepath.Join(dir, "b.pcapng"), filepath.Join(dir, "nowhere", "b.keys"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	requireFiles(t, dir, "a.keys", "a.pcapng")
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "block", string(b))
}

func requireFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.Equal(t, append([]string{}, want...), got)
}

// Files that no transport has started to use are removed.
func TestUnusedFilesAreRemoved(t *testing.T) {
	for name, use := range map[string]func(w *Writer){
		"unused": func(*Writer) {},
		"transport failed to start": func(w *Writer) {
			require.NoError(t, w.begin())
			w.secret([]byte("static ..."))
		},
	} {
		dir := t.TempDir()
		w, err := Create(filepath.Join(dir, "a"), filepath.Join(dir, "b"))
		require.NoError(t, err)
		use(w)
		require.False(t, w.Used())
		require.NoError(t, w.Close())
		requireFiles(t, dir)
		require.NoError(t, w.Close(), name)
	}
}

func TestWriterIsForOneTransport(t *testing.T) {
	w := NewWriter(io.Discard, nil)
	require.False(t, w.HasKeys())
	require.NoError(t, w.begin())
	require.ErrorIs(t, w.begin(), ErrUsed)
	require.NoError(t, w.Close())
	w = NewWriter(io.Discard, nil)
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.begin(), ErrUsed, "closed")
}

// A nil writer and the zero Writer are reported on the caller's goroutine.
func TestWriterWithoutFiles(t *testing.T) {
	for _, journal := range []io.Writer{nil, (*bytes.Buffer)(nil)} {
		require.PanicsWithValue(t, "recording: NewWriter needs a writer for the recording", func() { NewWriter(journal, nil) })
	}
	for _, keys := range []io.Writer{nil, (*bytes.Buffer)(nil), (*os.File)(nil)} {
		var file bytes.Buffer
		w := NewWriter(&file, keys)
		require.False(t, w.HasKeys())
		w.secret([]byte("line"))
		w.block([]byte("block"))
		require.NoError(t, w.Close())
		require.Equal(t, "block", file.String())
	}
	w := new(Writer)
	require.ErrorIs(t, w.Close(), errZero)
	require.ErrorIs(t, w.begin(), errZero)
}

// If a Writer is closed before its transport, Err and the second Close report it.
// Messages queued after the end of the transport are not part of the recording.
func TestWriterClosedBeforeItsTransport(t *testing.T) {
	for name, write := range map[string]func(w *Writer){
		"entry":  func(w *Writer) { w.entry(Entry{Kind: Flush}) },
		"packet": func(w *Writer) { w.packet(&outline{data: datagram("x")}, Entry{Kind: Sent}) },
	} {
		w := NewWriter(io.Discard, nil)
		require.NoError(t, w.begin())
		w.begun()
		write(w)
		require.NoError(t, w.Close())
		require.NoError(t, w.Close(), "no entry since the first Close")
		write(w)
		require.ErrorIs(t, w.Err(), ErrClosed, name)
		require.ErrorIs(t, w.Close(), ErrClosed, name)
	}
	w := NewWriter(io.Discard, nil)
	w.finish()
	w.entry(Entry{Kind: Push})
	require.NoError(t, w.Close())
	w.entry(Entry{Kind: Push})
	w.random([]byte{1})
	require.NoError(t, w.Close())
	require.Zero(t, w.number)
}

// blocked is a disk whose writes block until it is freed.
type blocked struct {
	entered chan struct{} // closed by the first Write
	free    chan struct{}
	once    sync.Once
	got     bytes.Buffer
}

func (b *blocked) Write(p []byte) (int, error) {
	b.once.Do(func() { close(b.entered) })
	<-b.free
	return b.got.Write(p)
}

// A blocked disk blocks no caller, takes a bounded amount of memory, and ends the
// recording.
func TestBlockedDisk(t *testing.T) {
	disk := &blocked{entered: make(chan struct{}), free: make(chan struct{})}
	w := NewWriter(disk, nil)
	w.block([]byte("first"))
	<-disk.entered
	chunk := bytes.Repeat([]byte{1}, MaxBehind/8)
	for range 8 {
		w.block(chunk) // must not block
		require.NoError(t, w.Err())
	}
	w.block([]byte{2})
	require.ErrorIs(t, w.Err(), ErrBehind)
	w.block(nil)
	w.block([]byte{3})
	w.mu.Lock()
	require.Len(t, w.journal.waiting, MaxBehind)
	w.mu.Unlock()
	close(disk.free)
	require.ErrorIs(t, w.Close(), ErrBehind)
	require.ErrorIs(t, w.Close(), ErrBehind)
	require.Equal(t, len("first")+MaxBehind, disk.got.Len(), "blocks before the error must be complete")
	require.False(t, bytes.ContainsAny(disk.got.Bytes(), "\x02\x03"))
}

// An entry that does not fit any more is left out entirely.
func TestEntryWithoutRoom(t *testing.T) {
	waiting := make([]byte, MaxBehind-40, MaxBehind+1<<10)
	for name, write := range map[string]func(w *Writer){
		"custom block": func(w *Writer) { w.entry(Entry{Kind: Flush}) },
		"packet":       func(w *Writer) { w.packet(&outline{data: datagram("x")}, Entry{Kind: Sent}) },
	} {
		w := &Writer{wake: make(chan struct{}, 1), journal: stream{waiting: waiting}}
		write(w)
		require.ErrorIs(t, w.Err(), ErrBehind, name)
		require.Len(t, w.journal.waiting, MaxBehind-40)
		write(w)
		require.Len(t, w.journal.waiting, MaxBehind-40)
		require.EqualValues(t, 1, w.number, "no entry may be numbered after an error")
	}
}

// failing is a disk whose first write fails.
type failing struct {
	take  int // bytes that the first Write writes
	err   error
	calls int
	got   bytes.Buffer
	in    chan struct{} // closed by the first Write
	more  chan struct{} // the first Write waits for it
}

func (f *failing) Write(p []byte) (int, error) {
	if f.calls++; f.calls > 1 {
		return f.got.Write(p)
	}
	close(f.in)
	<-f.more
	f.got.Write(p[:f.take])
	return f.take, f.err
}

// Nothing is written after a failed write: it could not be read.
func TestFailingDisk(t *testing.T) {
	full := errors.New("no space left")
	for _, tc := range []struct {
		name string
		err  error
		want error
	}{{"error", full, full}, {"short write", nil, io.ErrShortWrite}} {
		disk := &failing{take: 2, err: tc.err, in: make(chan struct{}), more: make(chan struct{})}
		var keys bytes.Buffer
		w := NewWriter(disk, &keys)
		w.block([]byte("first"))
		<-disk.in
		w.block([]byte("second")) // accepted, as the error is not known yet
		close(disk.more)
		require.ErrorIs(t, w.Close(), tc.want, tc.name)
		require.ErrorIs(t, w.Err(), tc.want, tc.name)
		require.ErrorIs(t, w.Close(), tc.want, tc.name)
		w.block([]byte("third"))
		require.Equal(t, "fi", disk.got.String(), tc.name)
		require.Equal(t, 1, disk.calls, tc.name)
	}
}

// Blocks of many goroutines are written whole, and in the order of each goroutine.
func TestWriterFromManyGoroutines(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, nil)
	var all sync.WaitGroup
	for who := range byte(4) {
		all.Go(func() {
			for i := range byte(200) {
				w.block([]byte{who, i})
			}
		})
	}
	all.Wait()
	require.NoError(t, w.Close())
	var next [4]byte
	for b := file.Bytes(); len(b) > 0; b = b[2:] {
		require.Equal(t, next[b[0]], b[1])
		next[b[0]]++
	}
	require.Equal(t, [4]byte{200, 200, 200, 200}, next)
}

// Secrets are cleared from the buffers that they have passed through.
func TestSecretsAreCleared(t *testing.T) {
	var keys bytes.Buffer
	w := NewWriter(io.Discard, &keys)
	line := []byte("static 0123")
	w.secret(line)
	require.NoError(t, w.Close())
	require.Equal(t, sealedKeys("static 0123"), keysStart+keys.String())
	require.Equal(t, make([]byte, len(line)), line)
	spare := w.keys.spare[:cap(w.keys.spare)]
	require.NotContains(t, string(spare), "static")
}

// ordered records the order in which writers are written to.
type ordered struct {
	name  string
	order *[]string
}

func (o ordered) Write(b []byte) (int, error) {
	*o.order = append(*o.order, o.name)
	return len(b), nil
}

// The recording that a killed process leaves must not be ahead of the keys.
func TestKeysAreWrittenFirst(t *testing.T) {
	var order []string
	w := &Writer{
		journal: stream{to: ordered{"journal", &order}, waiting: []byte("block")},
		keys:    stream{to: ordered{"keys", &order}, waiting: []byte("secret")},
	}
	secret := w.keys.waiting
	require.False(t, w.flush())
	require.Equal(t, []string{"keys", "journal"}, order)
	require.Equal(t, make([]byte, 6), secret, "overwritten")
	require.False(t, w.flush())
	require.Len(t, order, 2, "nothing is waiting")
}

type panickingWriter struct{}

func (panickingWriter) Write([]byte) (int, error) { panic("no space") }

// A panic in the user's io.Writer ends the recording, and nothing else.
func TestPanicInTheWriter(t *testing.T) {
	w := NewWriter(panickingWriter{}, nil)
	require.NoError(t, w.begin())
	w.begun()
	w.block([]byte("block"))
	require.ErrorContains(t, w.Close(), "panic in Write: no space")
	require.Error(t, w.Err())
}

type leaving struct{}

func (leaving) Write([]byte) (int, error) { runtime.Goexit(); return 0, nil }

// runtime.Goexit in the user's io.Writer ends the recording with an error. Neither Close
// nor the transport waits for the goroutine that has ended.
func TestGoexitInWrite(t *testing.T) {
	w := NewWriter(leaving{}, nil)
	require.NoError(t, w.begin())
	for w.Err() == nil {
		w.entry(Entry{Kind: Flush})
	}
	require.ErrorContains(t, w.Err(), "runtime.Goexit in Write")
	w.finish()
	require.ErrorContains(t, w.Close(), "runtime.Goexit in Write")
	require.ErrorContains(t, w.Close(), "runtime.Goexit in Write")
}
