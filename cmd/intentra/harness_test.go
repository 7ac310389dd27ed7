package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asCommand is an environment variable that makes the test binary behave as the
// command itself.
const asCommand = "INTENTRA_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patience bounds every wait of a test; none of them takes nearly that long. limit is the same
// as a flag.
const (
	patience = 60 * time.Second
	limit    = "60s"
)

// transcript is an output that a test can wait for.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{} // closed and replaced at each write, and at the end
	over bool
}

func newTranscript() *transcript { return &transcript{news: make(chan struct{})} }

func (tr *transcript) Write(b []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.text.Write(b)
	close(tr.news)
	tr.news = make(chan struct{})
	return len(b), nil
}

func (tr *transcript) end() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.over = true
	close(tr.news)
	tr.news = make(chan struct{})
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// line waits for a whole line that contains words and returns it.
func (tr *transcript) line(t *testing.T, words string) string {
	t.Helper()
	return tr.lines(t, words, 1)[0]
}

// lines waits for n whole lines that contain words.
func (tr *transcript) lines(t *testing.T, words string, n int) (found []string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		tr.mu.Lock()
		text, over, news := tr.text.String(), tr.over, tr.news
		tr.mu.Unlock()
		found = found[:0]
		for l := range strings.Lines(text) {
			if strings.HasSuffix(l, "\n") && strings.Contains(l, words) {
				found = append(found, strings.TrimSuffix(l, "\n"))
			}
		}
		if len(found) >= n {
			return found
		}
		if over {
			require.Failf(t, "the command has ended", "waiting for %d lines with %q in:\n%s", n, words, text)
		}
		select {
		case <-news:
		case <-timeout:
			require.Failf(t, "no such line", "%d with %q in:\n%s", n, words, text)
		}
	}
}

// running is a running command.
type running struct {
	t              *testing.T
	stdout, stderr *transcript
	interrupt      func()
	cmd            *exec.Cmd // nil if it runs in this process
	code           chan int
}

// start runs a command in this process, where the race detector sees it.
func start(t *testing.T, stdin io.Reader, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, stdout: newTranscript(), stderr: newTranscript(), interrupt: cancel, code: make(chan int, 1)}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		r.code <- runContext(ctx, args, stdin, r.stdout, r.stderr)
		r.stdout.end()
		r.stderr.end()
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
	})
	return r
}

// startProcess runs a command in a separate process, which can receive signals.
// stdout may be nil.
func startProcess(t *testing.T, stdin io.Reader, stdout io.Writer, args ...string) *running {
	t.Helper()
	return startProgram(t, stdin, stdout, exec.Command(os.Args[0], args...))
}

// startProgram is startProcess with a process that ends up as the command.
func startProgram(t *testing.T, stdin io.Reader, stdout io.Writer, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{t: t, stdout: newTranscript(), stderr: newTranscript(), code: make(chan int, 1), cmd: cmd}
	if stdout == nil {
		stdout = r.stdout
	}
	r.cmd.Env = append(append(os.Environ(), asCommand+"=1"), r.cmd.Env...)
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = stdin, stdout, r.stderr
	require.NoError(t, r.cmd.Start())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_ = r.cmd.Wait()
		r.code <- r.cmd.ProcessState.ExitCode()
		r.stdout.end()
		r.stderr.end()
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-finished
	})
	return r
}

func (r *running) signal(s os.Signal) {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Signal(s))
}

// wait returns the exit code.
func (r *running) wait() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(patience):
		require.Fail(r.t, "the command hangs", "stderr:\n%s", r.stderr)
		return -1
	}
}

// succeed waits for exit code 0.
func (r *running) succeed() {
	r.t.Helper()
	require.Equal(r.t, exitOK, r.wait(), "stderr:\n%s", r.stderr)
}

// fail waits for an exit code, and requires words on stderr.
func (r *running) fail(code int, words ...string) {
	r.t.Helper()
	require.Equal(r.t, code, r.wait(), "stderr:\n%s", r.stderr)
	for _, w := range words {
		require.Contains(r.t, r.stderr.String(), w)
	}
	require.NotContains(r.t, r.stderr.String(), "goroutine ", "no stack traces")
}

// address waits until the command listens, and returns where.
func (r *running) address() string {
	r.t.Helper()
	return strings.Fields(r.stderr.line(r.t, "listening "))[1]
}

// summary decodes the JSON line at the end of stderr.
func (r *running) summary() (s struct {
	Received, Bytes, Lines, Sent, Acked, Lost, Superseded, Expired, Dropped, Unwanted uint64

	RTT   float64 `json:"rtt_us"`
	Drops map[string]uint64
}) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal([]byte(r.stderr.line(r.t, "{")), &s))
	return s
}

// identity is a key pair made by keygen.
type identity struct{ file, public string }

func newIdentity(t *testing.T, dir, name string) identity {
	t.Helper()
	id := identity{file: filepath.Join(dir, name+".key")}
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run([]string{"keygen", "--out", id.file}, nil, &stdout, &stderr), stderr.String())
	id.public = strings.TrimSpace(stdout.String())
	return id
}

// site has the identities of a listener (server), a publisher (alice), two
// subscribers (bob and carol) and a stranger, with an allow list of all except
// the stranger.
type site struct {
	server, alice, bob, carol, stranger identity

	dir, allow string
}

func newSite(t *testing.T) site {
	t.Helper()
	dir := t.TempDir()
	s := site{
		dir: dir, allow: filepath.Join(dir, "allow"),
		server: newIdentity(t, dir, "server"), alice: newIdentity(t, dir, "alice"), bob: newIdentity(t, dir, "bob"),
		carol: newIdentity(t, dir, "carol"), stranger: newIdentity(t, dir, "stranger"),
	}
	writeFile(t, s.allow, "# who may connect\n"+s.alice.public+" alice\n\n"+s.bob.public+" bob # the second\n"+s.carol.public+"\n")
	return s
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func (s site) listen(t *testing.T, command string, more ...string) *running {
	t.Helper()
	list := "--allow"
	if command == "hub" {
		list = "--access"
	}
	return start(t, nil, append([]string{command, "--listen", "127.0.0.1:0", "--key", s.server.file, list, s.allow}, more...)...)
}

// connect returns the arguments of a command that dials the site's server.
func (s site) connect(command, addr string, id identity, more ...string) []string {
	return append([]string{command, "--connect", addr, "--peer", s.server.public, "--key", id.file}, more...)
}
