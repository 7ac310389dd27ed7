package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/flow"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/hub"
)

// trialCommand makes parts of a fleet of real processes fail, and measures what peers notice.
type trialCommand struct {
	Name  string        `arg:"" enum:"kill-hub,kill-nats,stop-hub,slow-peer,move,partition,leaf,churn,cost,clock" help:"kill-hub, kill-nats, stop-hub, slow-peer, move, partition (as root, in network namespaces of its own), leaf, churn or cost (both on Linux), or clock (with the go command)."`
	Hubs  int           `default:"3" help:"How many hubs, 2 to 8."`
	Peers int           `default:"24" help:"How many peers, 4 to 2,000."`
	Wants int           `default:"23" help:"To how many others each peer subscribes."`
	Rate  float64       `default:"20" help:"States per second of each peer."`
	Pause time.Duration `default:"20s" help:"How long something is away that returns."`
	Shift time.Duration `default:"10m" help:"By how much the clock of hub 0 is ahead and that of hub 1 behind in clock."`
	// Duration is used by churn.
	Duration time.Duration `default:"30m" help:"How long hubs, peers and subscriptions come and go in churn."`
}

// What we chose.
const (
	freshLimit = 60 * time.Second
	startLimit = 20 * time.Second
	warmUp     = 2 * time.Second
	settle     = 2 * time.Second
)

var trials = map[string]func(t *trial, ctx context.Context) error{
	"kill-hub": (*trial).killHub, "kill-nats": (*trial).killNATS, "stop-hub": (*trial).stopHub, "slow-peer": (*trial).slowPeer,
	"move": (*trial).move, "partition": (*trial).partition, "leaf": (*trial).leaf, "churn": (*trial).churn, "cost": (*trial).cost, "clock": (*trial).clock,
}

// trial is a fleet of processes, and peers in this one.
type trial struct {
	*trialCommand
	dir     string
	command string // that processes run; empty: this one
	out     io.Writer
	began   time.Time
	mu      sync.Mutex // of hubs, while churn restarts one
	hubs    []*child
	away    bool // hub 0 has been ended by churn
	all     []*child
	crowd   *crowd
	links   *namespaces // nil: none
}

func (c *trialCommand) Run(ctx context.Context, o *output) (err error) {
	if c.Hubs < 2 || c.Hubs > 8 || c.Peers < 4 || c.Peers > maxDemoPeers || c.Wants < 1 || c.Wants >= c.Peers || !(c.Rate > 0 && c.Rate <= 1000) {
		return usageError{errors.New("trial: give --hubs 2 to 8, --peers 4 to 2,000, --wants 1 to less than that, and --rate above 0 to 1,000")}
	}
	t := &trial{trialCommand: c, out: o.out, began: time.Now()}
	if t.dir, err = os.MkdirTemp("", "intentra-trial-"); err != nil {
		return err
	}
	defer t.close()
	if err := trials[c.Name](t, ctx); err != nil || c.Name == "cost" {
		return err
	}
	if !sleep(ctx, settle) { // until Reliable updates have followed those that are missing
		return context.Cause(ctx)
	}
	return t.report()
}

func (t *trial) close() {
	if t.crowd != nil {
		t.crowd.close()
	}
	for _, c := range t.all {
		c.kill()
	}
	if t.links != nil {
		t.links.close()
	}
	_ = os.RemoveAll(t.dir) // best effort
}

// say prints a line with the time since the trial began.
func (t *trial) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%6.1fs  %s\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

// report prints what must never happen, and what hubs have counted.
func (t *trial) report() error {
	back, counts := t.crowd.totals()
	all := counts.sum()
	t.say("states that went back: %d", back)
	t.say("Reliable updates: %d arrived; publishers were refused %d and gave up %d", all.Received-all.Duplicate, t.crowd.unsent.Load(), t.crowd.abandoned())
	t.say("missing at subscribers: %d%s", all.Missing-all.Reordered, counts.by(func(c flow.Counts) uint64 { return c.Missing }))
	t.say("late: %d%s", all.Reordered, counts.by(func(c flow.Counts) uint64 { return c.Reordered }))
	t.say("twice: %d%s", all.Duplicate, counts.by(func(c flow.Counts) uint64 { return c.Duplicate }))
	lost := make(map[intentra.PublicKey]uint64)
	for i, h := range t.hubs {
		if s, err := h.status(); err == nil {
			self := s.Hubs[slices.IndexFunc(s.Hubs, func(h member.Seen) bool { return h.Self })]
			t.say("hub %d: %d peers, %d times a hub was silent, lost to it: %d batches, %d updates, of these %d Reliable; %d slow, %d overflow, %d frames unsent, %d sessions replaced",
				i, self.Peers, s.Lost, s.Batches.Missing-s.Batches.Reordered, s.Missing-s.Drops[member.Stale], s.LostReliable, s.Slow, s.Overflow, s.FramesUnsent, s.Replaced)
			lost[h.Key] = s.LostReliable
		}
	}
	if t.Wants == t.Peers-1 {
		t.say("Reliable updates that hubs count as lost, for each of their subscribers: %d", t.crowd.missed(lost))
	}
	if back > 0 {
		return errors.New("trial: states went back")
	}
	return nil
}

