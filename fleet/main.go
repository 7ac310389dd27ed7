// Command fleet runs hubs that form one fleet. See README.md.
//
// Exit codes: 0 on success, 1 for a failure, 2 for invalid input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Hub    hubCommand    `cmd:"" help:"Run a hub of a fleet."`
	Demo   demoCommand   `cmd:"" help:"Run a whole fleet and its peers in this process, and measure it."`
	Status statusCommand `cmd:"" help:"Print what a hub knows of its fleet."`
	Certs  certsCommand  `cmd:"" help:"Make a private authority and a certificate for each hub."`
	Trial  trialCommand  `cmd:"" help:"Make parts of a fleet of real processes fail, and measure what peers notice."`
	Alone  aloneCommand  `cmd:"" help:"Run a hub that is in no fleet, for trials."`
	NATS   natsCommand   `cmd:"" name:"nats" help:"Run a NATS server alone, on the loopback interface, for trials."`
}

// childVariable is set in processes that run this command as a part of a test or a trial.
const childVariable = "INTENTRA_FLEET_CHILD"

// usageError is an error of the command line.
type usageError struct{ error }

func main() {
	// After the first signal, a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// output is where commands write.
type output struct{ out, err io.Writer }

// run runs the command and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code, done := 0, false
	parser := kong.Must(new(commands), kong.Name("fleet"), kong.Writers(stdout, stderr),
		kong.Exit(func(c int) { code, done = c, true }), kong.Description("Runs hubs that form one fleet."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(&output{stdout, stderr}))
	command, err := parser.Parse(args)
	if done {
		return code // for --help
	}
	if err != nil {
		err = usageError{err}
	} else {
		err = command.Run()
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "fleet:", err)
	if _, usage := errors.AsType[usageError](err); usage {
		return 2
	}
	return 1
}
