package trial

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/intentra/intentra/internal/load"
)

// ChildArgument is the one argument with which this executable is a child.
const ChildArgument = "child"

// Child serves the parent process until standard input ends, and exits.
func Child() {
	// An interrupt reaches the whole process group. The parent handles it.
	signal.Ignore(os.Interrupt)
	err := load.Serve(stdin(), os.Stdout,
		func(context.Context) any { return new(Receiver) },
		func(ctx context.Context) any { return &Sender{ctx: ctx} })
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: child process:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startChildren starts n children.
func startChildren(ctx context.Context, n int) (load.Children, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return load.StartChildren(ctx, n, []string{self, ChildArgument}, os.Stderr)
}
