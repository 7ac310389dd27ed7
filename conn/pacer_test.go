package conn_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
)

// A sender with a full queue keeps to the rate that the receiver has announced,
// so that the receiver drops nothing, and uses that rate.
func TestPacing(t *testing.T) {
	race.SkipHistory(t)
	for _, tt := range []struct{ rate, burst int }{{10_000, 500}, {10_000, 4}, {1000, 50}, {50, 20}} {
		t.Run(fmt.Sprint(tt.rate), func(t *testing.T) {
			w := newWorld(t, 1)
			w.setLink(sim.Link{Delay: 5 * time.Millisecond, Jitter: 200 * time.Microsecond})
			a := w.node()
			b := w.node(func(c *conn.Config) { c.PeerRate, c.PeerBurst = tt.rate, tt.burst })
			a.dial(b)
			w.await(time.Second, func() bool { return bothUp(a, b) })
			w.run(time.Second)
			start := w.Now()
			var sent []time.Duration
			w.tap = func(from, _ netip.AddrPort, _ []byte) bool {
				if from == a.Addr() {
					sent = append(sent, time.Duration(w.Now()-start))
				}
				return true
			}
			var fill func()
			fill = func() {
				for {
					if state, _ := a.peer(b).Queued(); state >= 200 {
						break
					}
					a.queue(b, 1, pipeline.Realtime, number(0, 1100))
				}
				a.turn()
				w.After(2*time.Millisecond, fill)
			}
			fill()
			w.run(3 * time.Second)
			require.Zero(t, b.drops("ratelimit/peer_rate"))
			require.InEpsilon(t, tt.rate, during(sent, time.Second, 3*time.Second)/2, 0.0201)
			// No window of 100 ms has more packets than the burst and the rate
			// allow.
			first := 0
			for last, at := range sent {
				for at-sent[first] > 100*time.Millisecond {
					first++
				}
				require.LessOrEqual(t, last-first+1, tt.burst+tt.rate/10)
			}
		})
	}
}

func during(times []time.Duration, from, to time.Duration) (n int) {
	for _, at := range times {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// A peer that ignores the rate is limited to it, and the other peers are not
// affected.
func TestReceiverHoldsAPeerToItsRate(t *testing.T) {
	race.SkipHistory(t)
	w := newWorld(t, 2)
	b := w.node()
	bad, good := w.node(), w.node()
	bad.dial(b)
	good.dial(b)
	w.run(time.Second)
	bad.session(b).SetPacing(1_000_000, 1000) // it ignores what b has announced
	goodSent := 0
	for start := w.Now(); w.Now() < start+pipeline.Time(time.Second); {
		for range 10 {
			bad.queue(b, 1, pipeline.Realtime, number(0, 1100))
		}
		bad.turn()
		if goodSent < 5*int(time.Duration(w.Now()-start)/time.Millisecond) {
			good.push(b, 2, pipeline.Realtime, "x")
			goodSent++
		}
		w.run(200 * time.Microsecond)
	}
	w.run(time.Second)
	var fromBad, fromGood int
	for _, m := range b.got {
		if m.channel == 1 {
			fromBad++
		} else {
			fromGood++
		}
	}
	require.InDelta(t, 10_500, fromBad, 150)
	require.Equal(t, goodSent, fromGood)
	require.Greater(t, b.drops("ratelimit/peer_rate"), uint64(30_000))
}

// A sender with a full queue keeps to the rates of messages and bytes that the receiver
// has announced, so that the receiver drops nothing, and uses them.
func TestPacingOfWhatPacketsContain(t *testing.T) {
	race.SkipHistory(t)
	for _, tt := range []struct {
		name            string
		messages, bytes int // announced
		size            int
		intent          pipeline.Intent
		want            int // messages/s
	}{
		{"messages", 20_000, 0, 8, pipeline.Realtime, 20_000},
		{"few messages", 20, 0, 8, pipeline.Realtime, 20},
		{"reliable", 5000, 0, 16, pipeline.Reliable, 5000},
		{"bytes", 0, 1 << 20, 1000, pipeline.Realtime, 1 << 20 / 1000},
		{"few bytes", 0, 1 << 16, 200, pipeline.Realtime, 1 << 16 / 200},
		{"priorities", 20_000, 0, 8, pipeline.Realtime, 20_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			priorities := []pipeline.Priority{pipeline.Normal}
			if tt.name == "priorities" {
				priorities = []pipeline.Priority{pipeline.Low, pipeline.High}
			}
			w := newWorld(t, 1)
			w.setLink(sim.Link{Delay: time.Millisecond, Jitter: 200 * time.Microsecond})
			a := w.node()
			b := w.node(func(c *conn.Config) { c.PeerMessageRate, c.PeerByteRate = tt.messages, tt.bytes })
			a.dial(b)
			w.await(time.Second, func() bool { return bothUp(a, b) })
			var fill func()
			fill = func() {
				state, reliable := a.peer(b).Queued()
				for i := range 200 - state - reliable {
					a.peer(b).Push(&conn.Message{
						Channel: uint32(i), Intent: tt.intent, Priority: priorities[i%len(priorities)], Payload: []byte(number(0, tt.size)),
					})
				}
				a.do(func(e *conn.Endpoint, _ pipeline.Time) { e.MarkReady(a.peer(b)) })
				a.turn()
				w.After(5*time.Millisecond, fill)
			}
			fill()
			w.run(2 * time.Second) // beyond the burst
			before := len(b.got)
			w.run(3 * time.Second)
			require.Zero(t, b.drops("ratelimit/message_rate"))
			require.Zero(t, b.drops("ratelimit/byte_rate"))
			require.InEpsilon(t, tt.want, (len(b.got)-before)/3, 0.06)
		})
	}
}
