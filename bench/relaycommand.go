package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/intentra/intentra/bench/relay"
	"github.com/intentra/intentra/internal/load"
)

// The most that may be asked for.
const (
	maxMembers    = 2000
	maxMemberRate = 100_000
)

type relayCommand struct {
	Peers    int           `help:"Number of peers; each publishes to all others." default:"250"`
	Rate     int           `help:"States per second that each peer publishes." default:"200"`
	Size     int           `help:"Bytes in a state." default:"128"`
	Duration time.Duration `help:"How long to publish." default:"5s"`
	Rounds   int           `help:"Number of rounds." default:"5"`
	Only     hubNames      `help:"Hubs to measure, of ${hubs}." placeholder:"NAME,..."`
	JSON     bool          `help:"Print the result as JSON, as the last line."`
	Child    hubNames      `help:"Measure one hub in this process." hidden:""`
}

// hubNames is a flag with the names of hubs, separated by commas.
type hubNames struct{ list []relay.Hub }

func (n *hubNames) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ",") {
		h, ok := relay.Find(name)
		if !ok {
			return usagef("no hub %q", name)
		}
		n.list = append(n.list, h)
	}
	return nil
}

// hubList lists the names of all hubs.
func hubList() string {
	var names []string
	for _, h := range relay.Hubs {
		names = append(names, h.Name)
	}
	return strings.Join(names, ", ")
}

// Run runs the command.
func (c *relayCommand) Run(ctx context.Context) error {
	err := check(limit{"peers", c.Peers, 2, maxMembers}, limit{"rate", c.Rate, 1, maxMemberRate},
		limit{"size", c.Size, load.MinState, 1100}, limit{"rounds", c.Rounds, 1, maxRounds})
	if err != nil {
		return err
	}
	if len(c.Child.list) > 0 {
		s := relay.Shape{Members: c.Peers, Rate: float64(c.Rate), Size: c.Size, Duration: c.Duration}
		r, err := relay.Measure(ctx, c.Child.list[0], s)
		if err != nil {
			return err
		}
		return printJSON(r)
	}
	hubs := c.Only.list
	if len(hubs) == 0 {
		hubs = relay.Hubs
	}
	results, err := relay.Rounds(ctx, hubs, c.Rounds, func(h relay.Hub) []string {
		return []string{
			"relay", "--child", h.Name, "--peers", strconv.Itoa(c.Peers), "--rate", strconv.Itoa(c.Rate),
			"--size", strconv.Itoa(c.Size), "--duration", c.Duration.String(),
		}
	}, os.Stderr)
	if err != nil {
		return err
	}
	results.Print(os.Stdout, hubs)
	if c.JSON {
		return printJSON(results)
	}
	return nil
}
