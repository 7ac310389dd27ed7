// Game is a 60 Hz arena whose server decides where the players are, with 200 bots and,
// in the browser, you.
//
//	go run ./examples/game --http 127.0.0.1:8080     # play
//	go run ./examples/game --check                   # measured and judged
//
// Each tick the server sends every player a snapshot of what is near it, and now and
// then of what is far. Snapshots are Latest: a newer one displaces one that still waits.
// A pair of stages sends only the difference from the newest snapshot that the player is
// known to have. Once a second come the standings, which are Reliable: snapshots and inputs
// have the priority High and standings Low, so that they never delay the game. Inputs are
// Latest as well, and each repeats the ones before, so that nothing is sent twice and no
// input is lost. Players predict their own motion and correct it; the browser draws the
// others between two snapshots.
//
// --check exits with code 1 if a player saw a snapshot after a newer one, or too few, or
// if differences took more bytes than whole snapshots.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/examples/internal/tally"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "game:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("game", flag.ContinueOnError)
	bots := flags.Int("bots", 200, "how many bots play")
	duration := flags.Duration("duration", 10*time.Second, "how long to measure, with --check")
	seed := flags.Uint64("seed", 1, "of what the bots do")
	http := flags.String("http", "", "serve a page for a person on this address, such as 127.0.0.1:8080")
	check := flags.Bool("check", false, "print a table and judge it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *bots < 1 || *bots > 1000 || *duration <= 0 || *check == (*http != "") {
		return fmt.Errorf("give 1 to 1000 bots, a positive duration, and either --check or --http ADDR")
	}
	g := &game{server: newServer()}
	defer g.close()
	if err := g.open(ctx, *bots, *seed); err != nil {
		return err
	}
	if *check {
		if err := g.play(ctx, int(duration.Seconds()*hertz)); err != nil {
			return err
		}
		report := g.report()
		if err := report.Write(out); err != nil {
			return err
		}
		return report.Err()
	}
	person := newClient(0)
	person.rnd = nil // no bot
	if err := g.join(ctx, person); err != nil {
		return err
	}
	url, err := servePage(*http, person)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, url)
	for ctx.Err() == nil {
		if err := g.play(ctx, hertz); err != nil {
			return err
		}
	}
	return nil
}

// game is a server and its players in one process, over real sockets.
type game struct {
	server     *server
	transport  *intentra.Transport
	clients    []*client
	transports []*intentra.Transport
	ticks      tally.Times // how long the server's part of each tick took
	late       int         // ticks that began a whole tick late
	played     int
}

func (g *game) open(ctx context.Context, bots int, seed uint64) error {
	cfg := g.server.config()
	var err error
	if cfg.Key, err = intentra.GenerateKey(); err != nil {
		return err
	}
	if g.transport, err = intentra.Listen("127.0.0.1:0", cfg); err != nil {
		return err
	}
	for i := range bots {
		if err := g.join(ctx, newClient(seed+uint64(i))); err != nil {
			return err
		}
	}
	return nil
}

// join connects a player.
func (g *game) join(ctx context.Context, c *client) error {
	cfg := c.config()
	var err error
	if cfg.Key, err = intentra.GenerateKey(); err != nil {
		return err
	}
	p, err := intentra.Dial(ctx, g.transport.LocalAddr().String(), g.transport.PublicKey(), cfg)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.peer = p
	c.mu.Unlock()
	g.clients, g.transports = append(g.clients, c), append(g.transports, p.Transport())
	return nil
}

func (g *game) close() {
	for _, t := range g.transports {
		_ = t.Close()
	}
	if g.transport != nil {
		_ = g.transport.Close()
	}
}

// play runs ticks at their times.
func (g *game) play(ctx context.Context, ticks int) error {
	next := time.Now()
	for range ticks {
		if ctx.Err() != nil {
			return nil
		}
		now := time.Now()
		if now.Sub(next) > time.Second/hertz {
			g.late++
			next = now
		}
		for _, c := range g.clients {
			c.step()
		}
		begin := time.Now()
		g.server.step()
		g.ticks = append(g.ticks, time.Since(begin))
		g.played++
		next = next.Add(time.Second / hertz)
		time.Sleep(time.Until(next))
	}
	return nil
}

// report judges counts and order, and lists times and sizes.
func (g *game) report() *tally.Report {
	r := judge(g.server, g.clients, g.played)
	r.Row("server's part of a tick", "%v", g.ticks)
	r.Row("ticks that began late", "%d of %d", g.late, g.played)
	return r
}

// judge makes the part of the report that does not depend on how the game was run.
func judge(s *server, clients []*client, ticks int) *tally.Report {
	r := new(tally.Report)
	var corrections []float64
	var ages tally.Times
	seen, backwards, told := 0, 0, 0
	for i, c := range clients {
		c.mu.Lock()
		seen, backwards, told = seen+c.seen, backwards+c.backwards, told+c.announced
		corrections = append(corrections, c.corrections...)
		for _, a := range c.ages {
			ages = append(ages, time.Duration(a)*time.Second/hertz)
		}
		r.Require(c.seen*2 > ticks, "player %d saw %d snapshots in %d ticks", i, c.seen, ticks)
		r.Require(ticks < 2*hertz || c.announced > 0, "player %d saw no standings", i)
		c.mu.Unlock()
	}
	slices.Sort(corrections)
	at := func(q float64) float64 {
		if len(corrections) == 0 {
			return 0
		}
		return corrections[min(int(q*float64(len(corrections))), len(corrections)-1)]
	}
	full, sent := s.delta.read.Load(), s.delta.wrote.Load()
	r.Require(backwards == 0, "%d snapshots came after a newer one", backwards)
	r.Require(sent < full, "differences took %d bytes, whole snapshots %d", sent, full)
	players := float64(len(clients))
	seconds := float64(ticks) / hertz
	r.Row("players, ticks", "%d, %d", len(clients), ticks)
	r.Row("snapshots seen", "%.1f %%", 100*float64(seen)/players/float64(ticks))
	r.Row("bytes of snapshots per player", "%.1f kB/s, whole ones %.1f", float64(sent)/players/seconds/1000, float64(full)/players/seconds/1000)
	r.Row("standings of each player", "%.1f of %d", float64(told)/players, ticks/hertz)
	r.Row("input to its snapshot", "%v", ages)
	r.Row("correction of a prediction", "p50 %.2f, p99 %.2f, max %.2f units", at(0.5), at(0.99), at(1))
	return r
}
