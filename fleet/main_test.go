package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/fleet/roam"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

// TestMain runs the command itself in processes that a test starts.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process is a hub in a process of its own.
type process struct {
	*exec.Cmd
	hub.Address
}

func startHub(t *testing.T, args ...string) *process {
	p := &process{Cmd: exec.Command(os.Args[0], append([]string{"hub"}, args...)...)}
	p.Env = append(os.Environ(), childVariable+"=1")
	out, err := p.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _, _ = p.Process.Kill(), p.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 4 && f[0] == "listening" {
			p.Addr = f[1]
			require.NoError(t, p.Key.UnmarshalText([]byte(f[3])))
			go func() {
				for lines.Scan() { // so that the process does not block
				}
			}()
			return p
		}
	}
	t.Fatal("the hub has not started")
	return nil
}

// peers publish and subscribe to each other.
type peers struct {
	mu      sync.Mutex
	clients []*roam.Client
	topics  []*hub.Publication
	sent    []uint64
	got     [][]uint64 // by subscriber and publisher
	back    string     // what went back
}

func (p *peers) receive(i int, u hub.Update) {
	from, value := int(u.Payload[0]), binary.BigEndian.Uint64(u.Payload[1:])
	p.mu.Lock()
	defer p.mu.Unlock()
	if value >= p.got[i][from] {
		p.got[i][from] = value
	} else if !u.Cached { // for those see docs/FLEET.md
		p.back = fmt.Sprintf("subscriber %d received %d of publisher %d after %d", i, value, from, p.got[i][from])
	}
}

// publish sends the next state of each peer.
func (p *peers) publish() {
	for i, t := range p.topics {
		p.mu.Lock()
		p.sent[i]++
		payload := binary.BigEndian.AppendUint64([]byte{byte(i)}, p.sent[i])
		p.mu.Unlock()
		_ = t.Send(payload) // a Latest value waits for the connection
	}
}

// fresh reports whether every subscriber has a state of every publisher that is newer than
// those in since.
func (p *peers) fresh(since []uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.got {
		for from, value := range p.got[i] {
			if from != i && value <= since[from] {
				return false
			}
		}
	}
	return true
}

// await publishes until all states are fresh.
func (p *peers) await(t *testing.T) time.Duration {
	p.mu.Lock()
	since := append([]uint64(nil), p.sent...)
	p.mu.Unlock()
	start := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !p.fresh(since) {
		select {
		case <-tick.C:
			p.publish()
		case <-t.Context().Done():
			t.Fatal("the test has ended")
		}
	}
	return time.Since(start)
}

// TestKilledHub: after a kill -9 of a hub its peers are at others, every subscriber has fresh
// states of every publisher, and no state was older than one before it, unless it was
// marked as cached.
func TestKilledHub(t *testing.T) {
	dir := t.TempDir()
	var routes []string
	for range 3 {
		routes = append(routes, loopback.Address().String())
	}
	var hubs []*process
	var addresses []hub.Address
	for i, cluster := range routes {
		key, err := intentra.GenerateKey()
		require.NoError(t, err)
		file := filepath.Join(dir, fmt.Sprint("key", i))
		require.NoError(t, intentra.WritePrivateKey(file, key))
		h := startHub(t, "--listen", "127.0.0.1:0", "--key", file, "--access", "any", "--cluster", cluster, "--routes", strings.Join(routes, ","))
		hubs, addresses = append(hubs, h), append(addresses, h.Address)
	}
	const n = 12
	p := &peers{sent: make([]uint64, n)}
	for i := range n {
		p.got = append(p.got, make([]uint64, n))
		key, err := intentra.GenerateKey()
		require.NoError(t, err)
		c, err := roam.Dial(t.Context(), addresses, hub.ClientConfig{Transport: intentra.Config{Key: key}})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		topic, err := c.Declare(t.Context(), hub.Topic{Name: "state"})
		require.NoError(t, err)
		_, err = c.Subscribe(t.Context(), hub.Subscription{Pattern: "*/state", Cached: true, Handler: func(u hub.Update) { p.receive(i, u) }})
		require.NoError(t, err)
		p.clients, p.topics = append(p.clients, c), append(p.topics, topic)
	}
	t.Logf("all states are fresh after %v", p.await(t))
	counts := make(map[intentra.PublicKey]int)
	for _, c := range p.clients {
		counts[c.Peer().Key()]++
	}
	t.Logf("peers of the hubs: %v", counts)
	victim := hubs[0]
	require.NoError(t, victim.Process.Kill())
	t.Logf("after a kill, all states are fresh again after %v", p.await(t))
	for _, c := range p.clients {
		require.NotEqual(t, victim.Key, c.Peer().Key())
	}
	require.Empty(t, p.back)
}

