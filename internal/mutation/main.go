// Command mutation breaks the defences of the module one at a time, in a copy of
// it, and reports which tests notice. The breakages are the files of testdata;
// docs/TESTING.md describes their form.
//
//	go run ./internal/mutation                # all of them
//	go run ./internal/mutation cookie halfopen # those with "cookie" or "halfopen" in their names
//	go run ./internal/mutation -list          # names and defences
//	go run ./internal/mutation -resume FILE   # skip those that FILE records as noticed
//	go run ./internal/mutation -moved         # follow code that has moved to another file
//
// Run it in the module's root. Only -moved changes anything there. The exit code
// is 0 if every mutation was noticed, 1 if one was not, and 2 if one could not be
// tried or the run was interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

var errSurvived = errors.New("not noticed")

func main() {
	list := flag.Bool("list", false, "list the mutations and exit")
	moved := flag.Bool("moved", false, "correct the file names of edits whose code has moved, and exit")
	verbose := flag.Bool("v", false, "print the output of the failing tests")
	resume := flag.String("resume", "", "record noticed mutations in `FILE`, and skip those it records already")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: go run ./internal/mutation [-list | -moved | -v -resume FILE] [NAME...]\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := func() error {
		all, err := load(os.DirFS(folder))
		if err != nil {
			return err
		}
		chosen, err := choose(all, flag.Args())
		switch {
		case err != nil:
			return err
		case *list:
			for _, m := range chosen {
				fmt.Printf("%s\n\t%s\n", m.name, m.defence)
			}
			return nil
		case *moved:
			return followMoves(os.Stdout, chosen)
		}
		return run(ctx, os.Stdout, chosen, *resume, *verbose)
	}()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		if errors.Is(err, errSurvived) {
			os.Exit(1)
		}
		os.Exit(2)
	}
}

// choose returns the mutations whose names contain any of the given words, or
// all of them if there are no words.
func choose(all []mutation, words []string) (chosen []mutation, err error) {
	if len(words) == 0 {
		return all, nil
	}
	used := map[string]bool{}
	for _, m := range all {
		any := false
		for _, w := range words {
			if strings.Contains(m.name, w) {
				any, used[w] = true, true
			}
		}
		if any {
			chosen = append(chosen, m)
		}
	}
	for _, w := range words {
		if !used[w] {
			return nil, fmt.Errorf("no mutation has %q in its name; see -list", w)
		}
	}
	return chosen, nil
}

func run(ctx context.Context, w io.Writer, chosen []mutation, resume string, verbose bool) error {
	record, err := openRecord(resume)
	if err != nil {
		return err
	}
	defer record.close()
	chosen = record.missing(chosen)
	c, err := newCopy(ctx)
	if err != nil {
		return err
	}
	defer c.remove()
	fmt.Fprintf(w, "%d mutations; checking that their tests pass in the unbroken code\n", len(chosen))
	if err := c.checkUnbroken(ctx, chosen); err != nil {
		return err
	}
	var survived, failed int
	for i, m := range chosen {
		began := time.Now()
		r, err := c.try(ctx, m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		verdict := "noticed by " + strings.Join(r.noticed, ", ")
		switch {
		case err != nil:
			failed++
			verdict = fmt.Sprint("FAILED: ", err)
		case len(r.survived) > 0:
			survived++
			verdict = "NOT NOTICED"
			for _, k := range r.survived {
				verdict += fmt.Sprintf(" by %s in %s", k.pattern, k.pkg)
			}
		default:
			if err := record.add(m); err != nil {
				return err
			}
		}
		if verbose {
			fmt.Fprintln(w, r.output)
		}
		fmt.Fprintf(w, "%3d/%d  %3.0fs  %s: %s\n", i+1, len(chosen), time.Since(began).Seconds(), m.name, verdict)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d mutations could not be tried, %d were not noticed", failed, len(chosen), survived)
	case survived > 0:
		return fmt.Errorf("%d of %d mutations were %w", survived, len(chosen), errSurvived)
	}
	fmt.Fprintf(w, "all %d mutations were noticed\n", len(chosen))
	return nil
}
