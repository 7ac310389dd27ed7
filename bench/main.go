// Command bench measures intentra beside the raw limit of this machine and
// beside other transports. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/intentra/intentra/bench/catalog"
	"github.com/intentra/intentra/bench/remote"
)

type commands struct {
	Compare compareCommand `cmd:"" help:"Measure all contenders in turn, in several rounds; print medians and ratios."`
	Sweep   sweepCommand   `cmd:"" help:"Measure delivery and latency over a range of loads."`
	Plot    plotCommand    `cmd:"" help:"Draw a sweep as delivery.svg and latency.svg."`
}

// variables stand in the help texts.
var variables = kong.Vars{"contenders": strings.Join(catalog.Names(), ", ")}

func main() {
	if len(os.Args) == 2 && os.Args[1] == remote.Argument {
		remote.Child()
	}
	// A second signal, when ending takes too long, ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	k := kong.Parse(new(commands), kong.Name("bench"), kong.UsageOnError(),
		kong.Description("Measures intentra beside the raw limit of this machine and beside other transports."),
		variables, kong.BindTo(ctx, (*context.Context)(nil)))
	err := k.Run()
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
