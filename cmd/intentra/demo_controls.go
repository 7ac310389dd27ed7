package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/internal/load"
)

// Settings implements [console.Controls].
func (s *show) Settings() []console.Setting {
	attack := 0.0
	if s.attack.Load() {
		attack = 1
	}
	return []console.Setting{
		{Name: "peers", Label: "Peers", Min: 2, Max: float64(len(s.peers)), Step: 1, Value: float64(s.wanted.Load())},
		{Name: "rate", Label: "Rate of each", Unit: "/s", Min: 0, Max: max(300, 2*s.Rate), Step: 1, Value: math.Float64frombits(s.rate.Load())},
		{Name: "loss", Label: "Loss, each way", Unit: "%", Min: 0, Max: 50, Step: 1, Value: float64(s.relays.loss.Load()) / 1e4},
		{Name: "delay", Label: "Delay, each way", Unit: "ms", Min: 0, Max: 500, Step: 5, Value: float64(s.relays.delay.Load()) / 1e6},
		{Name: "attack", Label: "Attack", Min: 0, Max: 1, Step: 1, Value: attack},
		{Name: "kill", Label: "Kill a peer"},
		{Name: "restart", Label: "Restart the hub"},
	}
}

var errControl = errors.New("there is no such control")

// Set implements [console.Controls].
func (s *show) Set(name string, value float64) error {
	for _, c := range s.Settings() {
		if c.Name != name {
			continue
		}
		if c.Max > c.Min && !(value >= c.Min && value <= c.Max) {
			return fmt.Errorf("%s is from %v to %v", name, c.Min, c.Max)
		}
		s.set(name, value)
		return nil
	}
	return errControl
}

func (s *show) set(name string, value float64) {
	switch name {
	case "peers":
		s.wanted.Store(int64(value))
		s.later(s.adjust)
	case "rate":
		s.rate.Store(math.Float64bits(value))
	case "loss":
		s.relays.loss.Store(uint64(value * 1e4))
	case "delay":
		s.relays.delay.Store(int64(value * 1e6))
	case "attack":
		s.attack.Store(value == 1)
		s.events.Add("demo", map[bool]string{true: "the attack begins", false: "the attack ends"}[value == 1])
	case "kill":
		s.later(s.kill)
	case "restart":
		s.later(s.restart)
	}
}

// later makes a change in the background, after the one before.
func (s *show) later(change func()) {
	if s.ctx.Err() != nil {
		return
	}
	s.tasks.Go(func() {
		s.changing.Lock()
		defer s.changing.Unlock()
		if s.ctx.Err() == nil {
			change()
		}
	})
}

// adjust adds or removes peers until there are as many as wanted.
func (s *show) adjust() {
	ctx, cancel := context.WithTimeout(s.ctx, changePatience)
	defer cancel()
	n, want := int(s.active.Load()), int(s.wanted.Load())
	for ; n > want; n-- {
		s.active.Store(int64(n - 1))
		if p := s.peers[n-1].Load(); p != nil {
			_ = p.client.Shutdown(ctx) // it ends either way
			p.route.close()
		}
	}
	if n < want && s.dialAll(n, want, s.dial) {
		s.awaitSubscribed(want)
		s.active.Store(int64(want))
	}
}

// dialAll connects the peers from first to want with dial, which it tries again if some cannot connect in
// time, as on a machine that is busy. It stops when another number is wanted, or
// the demo ends, and reports whether all are connected.
func (s *show) dialAll(first, want int, dial func(ctx context.Context, i int) error) bool {
	connected := make([]bool, want)
	for {
		ctx, cancel := context.WithTimeout(s.ctx, changePatience)
		err := load.Parallel(ctx, want-first, dialsAtOnce, func(ctx context.Context, i int) (err error) {
			if i += first; !connected[i] {
				err = dial(ctx, i)
				connected[i] = err == nil
			}
			return err
		})
		cancel()
		if err == nil {
			return true
		}
		if s.ctx.Err() == nil {
			s.events.Add("demo", "some peers are not connected yet: "+err.Error())
		}
		if !load.Sleep(s.ctx, dialPause) || int(s.wanted.Load()) != want {
			break
		}
	}
	for i, ok := range connected {
		if ok {
			s.peers[i].Load().close()
		}
	}
	return false
}

// awaitSubscribed waits until the states of the first want peers go to all of them, but not for
// longer than changePatience: a state that is sent before would miss some of them.
func (s *show) awaitSubscribed(want int) {
	ctx, cancel := context.WithTimeout(s.ctx, changePatience)
	defer cancel()
	for {
		alive := want
		for i := range want {
			if p := s.peers[i].Load(); p != nil && p.killed.Load() {
				alive--
			}
		}
		if subscribed(s.hub.Load().Topics(), alive) || !load.Sleep(ctx, subscribedInterval) {
			return
		}
	}
}

// kill cuts the path of the last peer that is still heard, as if it had lost power.
func (s *show) kill() {
	for i := int(s.active.Load()) - 1; i > 0; i-- { // the attacker uses the path of the first
		if p := s.peers[i].Load(); p != nil && !p.killed.Swap(true) {
			s.events.Add("demo", fmt.Sprintf("peer-%03d is killed", i+1))
			p.route.close()
			return
		}
	}
}

// restart closes the hub, and starts another at the same address with the same key.
func (s *show) restart() {
	old := s.hub.Load()
	addr := old.Transport().LocalAddr().String()
	s.events.Add("demo", "the hub restarts")
	_ = old.Close()       // its transport ends either way
	s.received.count(old) // the last time
	for range restartAttempts {
		err := s.listen(addr)
		if err == nil || s.ctx.Err() != nil {
			return
		}
		s.events.Add("demo", err.Error())
		load.Sleep(s.ctx, restartInterval)
	}
}
