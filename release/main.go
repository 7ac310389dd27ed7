package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "build" {
		return runBuild(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == "proxy" {
		return runProxy(args[1:])
	}
	if len(args) > 0 && args[0] == "animate" {
		return runAnimate(args[1:])
	}
	return fmt.Errorf("want build, proxy or animate")
}

// root is the folder of the main module, relative to that of this one.
const root = ".."

// build is what all artifacts of a release have in common.
type build struct {
	version string // without v
	commit  string
	time    time.Time // of the commit
	out     string
	targets []target
}

// target is a system to build for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "_" + t.arch }

const defaultTargets = "linux/amd64,linux/arm64,darwin/arm64,windows/amd64"

// semantic is what nfpm and the go command both accept as a version.
var semantic = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func runBuild(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	version := flags.String("version", "", "the version, such as 0.1.0")
	out := flags.String("out", "", "the folder for the files, which is created")
	list := flags.String("targets", defaultTargets, "the systems, as OS/ARCH,...")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &build{version: strings.TrimPrefix(*version, "v"), out: *out}
	if !semantic.MatchString(b.version) || b.out == "" {
		return fmt.Errorf("--version %q and --out %q: give a version such as 0.1.0, and a folder", *version, *out)
	}
	for word := range strings.SplitSeq(*list, ",") {
		system, arch, ok := strings.Cut(word, "/")
		if !ok {
			return fmt.Errorf("--targets: %q is not OS/ARCH", word)
		}
		b.targets = append(b.targets, target{system, arch})
	}
	var err error
	if b.commit, b.time, err = headCommit(ctx); err != nil {
		return err
	}
	return b.run(ctx)
}

// headCommit returns the commit that is checked out, and its time.
func headCommit(ctx context.Context) (commit string, at time.Time, err error) {
	text, err := output(exec.CommandContext(ctx, "git", "-C", root, "log", "-1", "--format=%H %ct"))
	if err != nil {
		return "", at, err
	}
	hash, seconds, _ := strings.Cut(strings.TrimSpace(text), " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || len(hash) < 12 {
		return "", at, fmt.Errorf("git log printed %q", text)
	}
	return hash[:12], time.Unix(unix, 0).UTC(), nil
}

// output runs a command and returns what it prints. Its errors have what it says about
// them.
func output(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return string(text), nil
}
