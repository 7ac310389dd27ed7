package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

type topCmd struct {
	hubFlags
	Interval time.Duration `default:"1s" help:"How often to refresh, at least 200ms."`
	Count    int           `placeholder:"N" help:"End after N tables; 0, the default, means no limit."`
	Lines    int           `default:"20" help:"How many topics to show, the busiest first."`
}

func (c *topCmd) Help() string {
	return "Shows the busiest topics of a hub, with their rates since the table before. On a terminal the table is refreshed in place; " +
		"otherwise the tables follow each other."
}

func (c *topCmd) Run(e *environment) error {
	switch {
	case c.Interval < 200*time.Millisecond:
		return usagef("top: --interval is %v; give at least 200ms", c.Interval)
	case c.Count < 0:
		return usagef("top: --count is %d; give 0 or more", c.Count)
	case c.Lines < 1:
		return usagef("top: --lines is %d; give 1 or more", c.Lines)
	}
	link, ctx := newUplink(e.ctx, e.logger(slog.LevelInfo))
	client, err := c.connect(ctx, e, "top", link.peerEvent)
	if err != nil {
		return err
	}
	defer client.Close()
	defer link.close()
	t := &topTable{w: e.stdout, inPlace: e.stdoutTerminal, lines: c.Lines}
	for n := 0; c.Count == 0 || n < c.Count; n++ {
		if n > 0 && !load.Sleep(ctx, c.Interval) {
			break
		}
		if err := t.refresh(ctx, client, c.Topic); err != nil {
			if e.ctx.Err() != nil && n == 0 {
				return fmt.Errorf("top: %w while waiting for the first list", errInterrupted)
			}
			if ctx.Err() != nil {
				break
			}
			return fmt.Errorf("top: %w", err)
		}
	}
	return link.failure()
}

// topTable prints what has changed since the table before.
type topTable struct {
	w       io.Writer
	inPlace bool
	lines   int
	before  map[string]hub.TopicInfo
	at      time.Time
}

// rates are the rates of one topic.
type rates struct {
	hub.TopicInfo
	updates, bytes, conflated float64 // per second
}

func (t *topTable) refresh(ctx context.Context, client *hub.Client, pattern string) error {
	waiting, cancel := context.WithTimeout(ctx, topicsTimeout)
	defer cancel()
	list, err := client.Topics(waiting, pattern)
	if err != nil {
		return listError(client, err)
	}
	_, err = io.WriteString(t.w, t.format(list, time.Now()))
	return err
}

// format returns the next table.
func (t *topTable) format(list []hub.TopicInfo, now time.Time) string {
	span := now.Sub(t.at).Seconds()
	all := make([]rates, 0, len(list))
	next := make(map[string]hub.TopicInfo, len(list))
	var sum rates
	for _, topic := range list {
		r := rates{TopicInfo: topic}
		// A topic that was declared again has begun to count from zero.
		if b, known := t.before[topic.Path]; known && topic.Updates >= b.Updates && topic.Bytes >= b.Bytes && topic.Conflated >= b.Conflated {
			r.updates = float64(topic.Updates-b.Updates) / span
			r.bytes = float64(topic.Bytes-b.Bytes) / span
			r.conflated = float64(topic.Conflated-b.Conflated) / span
		}
		sum.updates, sum.bytes = sum.updates+r.updates, sum.bytes+r.bytes
		all = append(all, r)
		next[topic.Path] = topic
	}
	t.before, t.at = next, now
	slices.SortStableFunc(all, func(a, b rates) int { return cmp.Compare(b.updates, a.updates) })
	var b strings.Builder
	if t.inPlace {
		b.WriteString("\x1b[H\x1b[2J")
	}
	fmt.Fprintf(&b, "%d topics, %.0f updates/s, %.1f kB/s\n", len(all), sum.updates, sum.bytes/1e3)
	fmt.Fprintf(&b, "%-36s %10s %10s %11s %9s\n", "topic", "updates/s", "kB/s", "subscribers", "conflated")
	for _, r := range all[:min(len(all), t.lines)] {
		path := r.Path
		if !r.Live {
			path += " (away)"
		}
		fmt.Fprintf(&b, "%-36s %10.1f %10.1f %11d %9.1f\n", path, r.updates, r.bytes/1e3, r.Subscribers, r.conflated)
	}
	if !t.inPlace {
		b.WriteString("\n")
	}
	return b.String()
}
