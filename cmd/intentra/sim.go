package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kong"

	"github.com/intentra/intentra/internal/swarm"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/sim/script"
)

type simCmd struct {
	Seeds  uint64  `default:"100" help:"How many scenarios to generate and run, one for each seed."`
	First  uint64  `default:"1" help:"The first of these seeds."`
	Hours  float64 `default:"0.05" help:"How long faults last in a scenario, in simulated hours."`
	Peers  int     `default:"6" help:"The maximum number of peers in a scenario."`
	Seed   *uint64 `help:"Run only the scenario of this seed, or the --script with this seed."`
	Script string  `placeholder:"FILE" help:"Run the script in the file; - is standard input."`
	Trace  bool    `help:"With --seed or --script: print each step with its events, and the trace hash."`
	Matrix bool    `help:"Measure delivery over lossy links, and print a Markdown table."`
	Speed  bool    `help:"Measure the simulator, and print a Markdown table."`
	JSON   bool    `name:"json" help:"Print the result as one JSON object, the last line of standard output."`

	generate func(seed uint64, s swarm.Settings) []string // nil: swarm.Generate
}

func (c *simCmd) Help() string {
	return `Simulates whole fleets in this process, on a virtual clock and over a network that is determined by a seed. Each seed
is a scenario: peers, loads of all intents, and faults of the network and of the peers. At its end all faults stop and
all peers must be connected again; the guarantees to users are checked after every step. A scenario that fails is
shrunk to the smallest script that still fails (go doc github.com/intentra/intentra/sim/script describes the language),
and the exit code is 1. Lines of a --script that begin with > are compared with the output. All cores are used; an
interrupt ends the run early and prints the results so far. A scenario without any progress for a minute ends the run,
with its seed and exit code 1.

--json prints {"seeds","first_seed","hours","most_peers","peer_hours","sent","delivered","failures":[{"seed","error",
"repeat","script":[],"script_error"}],"interrupted","elapsed_s","cpu_s","peer_seconds_per_cpu_second"}; with --seed or
--script {"seed","trace","error","simulated_s","sent","delivered","refused","interrupted"}; with --matrix or --speed a list of the
rows.`
}

// errSimulation is returned when a simulation failed; the failure has been
// printed.
var errSimulation = errors.New("sim")

func (c *simCmd) Run(e *environment, k *kong.Context) error {
	if err := c.excluded(k.Path); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	switch {
	case c.Matrix:
		return c.matrix(e)
	case c.Speed:
		return c.speed(e)
	case c.Script != "":
		return c.runScript(e)
	case c.Seed != nil:
		return c.runSeed(e)
	}
	return c.swarm(e)
}

// exclusions are the flags that have no meaning in combination with another.
var exclusions = []struct {
	flag   string
	others []string
}{
	{"matrix", []string{"speed", "seed", "script", "trace", "seeds", "hours", "peers"}},
	{"speed", []string{"seed", "script", "trace", "seeds", "hours", "peers"}},
	{"script", []string{"seeds", "first", "hours", "peers"}},
	{"seed", []string{"seeds", "first"}},
}

// excluded reports flags that would be ignored.
func (c *simCmd) excluded(words []*kong.Path) error {
	given := map[string]bool{}
	for _, w := range words {
		if w.Flag != nil {
			given[w.Flag.Name] = true
		}
	}
	for _, x := range exclusions {
		for _, other := range x.others {
			if given[x.flag] && given[other] {
				return usagef("sim: --%s and --%s exclude each other", x.flag, other)
			}
		}
	}
	if given["script"] && c.Script == "" {
		return usagef("sim: --script is empty; give a file, or - for standard input")
	}
	return nil
}

// check reports wrong input.
func (c *simCmd) check() error {
	s := c.settings()
	switch {
	case c.Trace && c.Script == "" && c.Seed == nil:
		return usagef("sim: --trace needs --seed or --script")
	case c.Seeds < 1 || c.First > ^uint64(0)-(c.Seeds-1):
		return usagef("sim: --seeds is %d and --first %d; give at least one seed, and none beyond 2^64-1", c.Seeds, c.First)
	case c.Peers < swarm.LeastPeers || c.Peers > swarm.MostPeers:
		return usagef("sim: --peers is %d; give %d to %d", c.Peers, swarm.LeastPeers, swarm.MostPeers)
	case !(c.Hours > 0) || c.Hours > swarm.MostTime.Hours() || s.Time < swarm.LeastTime:
		return usagef("sim: --hours is %v; give %.5f to %v", c.Hours, swarm.LeastTime.Hours(), swarm.MostTime.Hours())
	}
	return nil
}

// scenario returns the script of a seed.
func (c *simCmd) scenario(seed uint64) []string {
	if c.generate != nil {
		return c.generate(seed, c.settings())
	}
	return swarm.Generate(seed, c.settings())
}

func (c *simCmd) settings() swarm.Settings {
	hours := min(c.Hours, swarm.MostTime.Hours())
	return swarm.Settings{Peers: c.Peers, Time: time.Duration(hours * float64(time.Hour)).Round(time.Millisecond)}
}

