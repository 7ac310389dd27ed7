package sim_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/sim"
)

// largePair is a sender and a receiver of large messages, 10 ms apart, under the audit.
type largePair struct {
	t    *testing.T
	w    *sim.World
	a, b *sim.Node
	sent int
	got  []intentra.Message
	ages []time.Duration // of those, by what they say
}

func newLargePair(t *testing.T, seed uint64, loss float64, cfg intentra.Config) *largePair {
	p := &largePair{t: t, w: sim.New(seed)}
	p.w.Audit()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	cfg.Authorize = intentra.AllowAny
	var err error
	p.a, err = p.w.Node("a", netip.AddrPort{}, cfg)
	require.NoError(t, err)
	p.b, err = p.w.Node("b", netip.AddrPort{}, cfg)
	require.NoError(t, err)
	link := sim.Link{Delay: 10 * time.Millisecond, Jitter: time.Millisecond, MTU: 1500}
	p.w.SetDefault(link)
	require.NoError(t, p.a.Dial(p.b.Key()))
	_, up := p.w.Until(5*time.Second, func() bool { return p.a.Connected(p.b.Key()) && p.b.Connected(p.a.Key()) })
	require.True(t, up)
	link.Loss = loss
	p.w.SetDefault(link)
	p.b.OnMessage = func(_ intentra.PublicKey, m intentra.Message) {
		m.Payload = bytes.Clone(m.Payload)
		p.got = append(p.got, m)
		p.ages = append(p.ages, p.w.Elapsed()-time.Duration(binary.BigEndian.Uint64(m.Payload)))
	}
	return p
}

// send sends a message of n bytes that says when it was sent, and differs from all others.
func (p *largePair) send(channel uint32, intent intentra.Intent, n int) intentra.SendResult {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.BigEndian.PutUint64(b[i:], uint64(p.sent)<<32|uint64(i))
	}
	p.sent++
	binary.BigEndian.PutUint64(b, uint64(p.w.Elapsed()))
	return p.a.Send(p.b.Key(), intentra.Message{Channel: channel, Intent: intent, Payload: b})
}

func (p *largePair) run(d time.Duration) { require.NoError(p.t, p.w.Run(d)) }

// settle waits until everything Reliable is delivered.
func (p *largePair) settle(d time.Duration) time.Duration {
	took, _ := p.w.Until(d, func() bool { return p.w.Undelivered() == nil })
	require.NoError(p.t, p.w.Err())
	require.NoError(p.t, p.w.Undelivered())
	return took
}

func percentile(d []time.Duration, n int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Clone(d)
	slices.Sort(d)
	return d[(len(d)-1)*n/100]
}

// 20 KiB over loss: Reliable messages all arrive. The table is in docs/TESTING.md.
func TestLargeReliableOverLoss(t *testing.T) {
	for _, loss := range []int{0, 5, 10, 20} {
		t.Run(fmt.Sprint(loss, " %"), func(t *testing.T) {
			t.Parallel()
			p := newLargePair(t, 1, float64(loss)/100, intentra.Config{})
			const n = 50
			for range n {
				require.Equal(t, intentra.Queued, p.send(1, intentra.Reliable, 20<<10).Status)
				p.run(200 * time.Millisecond)
			}
			p.settle(10 * time.Second)
			require.Len(t, p.got, n)
			t.Logf("Reliable, %d %%: %d of %d, p50 %v, p99 %v", loss, len(p.got), n, percentile(p.ages, 50), percentile(p.ages, 99))
		})
	}
}

// 20 KiB at 10 Hz over loss: a Latest message arrives whole or not at all, and the newest
// one always does in the end.
func TestLargeStatesOverLoss(t *testing.T) {
	race.SkipHistory(t)
	for _, intent := range []intentra.Intent{intentra.Latest, intentra.Realtime} {
		for loss, least := range map[int][2]int{0: {200, 200}, 5: {195, 60}, 10: {185, 15}, 20: {120, 0}} {
			t.Run(fmt.Sprint(intent, " ", loss, " %"), func(t *testing.T) {
				t.Parallel()
				p := newLargePair(t, 1, float64(loss)/100, intentra.Config{})
				const n = 200
				for range n {
					require.NoError(t, p.send(1, intent, 20<<10).Err)
					p.run(100 * time.Millisecond)
				}
				p.run(3 * time.Second)
				require.GreaterOrEqual(t, len(p.got), least[intent%2])
				if intent == intentra.Latest {
					last := p.got[len(p.got)-1].Payload
					require.EqualValues(t, n-1, binary.BigEndian.Uint64(last[8:])>>32)
				}
				t.Logf("%v, %d %%: %d of %d, p50 %v, p99 %v", intent, loss, len(p.got), n, percentile(p.ages, 50), percentile(p.ages, 99))
			})
		}
	}
}

// A Reliable message of 1 MiB does not hold up small states of the same priority.
func TestSmallStatesDuringALargeMessage(t *testing.T) {
	race.SkipHistory(t)
	for _, loss := range []int{0, 10} {
		t.Run(fmt.Sprint(loss, " %"), func(t *testing.T) {
			t.Parallel()
			p := newLargePair(t, 1, float64(loss)/100, intentra.Config{MaxMessage: 1 << 20})
			var large []time.Duration
			states := func(d time.Duration, done func() bool) (ages []time.Duration) {
				p.got, p.ages = nil, nil
				for ; d > 0 && !done(); d -= 5 * time.Millisecond {
					require.NoError(t, p.send(2, intentra.Latest, 100).Err)
					p.run(5 * time.Millisecond)
				}
				for i, m := range p.got {
					if m.Intent == intentra.Reliable {
						large = append(large, p.ages[i])
					} else {
						ages = append(ages, p.ages[i])
					}
				}
				return ages
			}
			before := states(5*time.Second, func() bool { return false })
			require.Equal(t, intentra.Queued, p.send(1, intentra.Reliable, 1<<20).Status)
			start := p.w.Elapsed()
			during := states(10*time.Second, func() bool { return p.w.Undelivered() == nil })
			require.Len(t, large, 1)
			t.Logf("%d %%: 1 MiB took %v (%v); states p99 %v of %d before, %v of %d during", loss, large[0], p.w.Elapsed()-start,
				percentile(before, 99), len(before), percentile(during, 99), len(during))
			require.LessOrEqual(t, percentile(during, 99), percentile(before, 99)+5*time.Millisecond)
		})
	}
}
