// Package program measures whole programs that receive messages over one connection at
// a low rate and write each as a line: intentra sub, and a plain UDP program.
package program

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// PlainArgument makes the executable the plain UDP program, which a number of messages
// follows; see Plain.
const PlainArgument = "plain-udp"

// Usage is what a program has used from its start to its end.
type Usage struct {
	CPU      time.Duration // user and system
	Switches float64       // context switches for each message; zero where they are not counted
}

// PlainMain is the main function of the plain UDP program. It returns the exit code.
func PlainMain(count string) int {
	n, err := strconv.Atoi(count)
	if err == nil {
		err = Plain(n, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, PlainArgument+":", err)
		return 1
	}
	return 0
}

// Plain receives count datagrams on a free port of the loopback interface, whose address
// it writes to errs as "listening HOST:PORT", and writes each to out as a line.
func Plain(count int, out, errs io.Writer) error {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintln(errs, "listening", c.LocalAddr())
	buf := make([]byte, 2048)
	w := bufio.NewWriter(out)
	for range count {
		n, _, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		_, _ = w.Write(buf[:n])
		_ = w.WriteByte('\n')
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// Load is what a program receives.
type Load struct {
	Rate     float64 // messages per second
	Messages int
	Size     int // of a message in bytes
}

// MeasurePlain runs the plain UDP program, self with [PlainArgument].
func (l Load) MeasurePlain(ctx context.Context, self string) (Usage, error) {
	return l.measure(ctx, exec.CommandContext(ctx, self, PlainArgument, strconv.Itoa(l.Messages)), func(words []string) (func([]byte) error, error) {
		c, err := net.Dial("udp", words[1])
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		return func(b []byte) error { _, err := c.Write(b); return err }, nil
	})
}

// MeasureSub runs "sub" of the command intentra.
func (l Load) MeasureSub(ctx context.Context, command string) (Usage, error) {
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return Usage{}, err
	}
	defer os.RemoveAll(folder)
	key, err := intentra.GenerateKey()
	if err != nil {
		return Usage{}, err
	}
	file := filepath.Join(folder, "key")
	if err := intentra.WritePrivateKey(file, key); err != nil {
		return Usage{}, err
	}
	sub := exec.CommandContext(ctx, command, "sub", "--key", file, "--listen", "127.0.0.1:0", "--allow", "any", "--count", strconv.Itoa(l.Messages))
	return l.measure(ctx, sub, func(words []string) (func([]byte) error, error) {
		own, err := intentra.GenerateKey()
		if err != nil {
			return nil, err
		}
		p, err := intentra.Dial(ctx, words[1], key.Public(), intentra.Config{Key: own})
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = p.Transport().Close() })
		return func(b []byte) error {
			return p.Send(intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: b}).Err
		}, nil
	})
}

// measure starts a program, sends it messages until it ends, and returns what it has
// used. dial connects to the address in its first line on standard error.
func (l Load) measure(ctx context.Context, c *exec.Cmd, dial func(words []string) (send func([]byte) error, err error)) (u Usage, err error) {
	errs, err := c.StderrPipe()
	if err != nil {
		return u, err
	}
	if err := c.Start(); err != nil {
		return u, err
	}
	defer func() { _ = c.Process.Kill() }()
	lines := bufio.NewReader(errs)
	first, err := lines.ReadString('\n')
	words := strings.Fields(first)
	if err != nil || len(words) < 2 || words[0] != "listening" {
		return u, fmt.Errorf("%s: %q instead of its address: %w", c.Path, first, err)
	}
	send, err := dial(words)
	if err != nil {
		return u, err
	}
	ended := make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		ended <- c.Wait()
	}()
	if err := l.send(ctx, send, ended); err != nil {
		return u, fmt.Errorf("%s: %w", c.Path, err)
	}
	u.CPU = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	u.Switches = float64(load.ContextSwitchesOf(c.ProcessState)) / float64(l.Messages)
	return u, nil
}

var errStuck = errors.New("the program has not ended after twice its messages")

// send sends messages at the rate until the program has ended, at most twice as many as
// it waits for.
func (l Load) send(ctx context.Context, send func([]byte) error, ended <-chan error) error {
	tick := time.NewTicker(time.Duration(float64(time.Second) / l.Rate))
	defer tick.Stop()
	payload := []byte(strings.Repeat("x", l.Size))
	for range 2*l.Messages + 1000 {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := send(payload); err != nil {
			select {
			case ended := <-ended: // the last message was received
				return ended
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return errStuck
}

// Build builds the command intentra of the module that this one is compared with, in
// folder, and returns its path.
func Build(ctx context.Context, folder string) (path string, err error) {
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/intentra/intentra").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	path = filepath.Join(folder, "intentra.exe") // a name that every system runs
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/intentra")
	build.Dir = strings.TrimSpace(string(dir))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}