// child is a process of this command.
type child struct {
	*exec.Cmd
	hub.Address
	metrics string // its other addresses, of which it may have none
	cluster string
	leafs   string
	args    []string
	prefix  []string
	lines   chan struct{} // closed when its output ends
}

// start runs this command with arguments, after a prefix such as that of another namespace,
// and waits until it listens.
func (t *trial) start(prefix []string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if t.command != "" {
		self = t.command
	}
	line := append(append(slices.Clone(prefix), self), args...)
	c := &child{Cmd: exec.Command(line[0], line[1:]...), args: args, prefix: prefix, lines: make(chan struct{})}
	c.Env = append(os.Environ(), childVariable+"=1")
	out, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	t.all = append(t.all, c)
	ready := make(chan error, 1)
	go func() {
		defer close(c.lines)
		var last string
		s := bufio.NewScanner(out)
		for s.Scan() {
			last = s.Text()
			if c.learn(strings.Fields(last)) {
				ready <- nil
			}
		}
		select {
		case ready <- fmt.Errorf("trial: %s has ended: %s", args[0], last):
		default:
		}
	}()
	select {
	case err := <-ready:
		return c, err
	case <-time.After(startLimit):
		return nil, fmt.Errorf("trial: %s has not started in %v", args[0], startLimit)
	}
}

// learn takes an address from a line of the child, and reports whether it is the last one. The
// child chooses its ports: one that was free here could be taken before the child uses it.
func (c *child) learn(f []string) (last bool) {
	if len(f) == 2 {
		for name, addr := range map[string]*string{"metrics": &c.metrics, "cluster": &c.cluster, "leafs": &c.leafs} {
			if f[0] == name {
				*addr = f[1]
			}
		}
		return false
	}
	if len(f) != 4 || f[0] != "listening" {
		return false
	}
	c.Addr = f[1]
	if f[3] != "none" {
		_ = c.Key.UnmarshalText([]byte(f[3])) // a malformed key cannot be dialled
	}
	return true
}

// restart starts a child that has ended again, on the address on which it listened.
func (t *trial) restart(c *child) (*child, error) {
	args := slices.Clone(c.args)
	args[slices.Index(args, "--listen")+1] = c.Addr
	return t.start(c.prefix, args...)
}

func (c *child) kill() {
	_ = c.Process.Kill()  // it may have ended
	_ = resume(c.Process) // a suspended process ends only then
	<-c.lines
	_ = c.Wait()
}

// startHub starts the next hub, on an IP address.
func (t *trial) startHub(prefix []string, ip string, args ...string) error {
	i := len(t.hubs)
	key, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	file := filepath.Join(t.dir, fmt.Sprintf("hub-%d.identity", i))
	if err := intentra.WritePrivateKey(file, key); err != nil {
		return err
	}
	h, err := t.start(prefix, append([]string{"hub", "--listen", ip + ":0", "--key", file, "--access", "any", "--metrics", ip + ":0"}, args...)...)
	if err != nil {
		return err
	}
	t.hubs = append(t.hubs, h)
	return nil
}

// open starts a NATS server and hubs that use it.
func (t *trial) open() (nats *child, err error) {
	if nats, err = t.openServer(); err != nil {
		return nil, err
	}
	for range t.Hubs {
		if err := t.startHub(nil, "127.0.0.1", "--nats", "nats://"+nats.Addr); err != nil {
			return nil, err
		}
	}
	return nats, nil
}

// openServer starts a NATS server.
func (t *trial) openServer() (*child, error) {
	return t.start(nil, "nats", "--listen", "127.0.0.1:0", "--store", filepath.Join(t.dir, "nats"))
}

// gather connects the peers and lets them publish for a while.
func (t *trial) gather(ctx context.Context, hubs func(i int) []hub.Address) (err error) {
	if t.crowd, err = newCrowd(ctx, t.Peers, t.Wants, hubs); err != nil {
		return err
	}
	t.crowd.publish(t.Rate)
	took, err := t.crowd.fresh(ctx, freshLimit)
	if err != nil {
		return err
	}
	t.say("%d peers at %d hubs, %d pairs, fresh after %v", t.Peers, len(t.hubs), len(t.crowd.pairs), took.Round(time.Millisecond))
	if !sleep(ctx, warmUp) {
		return context.Cause(ctx)
	}
	t.crowd.forget()
	return nil
}

// anyHub gives a peer all hubs.
func (t *trial) anyHub(int) []hub.Address {
	var list []hub.Address
	for _, h := range t.hubs {
		list = append(list, h.Address)
	}
	return list
}

// refresh reports after which time all states are fresh.
func (t *trial) refresh(ctx context.Context, what string) error {
	took, err := t.crowd.fresh(ctx, freshLimit)
	if err == nil {
		t.say("%s: all states are fresh after %v", what, took.Round(time.Millisecond))
	}
	return err
}

// status asks a hub for its status.
func (c *child) status() (s node.Status, err error) {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://" + c.metrics + "/status")
	if err != nil {
		return s, err
	}
	defer func() { _ = answer.Body.Close() }()
	return s, json.NewDecoder(io.LimitReader(answer.Body, maxStatus)).Decode(&s)
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
