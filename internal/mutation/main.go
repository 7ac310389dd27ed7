// Command mutation breaks one defence after the other in a copy of the module,
// and reports which tests notice. A breakage that none notices fails the run:
//
//	go run ./internal/mutation            # all of them, some minutes
//	go run ./internal/mutation counter    # those whose name contains "counter"
//	go run ./internal/mutation -list
//
// It must be started in the module's root. Nothing is changed there.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	list := flag.Bool("list", false, "list the breakages and do nothing")
	verbose := flag.Bool("v", false, "print what the failing tests say")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: go run ./internal/mutation [-list] [-v] [NAME...]\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, flag.Args(), *list, *verbose)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, names []string, list, verbose bool) error {
	for _, n := range names {
		if n == "" || len(choose([]string{n})) == 0 {
			return fmt.Errorf("no breakage has %q in its name; see -list", n)
		}
	}
	chosen := choose(names)
	if list {
		for _, m := range chosen {
			fmt.Fprintf(w, "%-28s %s\n", m.name, m.what)
		}
		return nil
	}
	c, err := newCopy(ctx)
	if err != nil {
		return err
	}
	defer c.remove()
	fmt.Fprintf(w, "%d breakages; first the tests as they are\n", len(chosen))
	if err := c.sound(ctx, chosen); err != nil {
		return err
	}
	survived := 0
	for i, m := range chosen {
		began := time.Now()
		killers, output, err := c.try(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if verbose {
			fmt.Fprintln(w, output)
		}
		verdict := "noticed by " + strings.Join(killers, ", ")
		if len(killers) == 0 {
			verdict = "SURVIVED"
			survived++
		}
		fmt.Fprintf(w, "%2d/%d  %-28s %4.0fs  %s\n", i+1, len(chosen), m.name, time.Since(began).Seconds(), verdict)
	}
	if survived > 0 {
		return fmt.Errorf("%d of %d breakages survived", survived, len(chosen))
	}
	fmt.Fprintf(w, "all %d breakages were noticed\n", len(chosen))
	return nil
}

// choose returns the breakages whose names contain any of the given ones, all
// without any.
func choose(names []string) (chosen []mutation) {
	for _, m := range slices.Concat(mutations, breaches, doors, host, outbound) {
		ok := len(names) == 0
		for _, n := range names {
			ok = ok || strings.Contains(m.name, n)
		}
		if ok {
			chosen = append(chosen, m)
		}
	}
	return chosen
}