// oneResult is the result of a single scenario.
type oneResult struct {
	Seed        uint64  `json:"seed"`
	Trace       string  `json:"trace"`
	Error       string  `json:"error,omitempty"`
	SimulatedS  float64 `json:"simulated_s"`
	Sent        uint64  `json:"sent"`
	Delivered   uint64  `json:"delivered"`
	Refused     uint64  `json:"refused"`
	Interrupted bool    `json:"interrupted"`
}

func (c *simCmd) runSeed(e *environment) error {
	s, err := script.ParseLines(c.scenario(*c.Seed))
	if err != nil {
		return fmt.Errorf("sim: the scenario of seed %d cannot be parsed: %w", *c.Seed, err)
	}
	return c.one(e, s)
}

func (c *simCmd) runScript(e *environment) error {
	s, err := untilInterrupted(e, "the script "+c.Script, func() (*script.Script, error) { return c.readScript(e.stdin) })
	if errors.Is(err, errInterrupted) {
		return fmt.Errorf("sim: %w", err)
	}
	if err != nil {
		return usage(err)
	}
	return c.one(e, s)
}

func (c *simCmd) readScript(stdin io.Reader) (*script.Script, error) {
	if c.Script == "-" {
		return script.Parse(stdin)
	}
	f, err := os.Open(c.Script)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	defer f.Close()
	return script.Parse(f)
}

// one runs a scenario and prints its result.
func (c *simCmd) one(e *environment, s *script.Script) error {
	if len(s.Lines()) == 0 {
		return usagef("sim: the script has no step")
	}
	live, _ := e.live(c.JSON)
	if c.Trace {
		live = e.stdout // the JSON object follows as the last line
	}
	out := &failingWriter{w: live}
	// The output in the script is that of its own seed.
	verify := c.Seed == nil && s.HasOutput()
	seed := s.Seed
	if c.Seed != nil {
		seed = *c.Seed
	}
	var result script.Result
	var world atomic.Int64 // simulated time
	g := newGuard(e.ctx)
	h := g.begin(seed)
	err := e.progress().during("sim", func() (float64, string) {
		return -1, time.Duration(world.Load()).Round(time.Millisecond).String() + " simulated"
	}, func() error {
		var w *sim.World
		var r script.Result
		var failed error
		hung := g.run(func() {
			r, failed = s.Run(script.Options{
				Seed: c.Seed, Quiet: !c.Trace && !verify, Verify: verify,
				Prepare: func(made *sim.World) { w = made },
				Stop: func() bool {
					world.Store(int64(w.Elapsed()))
					return h.stop()
				},
			})
		})
		if hung != nil {
			hung.tell(e)
			result = script.Result{Seed: seed}
			return hung
		}
		result = r
		world.Store(int64(r.Elapsed))
		return failed
	})
	r := oneResult{Seed: result.Seed, Trace: result.Hash, SimulatedS: seconds(result.Elapsed), Sent: result.Sent, Delivered: result.Delivered, Refused: result.Refused}
	if errors.Is(err, script.ErrStopped) {
		r.Interrupted, err = true, nil
	}
	if c.Trace {
		fmt.Fprint(out, result.Text)
	}
	fmt.Fprintf(out, "seed %d: %v simulated, %d messages sent, %d delivered", result.Seed, result.Elapsed, result.Sent, result.Delivered)
	if result.Refused > 0 {
		fmt.Fprintf(out, ", %d refused", result.Refused) // too large, or without a connection
	}
	fmt.Fprintf(out, ", trace %s", result.Hash)
	if r.Interrupted {
		fmt.Fprint(out, "; interrupted, the rest was not run")
	}
	fmt.Fprintln(out)
	if err != nil {
		r.Error = err.Error()
		c.tellHow(out, s, result)
	}
	if out.err != nil && !isBrokenPipe(out.err) {
		return fmt.Errorf("sim: %w", errors.Join(out.err, err))
	}
	if c.JSON {
		if err := printJSON(e.stdout, r); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	return nil
}

// tellHow prints how to repeat a failed run, and for a seed also its scenario,
// which is not in a file.
func (c *simCmd) tellHow(out io.Writer, s *script.Script, result script.Result) {
	if c.Script == "-" {
		fmt.Fprintf(out, "to repeat it, save the script as FILE and run: intentra sim --script FILE --seed %d --trace\n", result.Seed)
		return
	}
	if c.Script != "" {
		fmt.Fprintf(out, "to repeat it: intentra sim --script %s --seed %d --trace\n", c.Script, result.Seed)
		return
	}
	if !c.Trace {
		fmt.Fprintln(out, strings.Join(s.Lines(), "\n"))
	}
	fmt.Fprintf(out, "to repeat it: %s --trace\n", c.repeat(result.Seed))
}

// repeat returns the command that runs a seed again.
func (c *simCmd) repeat(seed uint64) string {
	return fmt.Sprintf("intentra sim --seed %d --hours %v --peers %d", seed, c.Hours, c.Peers)
}
