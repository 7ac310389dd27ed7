package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// testTime bounds the tests of one breakage, which may well make one hang.
const testTime = "120s"

// workingCopy is the module's files as git knows them, changes that are not
// committed included, in a directory of their own.
type workingCopy struct{ dir string }

func newCopy(ctx context.Context) (*workingCopy, error) {
	out, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w; start it in a checkout of the module", err)
	}
	if _, err := os.Stat("go.mod"); err != nil {
		return nil, errors.New("no go.mod here; start it in the module's root")
	}
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return nil, err
	}
	c := &workingCopy{dir}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if err := c.add(name); err != nil {
			c.remove()
			return nil, err
		}
	}
	return c, nil
}

func (c *workingCopy) add(name string) error {
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // deleted, and not committed yet
	}
	if err != nil {
		return err
	}
	to := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

func (c *workingCopy) remove() { _ = os.RemoveAll(c.dir) }

// sound checks that the tests which are to notice something pass without it.
func (c *workingCopy) sound(ctx context.Context, ms []mutation) error {
	tried := map[string]bool{}
	for _, m := range ms {
		key := m.run + " " + strings.Join(m.packages, " ")
		if tried[key] {
			continue
		}
		tried[key] = true
		if out, err := c.test(ctx, m); err != nil {
			return fmt.Errorf("the tests for %s fail without it, too: %w\n%s", m.name, err, out)
		}
	}
	return ctx.Err()
}

// try applies m, runs its tests, and takes it back. It returns which tests have
// failed. That the change does not compile or cannot be made is an error.
func (c *workingCopy) try(ctx context.Context, m mutation) (killers []string, output string, err error) {
	restore, err := c.apply(m.edits)
	defer func() { err = errors.Join(err, restore()) }()
	if err != nil {
		return nil, "", err
	}
	if out, err := c.command(ctx, "build", "./...").CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("does not compile: %w\n%s", err, out)
	}
	output, err = c.test(ctx, m)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case err == nil:
		return nil, output, nil
	case !errors.As(err, &exit):
		return nil, "", err
	}
	if killers = failed(output); len(killers) == 0 {
		return nil, "", fmt.Errorf("go test failed, but no test did:\n%s", output)
	}
	return killers, output, nil
}

// apply makes the edits, as far as they can be made. restore takes them back.
func (c *workingCopy) apply(edits []edit) (restore func() error, err error) {
	sound := map[string][]byte{}
	restore = func() (err error) {
		for name, b := range sound {
			err = errors.Join(err, os.WriteFile(name, b, 0o644))
		}
		return err
	}
	for _, e := range edits {
		name := filepath.Join(c.dir, e.file)
		b, err := os.ReadFile(name)
		if err != nil {
			return restore, err
		}
		if n := bytes.Count(b, []byte(e.old)); n != 1 {
			return restore, fmt.Errorf("%s has %d places like this, want 1:\n%s", e.file, n, e.old)
		}
		if sound[name] == nil {
			sound[name] = b
		}
		if err := os.WriteFile(name, bytes.Replace(b, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			return restore, err
		}
	}
	return restore, nil
}

func (c *workingCopy) test(ctx context.Context, m mutation) (output string, err error) {
	args := []string{"test", "-count=1", "-timeout", testTime, "-run", m.run}
	if !fullSize[m.name] {
		args = append(args, "-short")
	}
	out, err := c.command(ctx, append(args, m.packages...)...).CombinedOutput()
	return string(out), err
}

func (c *workingCopy) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.dir
	// A panic on another goroutine names the test that runs only in the stacks of all.
	cmd.Env = append(cmd.Environ(), "GOTRACEBACK=all")
	return cmd
}

var (
	failure = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	running = regexp.MustCompile(`(?m)^\s+((?:Test|Fuzz)\S+) \(\d`) // under "running tests:", after a time-out
	crashed = regexp.MustCompile(`(?m)^\S*\.((?:Test|Fuzz)\w+)\(`)  // in a stack
)

// failed returns the tests that have failed by go test's output, at most three.
func failed(output string) (names []string) {
	for _, re := range []*regexp.Regexp{failure, running, crashed} {
		for _, m := range re.FindAllStringSubmatch(output, -1) {
			if !slices.Contains(names, m[1]) {
				names = append(names, m[1])
			}
		}
		if len(names) > 0 {
			break
		}
	}
	return names[:min(3, len(names))]
}
