package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/roam"
	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	guestKeys   = 16                     // of peers that come and go, so that keys return
	guestEach   = 200 * time.Millisecond // between two of them
	guestStay   = 2 * time.Second
	restartEach = 20 * time.Second // of hub 0
	restartGap  = 5 * time.Second
	sampleEach  = 5 * time.Second
	fewSamples  = 16
	moveEach    = 3 * time.Second // between moves of peers of the crowd
	lines       = 10              // of the table
)

// churn has hub 0, peers and subscriptions come and go, and judges whether memory, goroutines
// and the entries of the key-value store of what stays are flat.
func (t *trial) churn(ctx context.Context) error {
	server, err := t.open()
	if err != nil {
		return err
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	conn, err := nats.Connect("nats://" + server.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	store, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	churning, stop := context.WithTimeout(ctx, t.Duration)
	defer stop()
	var counts churnCounts
	var done sync.WaitGroup
	done.Go(func() { t.guests(churning, &counts) })
	done.Go(func() { t.resubscribe(churning, &counts) })
	done.Go(func() { t.restarts(churning, &counts) })
	done.Go(func() { t.moves(churning, &counts) })
	var all []churnSample
	began, left := time.Now(), lines
	for sleep(churning, sampleEach) {
		if s, err := t.sample(churning, store, server); err == nil {
			if all = append(all, s); time.Since(began) > t.Duration*time.Duration(lines-left)/time.Duration(lines) {
				left--
				t.say("%v", &s)
			}
		} else if churning.Err() == nil {
			stop()
			done.Wait()
			return err
		}
	}
	done.Wait()
	if err := errors.Join(context.Cause(ctx), counts.err); err != nil {
		return err
	}
	t.say("in %v: %d restarts of hub 0, %d peers that came and went, %d that failed, %d subscriptions, %d moves of others, %d that failed",
		t.Duration, counts.restarts, counts.guests, counts.failed, counts.subscriptions, counts.moves, counts.stayed)
	return t.judge(all)
}

// churnCounts are what has happened. Each goroutine has fields of its own.
type churnCounts struct {
	restarts, guests, failed, subscriptions int
	moves, stayed                           int
	err                                     error // of restarts
}

// guests has peers connect, publish, subscribe and leave.
func (t *trial) guests(ctx context.Context, n *churnCounts) {
	keys := make([]intentra.PrivateKey, guestKeys)
	for i := range keys {
		keys[i], _ = intentra.GenerateKey() // never fails
	}
	var mu sync.Mutex
	var done sync.WaitGroup
	defer done.Wait()
	for i := 0; sleep(ctx, guestEach); i++ {
		key := keys[i%guestKeys]
		hubs := t.hubList(true)
		done.Go(func() {
			err := visit(ctx, key, hubs)
			mu.Lock()
			defer mu.Unlock()
			n.guests++
			if err != nil && ctx.Err() == nil {
				n.failed++
			}
		})
	}
}

// visit is the life of one guest.
func visit(ctx context.Context, key intentra.PrivateKey, hubs []hub.Address) error {
	dialling, cancel := context.WithTimeout(ctx, guestStay)
	defer cancel()
	c, err := roam.Dial(dialling, hubs, hub.ClientConfig{Transport: intentra.Config{Key: key}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	topic, err := c.Declare(dialling, hub.Topic{Name: "guest"})
	if err != nil {
		return err
	}
	for _, pattern := range []string{"*/guest", "*/state"} {
		if _, err := c.Subscribe(dialling, hub.Subscription{Pattern: pattern, Cached: true, Handler: func(hub.Update) {}}); err != nil {
			return err
		}
	}
	for dialling.Err() == nil {
		if err := topic.Send([]byte("here")); err != nil {
			return err
		}
		sleep(dialling, guestEach)
	}
	return nil
}

// resubscribe has peers of the crowd subscribe to the guests, one after the other.
func (t *trial) resubscribe(ctx context.Context, n *churnCounts) {
	for i := 0; sleep(ctx, guestEach); i++ {
		s, err := t.crowd.clients[i%t.Peers].Subscribe(ctx, hub.Subscription{Pattern: "*/guest", Cached: true, Handler: func(hub.Update) {}})
		if err != nil {
			continue // its hub is away, or the trial has ended
		}
		n.subscriptions++
		sleep(ctx, guestEach)
		s.Close()
	}
}

// moves has peers of the crowd move to hubs that are up, one after the other.
func (t *trial) moves(ctx context.Context, n *churnCounts) {
	for i := 0; sleep(ctx, moveEach); i++ {
		list := t.hubList(false)
		err := t.crowd.clients[i%t.Peers].Move(ctx, list[0])
		switch {
		case ctx.Err() != nil:
		case err != nil:
			n.stayed++ // the hub has just ended
		default:
			n.moves++
		}
	}
}

// restarts ends hub 0, in turn by SIGKILL and SIGTERM, and starts it again with the same key.
func (t *trial) restarts(ctx context.Context, n *churnCounts) {
	for sleep(ctx, restartEach) {
		t.mu.Lock()
		h := t.hubs[0]
		t.away = true
		t.mu.Unlock()
		if n.restarts%2 == 1 {
			_ = h.Process.Signal(os.Interrupt) // it drains
			select {
			case <-h.lines:
			case <-time.After(2 * drainLimit):
			}
		}
		h.kill()
		if !sleep(ctx, restartGap) {
			return
		}
		again, err := t.start(nil, h.args...)
		if err != nil {
			n.err = err
			return
		}
		t.mu.Lock()
		t.hubs[0], t.away = again, false
		t.mu.Unlock()
		n.restarts++
	}
}

// drainLimit is how long a hub drains at most.
const drainLimit = 10 * time.Second

// hubList returns the hubs in random order. Hub 0 may be away.
func (t *trial) hubList(away bool) []hub.Address {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.anyHub(0)
	if t.away && !away {
		list = list[1:]
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// churnSample is what stays: all hubs but hub 0, and the NATS server.
type churnSample struct {
	heap       float64 // MiB in use in all hubs
	live       float64 // MiB of it that the latest garbage collections have left, stacks included
	memory     float64 // MiB resident in all hubs and the NATS server
	goroutines float64 // of all hubs
	entries    float64 // of the key-value store
}

// String returns the line of a sample.
func (s *churnSample) String() string {
	return fmt.Sprintf("heap %.1f MiB, live %.1f MiB, resident %.1f MiB, %.0f goroutines, %.0f entries of the key-value store", s.heap, s.live, s.memory, s.goroutines, s.entries)
}

func (t *trial) sample(ctx context.Context, js jetstream.JetStream, server *child) (s churnSample, err error) {
	t.mu.Lock()
	staying := append([]*child{server}, t.hubs[1:]...)
	t.mu.Unlock()
	for _, c := range staying {
		r, err := resident(c.Process.Pid)
		if err != nil {
			return s, err
		}
		s.memory += r
		if c == server {
			continue
		}
		m, err := c.gauges(ctx, "go_goroutines", "go_memstats_heap_inuse_bytes", "go_memstats_next_gc_bytes")
		if err != nil {
			return s, err
		}
		s.goroutines, s.heap = s.goroutines+m[0], s.heap+m[1]/(1<<20)
		s.live += m[2] / 2 / (1 << 20) // the next collection is at twice that
	}
	for _, name := range []string{"intentra-claims-default", "intentra-access-default"} {
		kv, err := js.KeyValue(ctx, name)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			continue
		}
		if err != nil {
			return s, err
		}
		state, err := kv.Status(ctx)
		if err != nil {
			return s, err
		}
		s.entries += float64(state.Values())
	}
	return s, nil
}

// resident returns the resident memory of a process in MiB.
func resident(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / (1 << 20), err
}

// gauges returns metrics of a hub that have no labels.
func (c *child) gauges(ctx context.Context, names ...string) ([]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	values, found := make([]float64, len(names)), 0
	for lines := bufio.NewScanner(io.LimitReader(answer.Body, maxStatus)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if i := slices.Index(names, name); i >= 0 {
			if values[i], err = strconv.ParseFloat(value, 64); err != nil {
				return nil, err
			}
			found++
		}
	}
	if found < len(names) {
		return nil, fmt.Errorf("trial: a hub does not have all of %v", names)
	}
	return values, nil
}

// judge compares the second quarter of the samples with the last one. Growth beyond what is
// usual between two quarters is an error.
func (t *trial) judge(all []churnSample) error {
	if len(all) < fewSamples {
		return fmt.Errorf("trial: %d samples in %v are too few to judge; give a longer --duration", len(all), t.Duration)
	}
	quarter := len(all) / 4
	early, late := all[quarter:2*quarter], all[len(all)-quarter:]
	var grown []string
	for _, v := range []struct {
		name  string
		of    func(churnSample) float64
		share float64 // of growth
		extra float64
	}{
		{"MiB of heap of hubs that stay", func(s churnSample) float64 { return s.heap }, 0.15, 2},
		{"MiB of it that collections leave", func(s churnSample) float64 { return s.live }, 0.1, 1},
		{"MiB resident of these and the NATS server", func(s churnSample) float64 { return s.memory }, 0.1, 8},
		{"goroutines of hubs that stay", func(s churnSample) float64 { return s.goroutines }, 0.1, 10},
		{"entries of the key-value store", func(s churnSample) float64 { return s.entries }, 0, 0},
	} {
		a, b := median(early, v.of), median(late, v.of)
		t.say("%s: %.1f in the second quarter, %.1f in the last", v.name, a, b)
		if b > a*(1+v.share)+v.extra {
			grown = append(grown, v.name)
		}
	}
	if len(grown) > 0 {
		return fmt.Errorf("trial: these have grown: %s", strings.Join(grown, ", "))
	}
	return nil
}

func median(samples []churnSample, of func(churnSample) float64) float64 {
	var list []float64
	for _, s := range samples {
		list = append(list, of(s))
	}
	slices.Sort(list)
	return list[len(list)/2]
}
