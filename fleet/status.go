package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/intentra/intentra/fleet/node"
)

// maxStatus bounds the answer of a hub, in bytes.
const maxStatus = 4 << 20

type statusCommand struct {
	Hub  string `arg:"" placeholder:"ADDR" help:"The --metrics address of a hub."`
	JSON bool   `name:"json" help:"Print the hub's answer as it is."`
}

func (c *statusCommand) Run(ctx context.Context, o *output) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Hub+"/status", nil)
	if err != nil {
		return usageError{fmt.Errorf("status: %w", err)}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxStatus))
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status: %s answers %s", c.Hub, answer.Status)
	}
	if c.JSON {
		_, err = o.out.Write(body)
		return err
	}
	var s node.Status
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	return printStatus(o.out, &s)
}

func printStatus(w io.Writer, s *node.Status) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "HUB\tADDRESS\tSTATE\tPEERS\tTOPICS\tSILENT\tBATCHES\tMISSING\tREORDERED\tDUPLICATE")
	for _, h := range s.Hubs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%v\t%d\t%d\t%d\t%d\n", h.Key.String()[:8], h.Addr, stateOf(&h), h.Peers, h.Topics,
			h.Silent.Round(time.Millisecond), h.Flow.Received, h.Flow.Missing, h.Flow.Reordered, h.Flow.Duplicate)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t, "\nFROM\tTO\tUPDATES/S\tBYTES/S\tUPDATES\tBATCHES\tGAPS\tSUBJECT")
	for i := range s.Shards {
		r := shardRow(&s.Shards[i])
		fmt.Fprintln(t, strings.Join(append(slices.Delete(r, 2, 3), s.Shards[i].Subject), "\t"))
	}
	fmt.Fprintln(t)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t, "NATS connected %v; %d topics wanted; %d Reliable updates lost; access list revision %d\n",
		s.Connected, s.Wanted, s.LostReliable, s.Access)
	for _, f := range faults(s) {
		fmt.Fprintln(t, f)
	}
	return t.Flush()
}

// faults returns what an operator should repair, for people.
func faults(s *node.Status) (lines []string) {
	if s.AccessFault != "" {
		line := "access list: not reachable: " + s.AccessFault
		if s.AccessAge > 0 {
			line += fmt.Sprintf("; the one in use was confirmed %v ago, and revocations since then may be missing", s.AccessAge.Round(time.Second))
		}
		lines = append(lines, line)
	}
	if s.ClaimsFault != "" {
		lines = append(lines, "sessions: not entered in the key-value store: "+s.ClaimsFault)
	}
	if s.Clashes > 0 {
		lines = append(lines, fmt.Sprintf("key: another process runs with it, or did, and has sent %d heartbeats", s.Clashes))
	}
	if s.ServerErrors > 0 {
		lines = append(lines, fmt.Sprintf("NATS server: %d errors; the log says what to do; the latest: %s", s.ServerErrors, s.ServerError))
	}
	return lines
}
