// Command intentra sends, receives and relays state updates over intentra's
// encrypted UDP transport.
//
// Exit codes: see grammar.Help. Messages go to stdout, everything else to stderr.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// grammar is the command line, with one field for each command.
type grammar struct {
	Keygen  keygenCmd  `cmd:"" help:"Create a private key and print its public key."`
	Pubkey  pubkeyCmd  `cmd:"" help:"Print the public key of a private key file."`
	Pub     pubCmd     `cmd:"" help:"Send each line of standard input as a message."`
	Sub     subCmd     `cmd:"" help:"Write each received message as a line to standard output."`
	Hub     hubCmd     `cmd:"" help:"Relay topics between peers that are known by name."`
	Topics  topicsCmd  `cmd:"" help:"List the topics of a hub."`
	Top     topCmd     `cmd:"" help:"Watch the busiest topics of a hub."`
	Demo    demoCmd    `cmd:"" help:"Run a hub and many peers on this machine and measure them."`
	Bench   benchCmd   `cmd:"" help:"Measure the performance of this machine."`
	Sim     simCmd     `cmd:"" help:"Simulate fleets with faults, from seeds or scripts."`
	Replay  replayCmd  `cmd:"" help:"Replay a recording made with --record, and compare."`
	Config  configCmd  `cmd:"" help:"Check a configuration file."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print a script that completes command lines in a shell."`
	Man        manCmd        `cmd:"" help:"Print manual pages, or write all of them."`

	ShowVersion versionFlag `name:"version" help:"Print the version."`
}

// Help describes what all commands have in common.
func (grammar) Help() string {
	return `Exit codes:

  0  Success. An interrupt (Ctrl-C, SIGTERM) ends pub, sub, hub, top, demo,
     bench, sim and replay early and cleanly, which is not a failure; nor is it one if
     the reader of standard output goes away.
  1  The command started and failed: no connection, an address in use, a full
     disk, unacknowledged reliable messages, differences found. Also an interrupt
     before anything was running, such as while a key file is read, or while pub,
     sub, topics or top connects or waits for the first answer of a hub.
  2  The command line is wrong, or a file named on it is missing, malformed or,
     if it is to be created, already exists. Nothing was started, except that a
     recording with a damaged middle is replayed up to the damage.

A second interrupt kills the process at once; the shell then reports 130, or 143
for SIGTERM.`
}

func main() {
	// When the reader of our output goes away, Write must return an error,
	// instead of a signal ending the process before it has closed its sessions.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole command with its inputs and outputs as arguments. An
// interrupt ends it cleanly, a second one kills the process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	e := newEnvironment(ctx, stdin, stdout, stderr)
	if len(args) > 0 && (args[0] == "hub" || args[0] == "sub") {
		e.hangups = catchHangups() // before anything that takes time
		defer e.hangups.stop()
	}
	return e.run(args)
}

// runContext is run, interrupted when ctx ends.
func runContext(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newEnvironment(ctx, stdin, stdout, stderr).run(args)
}

// run parses a command line and runs its command.
func (e *environment) run(args []string) int {
	command, code, done := newCommandLine(e).parse(args)
	if done {
		return code
	}
	return report(e, command.Run(e))
}

// commandLine parses command lines, one after the other.
type commandLine struct {
	e      *environment
	parser *kong.Kong
	help   *failingWriter
	from   *settings
	code   int
	done   bool
}

// helpVars are the numbers that the help of flags names.
var helpVars = kong.Vars{
	"min_state":              strconv.Itoa(load.MinState),
	"default_max_handshakes": strconv.Itoa(intentra.DefaultMaxHandshakes),
	"default_handshake_rate": strconv.Itoa(intentra.DefaultHandshakeRate),
	"max_gather":             hub.MaxGather.String(),
}

func newCommandLine(e *environment) *commandLine {
	l := &commandLine{e: e, help: &failingWriter{w: e.stdout}, from: newSettings()}
	l.parser = kong.Must(new(grammar),
		kong.Name("intentra"),
		kong.Description("Low-latency, encrypted state broadcast over UDP between peers that know each other's keys."),
		kong.Writers(l.help, e.stderr),
		kong.Exit(func(c int) { l.code, l.done = c, true }),
		helpVars,
		kong.Resolvers(l.from),
		kong.Bind(l),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	return l
}

// parse parses the command line. done is true if there is nothing to run,
// because the command line was wrong or asked for help.
func (l *commandLine) parse(args []string) (command *kong.Context, code int, done bool) {
	l.code, l.done, l.help.err = exitOK, false, nil
	l.from.reset()
	command, err := l.parser.Parse(joinNegative(args))
	if l.help.err != nil { // kong treats it as wrong input, or ignores it
		return nil, report(l.e, l.help.err), true
	}
	if l.done {
		return nil, l.code, true
	}
	if l.from.err != nil { // kong would blame the flag that it asked for first
		return nil, report(l.e, usage(l.from.err)), true
	}
	if err != nil {
		return nil, report(l.e, usagef("%s\n%s", l.from.explain(parseMessage(err)), seeHelp(err))), true
	}
	if name := givenTwice(command.Path); name != "" {
		return nil, report(l.e, usagef("--%s is given more than once; give it once\nSee '%s --help'.", name, command.Selected().FullPath())), true
	}
	for _, arg := range args {
		if !utf8.ValidString(arg) { // kong replaces what is invalid
			return nil, report(l.e, usagef("the argument %q is not valid UTF-8", arg)), true
		}
	}
	for _, name := range l.from.unknown {
		l.e.warnf("%s names no flag of %s", name, command.Selected().FullPath())
	}
	return command, 0, false
}

// givenTwice returns the name of a flag that the command line sets more than
// once, or an empty string. kong would use the last value without a word.
func givenTwice(words []*kong.Path) string {
	given := map[*kong.Flag]bool{}
	for _, w := range words {
		if w.Flag == nil || w.Flag.IsCumulative() {
			continue
		}
		if given[w.Flag] {
			return w.Flag.Name
		}
		given[w.Flag] = true
	}
	return ""
}

// failingWriter keeps the first error of a writer.
type failingWriter struct {
	w   io.Writer
	err error
}

func (f *failingWriter) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	f.err = cmp.Or(f.err, err)
	return n, err
}

// seeHelp names the help page that goes with a wrong command line.
func seeHelp(err error) string {
	command := "intentra"
	if node := selected(err); node != nil {
		command = node.FullPath()
	}
	return "See '" + command + " --help'."
}

// selected returns the command that the wrong command line names, or nil.
func selected(err error) *kong.Node {
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil {
		return p.Context.Selected()
	}
	return nil
}

// report prints err, unless it is nil or a broken pipe, and returns the exit
// code for it.
func report(e *environment, err error) int {
	if err == nil || isBrokenPipe(err) {
		return exitOK
	}
	fmt.Fprintf(e.stderr, "intentra: %s%s\n", message(err), shortageHint(err))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}