// TestHubInput: input that the operator can correct has exit code 2, and the error names its flag.
func TestHubInput(t *testing.T) {
	dir := t.TempDir()
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	file := filepath.Join(dir, "key")
	require.NoError(t, intentra.WritePrivateKey(file, key))
	bad := filepath.Join(dir, "bad")
	require.NoError(t, os.WriteFile(bad, []byte("no key\n"), 0o600))
	public := filepath.Join(dir, "public")
	require.NoError(t, os.WriteFile(public, []byte(key.Public().String()+"\n"), 0o644)) //nolint:gosec // as a shell writes it
	valid := "--key " + file + " --access any "
	for _, c := range []struct{ args, want string }{
		{valid + "--fleet a/b", "Fleet"},
		{valid + "--gather 2s", "Gather"},
		{valid + "--replicas 0", "--replicas"},
		{valid + "--replicas 2", "--replicas"},
		{valid + "--replicas 5 --store " + dir, "--replicas"},
		{valid + "--replicas 3", "--store"},
		{valid + "--http :1", "--http"},
		{valid + "--http 0.0.0.0:1", "loopback"},
		{valid + "--cert " + bad, "--cert needs --cert-key"},
		{valid + "--cert-key " + bad, "--cert-key needs --cert"},
		{valid + "--cluster 192.0.2.1:1 --ca " + bad, "certificates on both sides"},
		{valid + "--creds " + bad, "--nats"},
		{valid + "--nkey " + bad, "--nats"},
		{valid + "--nats nats://127.0.0.1:x", "--nats"},
		{valid + "--nats http://127.0.0.1:1", "--nats"},
		{valid + "--nats nats://", "--nats"},
		{valid + "--nats nats://127.0.0.1:1,", "--nats"},
		{valid + "--nats nats://127.0.0.1:1 --store " + dir, "--nats"},
		{valid + "--advertise here", "--advertise"},
		{valid + "--metrics 1", "--metrics"},
		{valid + "--http host:http", "--http"},
		{valid + "--cluster 127.0.0.1", "--cluster"},
		{valid + "--cluster 127.0.0.1:0", "--cluster"},
		{valid + "--cluster 192.0.2.1:1", "TLS"},
		{valid + "--cluster 127.0.0.1:1 --routes 127.0.0.1", "--routes"},
		{"--key " + public + " --access any", "public key"},
		{"--key " + filepath.Join(dir, "none") + " --access any", "--key"},
		{"--key " + file + " --access " + bad, "--access"},
		{"--key " + file + " --access " + file, "private key file"},
		{"--key " + file + " --access any --ca " + bad, "--ca"},
		{"--key " + file + " --access any --nats nats://127.0.0.1:1 --nkey " + bad, "--nkey"},
		{"--key " + file + " --access any --cluster 127.0.0.1:1 --store " + dir, "--routes"},
	} {
		var out, log bytes.Buffer
		require.Equal(t, 2, run(t.Context(), strings.Fields("hub --listen 127.0.0.1:0 "+c.args), &out, &log), c.args)
		require.Contains(t, log.String(), c.want)
	}
	var out, log bytes.Buffer
	require.Equal(t, 2, run(t.Context(), strings.Fields("hub "+valid+"--listen 9000"), &out, &log))
	require.Contains(t, log.String(), "--listen")
}

// patient has a demo lose nothing because the machine is busy: no hub is doubted, and no datagram
// too old.
func (d *demo) patient() {
	d.change = func(c *node.Config) {
		c.Heartbeat, c.Lost = 2*time.Second, time.Hour
		c.Hub.Transport.Socket = loopback.Patient(c.Hub.Transport.Socket)
	}
	d.peer = func(c *intentra.Config) { c.Socket, c.Unanswered = loopback.Patient(c.Socket), time.Minute }
}

// TestDemo: every state arrives at every peer that wants it. Where a peer connects depends on its
// key, which is new each time; that all 32 are at the same hub, and no update crosses, has a
// probability of 2^-31.
func TestDemo(t *testing.T) {
	d := newDemo(&demoCommand{Hubs: 2, Peers: 32, Rate: 10, Size: 64, Share: 0.5, Duration: 500 * time.Millisecond})
	d.patient()
	defer d.close()
	require.NoError(t, d.open())
	require.NoError(t, d.connect(t.Context(), io.Discard))
	r, err := d.measure(t.Context(), io.Discard)
	require.NoError(t, err)
	require.Positive(t, r.Crossed)
	require.Equal(t, r.Expected, r.Deliveries)
	require.Zero(t, r.Missing+r.Dropped+r.Overflow)
	require.Zero(t, lost(r.Losses))
}

