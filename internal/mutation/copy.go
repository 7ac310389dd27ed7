package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// testTime bounds a run of the tests for a mutation, which may make them hang.
	testTime = 2 * time.Minute
	// unbrokenTime bounds the run of all tests of a package without a mutation.
	unbrokenTime = 20 * time.Minute
)

// workingCopy is a copy of the module's files as git lists them, uncommitted
// changes included, in a temporary directory.
type workingCopy struct {
	dir string // holds the module, in "module", and the test binary, "test"
}

func newCopy(ctx context.Context) (*workingCopy, error) {
	if _, err := os.Stat("go.mod"); err != nil {
		return nil, errors.New("no go.mod here; run this in the module's root")
	}
	out, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
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

func (c *workingCopy) path(name string) string { return filepath.Join(c.dir, "module", name) }

func (c *workingCopy) add(name string) error {
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // deleted, but still in git's index
	}
	if err != nil {
		return err
	}
	to := c.path(name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

func (c *workingCopy) remove() { _ = os.RemoveAll(c.dir) }

// checkUnbroken returns an error if a test that is to notice one of ms fails
// without it too. It runs the tests of a package together.
func (c *workingCopy) checkUnbroken(ctx context.Context, ms []mutation) error {
	type key struct {
		pkg  string
		full bool
	}
	patterns := map[key][]string{}
	for _, m := range ms {
		for _, k := range m.checks {
			group := key{k.pkg, k.full}
			if !slices.Contains(patterns[group], k.pattern) {
				patterns[group] = append(patterns[group], k.pattern)
			}
		}
	}
	for group, all := range patterns {
		failed, output, err := c.test(ctx, check{group.pkg, strings.Join(all, "|"), group.full}, unbrokenTime)
		if err != nil {
			return err
		}
		if len(failed) > 0 {
			return fmt.Errorf("%s fails in the unbroken code:\n%s", strings.Join(failed, ", "), output)
		}
	}
	return nil
}

// result is what became of a mutation.
type result struct {
	noticed  []string // tests that failed
	survived []check  // checks of which no test failed
	output   string
}

// try applies m, runs its tests, and restores the code. A mutation that does not
// fit the code or does not compile is an error.
func (c *workingCopy) try(ctx context.Context, m mutation) (r result, err error) {
	restore, err := c.apply(m.edits)
	defer func() { err = errors.Join(err, restore()) }()
	if err != nil {
		return r, err
	}
	for _, k := range m.checks {
		failed, output, err := c.test(ctx, k, testTime)
		if err != nil {
			return r, err
		}
		r.output += output
		r.noticed = append(r.noticed, failed...)
		if len(failed) == 0 {
			r.survived = append(r.survived, k)
		}
	}
	return r, nil
}

// apply makes the edits up to the first that fails. restore undoes them.
func (c *workingCopy) apply(edits []edit) (restore func() error, err error) {
	original := map[string][]byte{}
	restore = func() (err error) {
		for name, b := range original {
			err = errors.Join(err, os.WriteFile(name, b, 0o644))
		}
		return err
	}
	for _, e := range edits {
		name := c.path(e.file)
		b, err := os.ReadFile(name)
		if err != nil {
			return restore, err
		}
		broken, err := e.apply(b)
		if err != nil {
			return restore, err
		}
		if original[name] == nil {
			original[name] = b
		}
		if err := os.WriteFile(name, broken, 0o644); err != nil {
			return restore, err
		}
	}
	return restore, nil
}

// test compiles and runs the tests of k for at most limit, and returns the names
// of those that failed. The test binary is run directly, so that cancelling ctx ends it.
func (c *workingCopy) test(ctx context.Context, k check, limit time.Duration) (failed []string, output string, err error) {
	bin := filepath.Join(c.dir, "test.exe") // a name that every system runs
	module, pkg := c.split(k.pkg)
	out, err := c.command(ctx, module, "go", "test", "-c", "-o", bin, pkg).CombinedOutput()
	if err != nil {
		return nil, "", fmt.Errorf("go test -c %s: %w\n%s", k.pkg, err, out)
	}
	args := []string{"-test.run", k.pattern, "-test.timeout", limit.String()}
	if !k.full {
		args = append(args, "-test.short")
	}
	out, err = c.command(ctx, k.pkg, bin, args...).CombinedOutput()
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if err == nil {
		return nil, string(out), nil
	}
	if failed = failures(string(out)); len(failed) == 0 {
		return nil, "", fmt.Errorf("the tests of %s failed without naming one: %w\n%s", k.pkg, err, out)
	}
	return failed, string(out), nil
}

// split returns the folder of the module that a package is in, which may be a nested one, and
// the package as go test takes it there.
func (c *workingCopy) split(pkg string) (module, inside string) {
	module = path.Clean(pkg)
	for module != "." {
		if _, err := os.Stat(filepath.Join(c.path(module), "go.mod")); err == nil {
			return module, "./" + strings.TrimPrefix(strings.TrimPrefix(path.Clean(pkg), module), "/")
		}
		module = path.Dir(module)
	}
	return module, pkg
}

func (c *workingCopy) command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.path(dir)
	cmd.WaitDelay = 5 * time.Second // for a test's own child that keeps the pipe open
	// A panic on another goroutine names the running test only in the stacks of all.
	cmd.Env = append(cmd.Environ(), "GOTRACEBACK=all")
	return cmd
}

var (
	failure = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	running = regexp.MustCompile(`(?m)^\s+((?:Test|Fuzz)\S+) \(\d`) // under "running tests:", after a time-out
	crashed = regexp.MustCompile(`(?m)^\S*\.((?:Test|Fuzz)\w+)\(`)  // in a stack
)

// failures returns the tests that failed according to a test binary's output,
// at most three.
func failures(output string) (names []string) {
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
