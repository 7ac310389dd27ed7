package trial

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/intentra/intentra/internal/load"
)

// ChildArgument is the one that makes this executable a child.
const ChildArgument = "child"

// lifetime bounds a child whatever happens to its parent.
const lifetime = 20 * time.Minute

// Child serves the parent until standard input ends, and ends the process.
func Child() {
	// An interrupt reaches the whole process group. The parent sees to it.
	signal.Ignore(os.Interrupt)
	time.AfterFunc(lifetime, func() { os.Exit(1) })
	err := load.Serve(exiting{stdin()}, os.Stdout,
		func(context.Context) any { return new(Receiver) },
		func(ctx context.Context) any { return &Sender{ctx: ctx} })
	fmt.Fprintln(os.Stderr, "bench: child process:", err)
	os.Exit(1)
}

// exiting ends the process with its input: a call of a library that is under way
// may not know how to end.
type exiting struct{ io.Reader }

func (e exiting) Read(b []byte) (int, error) {
	n, err := e.Reader.Read(b)
	if err != nil {
		os.Exit(0)
	}
	return n, nil
}

// startChild starts a child.
func startChild(ctx context.Context) (*load.Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return load.StartChild(ctx, []string{self, ChildArgument}, os.Stderr)
}
