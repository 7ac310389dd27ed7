// Command bench compares intentra with the raw limit of this machine and with
// other transports. See README.md.
//
// Exit codes: 0 on success, 1 for a failed measurement, 2 for invalid input, 130
// after an interrupt.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/intentra/intentra/bench/program"
	"github.com/intentra/intentra/bench/trial"
)

type commands struct {
	Compare  compareCommand  `cmd:"" help:"Measure all contenders in turn, in several rounds, and print medians and ratios."`
	Lowrate  lowrateCommand  `cmd:"" help:"Measure the receiver's CPU time and context switches at a low rate, compared with plain UDP."`
	Sweep    sweepCommand    `cmd:"" help:"Measure delivery and latency over a range of loads."`
	Plot     plotCommand     `cmd:"" help:"Plot a sweep as load-light.svg and load-dark.svg."`
	Fairness fairnessCommand `cmd:"" help:"Measure what a hub delivers of honest publishers while others flood it."`
	Relay    relayCommand    `cmd:"" help:"Measure hubs that pass the states of each peer to all others."`
}

// variables are those of the help texts.
var variables = kong.Vars{"contenders": strings.Join(trial.Names(), ", "), "hubs": hubList()}

// The exit codes.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == trial.ChildArgument {
		trial.Child()
	}
	if len(os.Args) == 3 && os.Args[1] == program.PlainArgument {
		os.Exit(program.PlainMain(os.Args[2]))
	}
	// After the first signal, a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the command and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code, done := exitOK, false
	parser := kong.Must(new(commands), kong.Name("bench"), kong.Writers(stdout, stderr),
		kong.Exit(func(c int) { code, done = c, true }),
		kong.Description("Compares intentra with the raw limit of this machine and with other transports."),
		variables, kong.BindTo(ctx, (*context.Context)(nil)))
	command, err := parser.Parse(args)
	if done {
		return code // for --help
	}
	if err != nil {
		err = usageError{fmt.Errorf("%w\nSee 'bench --help'", err)}
	} else {
		err = command.Run()
	}
	switch _, usage := errors.AsType[usageError](err); {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "bench: interrupted")
		return exitInterrupted
	case usage:
		fmt.Fprintln(stderr, "bench:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "bench:", err)
	return exitFailure
}