// TestDemoCommand: the result is printed as JSON, and wrong flags have exit code 2.
func TestDemoCommand(t *testing.T) {
	var out, progress bytes.Buffer
	require.Zero(t, run(t.Context(), strings.Fields("demo --hubs 2 --peers 4 --rate 10 --share 0.5 --duration 300ms --json"), &out, &progress), progress.String())
	var r demoResult
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.Equal(t, [2]int{2, 4}, [2]int{r.Hubs, r.Peers})
	require.Positive(t, r.StatesSent)
	require.EqualValues(t, r.Expected, int64(r.Deliveries)+lost(r.Losses))
	require.Equal(t, 2, run(t.Context(), strings.Fields("demo --hubs 99"), &out, &progress))
}

// TestLossesAreAccounted: what a hub drops, because its publishers exceed their limits, is
// found in the account, which adds up.
func TestLossesAreAccounted(t *testing.T) {
	command := &demoCommand{Hubs: 2, Peers: 6, Rate: 100, Size: 64, Share: 0.5, Duration: 300 * time.Millisecond}
	d := newDemo(command)
	d.patient()
	patient := d.change
	d.change = func(c *node.Config) {
		patient(c)
		c.Hub.Limits.Updates = 10
	}
	defer d.close()
	require.NoError(t, d.open())
	require.NoError(t, d.connect(t.Context(), io.Discard))
	r, err := d.measure(t.Context(), io.Discard)
	require.NoError(t, err)
	require.NoError(t, check(r.Losses))
	require.Equal(t, int64(r.Expected), int64(r.Deliveries)+lost(r.Losses))
	for _, l := range r.Losses {
		require.Equal(t, l.Reason == "limits", l.Count > 0, "%+v", l)
	}
}

// TestAccount: each counter is a loss of its own, and the sum is what did not arrive.
func TestAccount(t *testing.T) {
	info := func(updates uint64, subscribers int) map[string]hub.TopicInfo {
		return map[string]hub.TopicInfo{"a/state": {Updates: updates, Subscribers: subscribers}}
	}
	before := &counts{topics: []map[string]hub.TopicInfo{info(5, 2), info(5, 1)}}
	after := &counts{
		sent: 100, unwanted: 1, peerQueues: 2, arrived: 241, hubQueues: 3, superseded: 4,
		topics: []map[string]hub.TopicInfo{info(92, 2), info(82, 1)}, // of 88 in a topic
	}
	after.hub.Received, after.hub.Drops[hub.DropUpdates] = 94, 6
	after.hub.Sent, after.hub.Refused, after.hub.Filtered, after.hub.Conflated = 250, 0, 1, 2
	losses := account(before, after, 3)
	want := map[string]int64{
		"unwanted": 3, "peer_queue": 6, "uplink": 9, "limits": 18, "unknown": 3, "fleet": 10, "undistributed": 251 - 253, "withheld": 3,
		"hub_queue": 3, "superseded": 4, "downlink": 2,
	}
	for _, l := range losses {
		require.Equal(t, want[l.Reason], l.Count, l.Reason)
	}
	require.EqualValues(t, 3*100-241, lost(losses))
	require.ErrorContains(t, check(losses), "not distributed")
	require.NoError(t, check(losses[:3]))
	merged := merge(losses)
	require.NoError(t, check(merged))
	require.Equal(t, lost(losses), lost(merged))
	i := slices.IndexFunc(merged, func(l loss) bool { return l.Reason == "fleet+undistributed" })
	require.EqualValues(t, 8, merged[i].Count)
}

// TestMerge: losses that are negative become part of one next to them, also at the ends.
func TestMerge(t *testing.T) {
	list := func(counts ...int64) (all []loss) {
		for _, n := range counts {
			all = append(all, loss{Count: n})
		}
		return all
	}
	counts := func(all []loss) (n []int64) {
		for _, l := range merge(all) {
			n = append(n, l.Count)
		}
		return n
	}
	require.Equal(t, []int64{1, 2, 3}, counts(list(1, 2, 3)))
	require.Equal(t, []int64{1, 3}, counts(list(-1, 2, 3)))
	require.Equal(t, []int64{1, 2}, counts(list(1, 3, -1)))
	require.Equal(t, []int64{3, 3}, counts(list(5, -2, 3)))
	require.Equal(t, []int64{1, 0}, counts(list(3, -2, 1, -1)))
	require.Equal(t, []int64{-1}, counts(list(-1)), "more arrived than was due")
}
