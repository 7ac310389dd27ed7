package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// What we chose.
const (
	costRounds = 8 // the first does not count
	costEach   = 5 * time.Second
	ticksEach  = 100 // per second, in /proc: fixed on all platforms of Linux that Go supports
)

// aloneCommand runs a hub that is in no fleet, with which trial cost compares.
type aloneCommand struct {
	Listen string `required:"" placeholder:"ADDR" help:"HOST:PORT to listen on."`
	Key    string `required:"" placeholder:"FILE" help:"The hub's private key file."`
}

func (c *aloneCommand) Run(ctx context.Context, o *output) error {
	key, err := intentra.ReadPrivateKey(c.Key)
	if err != nil {
		return usageError{fmt.Errorf("alone: --key: %w", err)}
	}
	h, err := hub.Listen(c.Listen, hub.Config{
		Transport: intentra.Config{Key: key}, Access: hub.AllowAny(), Logger: slog.New(slog.NewTextHandler(o.err, nil)),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.err, "listening %s key %s\n", h.Transport().LocalAddr(), h.Transport().PublicKey())
	<-ctx.Done()
	return h.Close()
}

// subject is a hub whose CPU time is measured.
type subject struct {
	name  string
	hub   *child
	crowd *crowd
	idle  time.Duration   // CPU time without load
	used  []time.Duration // in each round
	made  []uint64        // deliveries in each round
}

// cost compares the CPU time of hubs that get the same load: one alone, one in a fleet with a
// NATS server of its own process, and one with a server in the hub's process. All peers of a hub
// are connected to it, so that nothing crosses. Rounds of the three alternate.
func (t *trial) cost(ctx context.Context) error {
	all, err := t.costHubs()
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range all {
			if s.crowd != nil && s.crowd != t.crowd {
				s.crowd.close()
			}
		}
	}()
	for _, s := range all {
		only := []hub.Address{s.hub.Address}
		if s.crowd, err = newCrowd(ctx, t.Peers, t.Wants, func(int) []hub.Address { return only }); err != nil {
			return err
		}
	}
	t.crowd = all[0].crowd
	for _, s := range all {
		if s.idle, err = s.hub.during(ctx, costEach, func() {}); err != nil {
			return err
		}
	}
	for round := range costRounds {
		for i := range all {
			if err := all[(round+i)%len(all)].round(ctx, t.Rate, round > 0); err != nil {
				return err
			}
		}
	}
	for _, h := range t.hubs {
		if s, err := h.status(); err != nil || s.UpdatesSent > 0 {
			return errors.Join(err, errors.New("trial: updates have crossed"))
		}
	}
	for _, s := range all {
		t.say("%s: %.1f %% of a core, %.2f us for each delivery, idle %.1f %%; compared with the hub alone, round by round: %s", s.name, s.share(), s.each(), share(s.idle), s.against(all[0]))
	}
	return nil
}

// costHubs starts a hub alone, and two fleets.
func (t *trial) costHubs() ([]*subject, error) {
	if _, err := t.open(); err != nil {
		return nil, err
	}
	member := t.hubs[0]
	var routes []string // to the hubs before: their servers tell each other of the rest
	for range t.Hubs {
		args := []string{"--fleet", "embedded", "--cluster", "127.0.0.1:0"}
		if len(routes) > 0 {
			args = append(args, "--routes", strings.Join(routes, ","))
		}
		if err := t.startHub(nil, "127.0.0.1", args...); err != nil {
			return nil, err
		}
		routes = append(routes, t.hubs[len(t.hubs)-1].cluster)
	}
	key, err := intentra.GenerateKey()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(t.dir, "alone.identity")
	if err := intentra.WritePrivateKey(file, key); err != nil {
		return nil, err
	}
	alone, err := t.start(nil, "alone", "--listen", "127.0.0.1:0", "--key", file)
	if err != nil {
		return nil, err
	}
	return []*subject{{name: "alone", hub: alone}, {name: "in a fleet", hub: member}, {name: "in a fleet, with its NATS server", hub: t.hubs[t.Hubs]}}, nil
}

// round publishes for a while.
func (s *subject) round(ctx context.Context, rate float64, counts bool) error {
	before := s.crowd.delivered()
	used, err := s.hub.during(ctx, costEach, func() { s.crowd.publish(rate) })
	s.crowd.pause()
	if err != nil || !counts {
		return err
	}
	s.used, s.made = append(s.used, used), append(s.made, s.crowd.delivered()-before)
	return nil
}

// during returns the CPU time that a process uses from the call of f, for a time d.
func (c *child) during(ctx context.Context, d time.Duration, f func()) (time.Duration, error) {
	before, err := c.cpu()
	if err != nil {
		return 0, err
	}
	f()
	if !sleep(ctx, d) {
		return 0, context.Cause(ctx)
	}
	after, err := c.cpu()
	return after - before, err
}

// cpu returns the CPU time that a process has used.
func (c *child) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // from the third on
	if len(fields) < 13 {
		return 0, io.ErrUnexpectedEOF
	}
	var ticks uint64
	for _, f := range fields[11:13] { // user and system time
		n, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksEach, nil
}

func share(used time.Duration) float64 { return 100 * used.Seconds() / costEach.Seconds() }

// share returns the CPU time of all rounds in percent of a core.
func (s *subject) share() float64 { return share(s.total()) / float64(len(s.used)) }

func (s *subject) total() (sum time.Duration) {
	for _, u := range s.used {
		sum += u
	}
	return sum
}

// each returns the CPU time of a delivery in microseconds.
func (s *subject) each() float64 {
	var made uint64
	for _, n := range s.made {
		made += n
	}
	return load.Ratio(float64(s.total().Nanoseconds())/1000, float64(made))
}

// against lists how many times the CPU time of another hub was used in each round, and the
// median.
func (s *subject) against(o *subject) string {
	var ratios []float64
	var list strings.Builder
	for i := range s.used {
		r := load.Ratio(s.used[i].Seconds(), o.used[i].Seconds())
		ratios = append(ratios, r)
		fmt.Fprintf(&list, "%.2f ", r)
	}
	slices.Sort(ratios)
	fmt.Fprintf(&list, "(median %.2f)", ratios[len(ratios)/2])
	return list.String()
}
