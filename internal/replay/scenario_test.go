package replay_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// Each scenario is one that a recording must tell something of that is not in the
// datagrams.
func TestScenariosAreReplayed(t *testing.T) {
	for name, scenario := range map[string]func(t *testing.T, w *world){
		"slow reader": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{}, intentra.Config{})
			for i := range 60 {
				b.full = i%7 < 5
				a.push(p, uint32(i%2), intentra.Reliable, number(i))
				w.settle(4 * time.Millisecond)
			}
			b.full = false
			w.settle(time.Second)
			require.GreaterOrEqual(t, b.delivered, 60)
			require.Positive(t, b.counts("ack/receiver_full"))
		},
		"deliveries that are not taken": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{}, intentra.Config{})
			b.onMessage = func(*conn.Peer, *pipeline.Packet) { b.deaf = b.delivered%3 == 0 }
			for i := range 30 {
				a.push(p, 1, intentra.Realtime+intentra.Intent(i%3), number(i))
				w.settle(3 * time.Millisecond)
			}
			require.Positive(t, b.counts("dispatch/refused"))
		},
		"handler that sends and panics": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{}, intentra.Config{})
			b.onMessage = func(p *conn.Peer, pk *pipeline.Packet) {
				b.push2(p, number(b.delivered))
				if b.delivered%5 == 2 {
					panic("the user's")
				}
				b.push2(p, []byte("behind it"))
			}
			for i := range 40 {
				a.push(p, 1, intentra.Realtime+intentra.Intent(i%3), number(i))
				if i%4 == 0 {
					w.settle(3 * time.Millisecond)
				}
			}
			w.settle(300 * time.Millisecond)
			require.Positive(t, b.counts("dispatch/panic"))
			require.Positive(t, a.delivered)
		},
		"keys refused, and one that kills Authorize": func(t *testing.T, w *world) {
			refused, fatal := w.static(), w.static()
			b := w.side(intentra.Config{Authorize: func(k intentra.PublicKey) bool {
				if k == fatal.Public() {
					panic("the user's")
				}
				return k != refused.Public()
			}})
			a := w.side(intentra.Config{HandshakeTimeout: 2 * time.Second})
			bad, worse, good := a.dial(b, refused), a.dial(b, fatal), a.dial(b, a.static)
			w.settle(3 * time.Second)
			require.False(t, bad.Connected() || worse.Connected())
			require.True(t, good.Connected())
			require.Positive(t, b.core.Stats().Panics)
		},
		"several identities": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{}, intentra.Config{RekeyAfterPackets: 16})
			all := []*conn.Peer{p}
			for range 5 {
				all = append(all, a.dial(b, w.static()))
			}
			w.settle(100 * time.Millisecond)
			for i := range 100 {
				require.True(t, all[i%6].Connected())
				a.push(all[i%6], 1, intentra.Reliable, number(i))
				w.settle(2 * time.Millisecond)
			}
			require.Equal(t, 100, b.delivered)
		},
		"queues that overflow": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{SendQueueMessages: 5, ReliableQueueMessages: 4}, intentra.Config{})
			got := map[conn.PushResult]int{}
			for i := range 200 {
				got[a.push(p, uint32(i%3), intentra.Realtime+intentra.Intent(i/2%3), number(i))]++
				if i%20 == 0 {
					w.settle(3 * time.Millisecond)
				}
			}
			w.settle(200 * time.Millisecond)
			require.Positive(t, got[conn.Replaced])
			require.Positive(t, got[conn.QueueFull])
			require.Positive(t, b.delivered)
		},
		"closed and dialled again": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{}, intentra.Config{})
			for i := range 4 {
				a.push(p, 1, intentra.Reliable, number(i))
				w.settle(5 * time.Millisecond)
				a.core.ClosePeer(p, wire.CloseNormal, w.now)
				w.settle(50 * time.Millisecond)
				require.False(t, p.Connected())
				a.lost = i == 2 // a name that does not resolve
				a.dial(b, a.static)
				a.lost = false
				a.push(p, 1, intentra.Latest, []byte("held"))
				w.settle(100 * time.Millisecond)
			}
			require.True(t, p.Connected())
		},
		"forgotten": func(t *testing.T, w *world) {
			c := intentra.Config{IdleTimeout: 2 * time.Second, MaxPeers: 2}
			a, b, p := pair(w, c, c)
			a.core.ClosePeer(p, wire.CloseNormal, w.now)
			w.settle(5 * time.Second)
			require.Nil(t, a.core.Peer(b.static.Public()))
			again := a.dial(b, a.static)
			w.settle(100 * time.Millisecond)
			require.True(t, again.Connected())
			require.NotSame(t, p, again)
			a.push(again, 1, intentra.Realtime, nil)
			a.dial(b, w.static())
			_, err := a.core.DialAs(w.static(), b.static.Public(), w.now)
			require.ErrorIs(t, err, conn.ErrTooManyPeers)
			w.settle(100 * time.Millisecond)
			require.Positive(t, b.delivered)
		},
		"revoked": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{}, intentra.Config{})
			b.core.Revoke(a.static.Public(), w.now)
			w.settle(50 * time.Millisecond)
			require.False(t, p.Connected())
			a.dial(b, a.static)
			for len(b.jobs) == 0 {
				b.w.now += pipeline.Time(time.Millisecond)
				for _, s := range w.sides {
					s.turn()
				}
				for a.job() {
				}
				all := w.wire
				w.wire = nil
				for _, f := range all {
					w.arrive(f)
				}
			}
			b.core.Revoke(a.static.Public(), w.now) // while the worker is at it
			w.settle(200 * time.Millisecond)
			require.True(t, p.Connected(), "judged anew")
		},
		"ended in the middle": func(t *testing.T, w *world) {
			a, b, p := pair(w, intentra.Config{}, intentra.Config{})
			a.push(p, 1, intentra.Reliable, []byte("never sent"))
			b.push(b.peers[0], 1, intentra.Realtime, []byte("under way"))
			b.turn()
		},
		"from addresses with a zone": func(t *testing.T, w *world) {
			_, b, _ := pair(w, intentra.Config{}, intentra.Config{})
			for i := range 10 {
				from := netip.MustParseAddrPort(fmt.Sprintf("[fe80::%d%%eth0]:%d", i, i))
				w.arrive(flying{from, b.addr, make([]byte, i*100)})
				w.arrive(flying{netip.AddrPortFrom(netip.AddrFrom16(a6(i)), 5), b.addr, nil})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fixed())
			scenario(t, w)
			w.end()
			w.requireSame(options())
		})
	}
}

// a6 is an IPv4 address mapped into IPv6, as a socket for both yields it.
func a6(i int) [16]byte { return [16]byte{10: 0xff, 11: 0xff, 12: 10, 15: byte(i)} }

// push2 is a push from within the handler, where the core must not be called.
func (s *side) push2(p *conn.Peer, payload []byte) {
	if _, wake := p.Push(2, intentra.Latest, payload); wake {
		s.woken = append(s.woken, p)
	}
}

// counts returns how many were dropped for the reason.
func (s *side) counts(reason string) (n uint64) {
	s.core.Inbound().Publish()
	for _, d := range s.core.Inbound().Counts().Drops {
		if d.Stage+"/"+d.Reason == reason {
			n += d.Packets + d.Messages
		}
	}
	return n
}

// censor is a message stage that drops, and one that changes what goes out.
type censor struct{ n int }

func (c *censor) Name() string      { return "censor" }
func (c *censor) Reasons() []string { return []string{"too_short"} }
func (c *censor) Process(p *pipeline.Packet) pipeline.Verdict {
	if c.n++; c.n%3 == 0 {
		return pipeline.DropFirst
	}
	return pipeline.Accept
}

func censored(s *stages.Set) error {
	s.InsertAfter("ack", &censor{})
	s.Outbound.InsertBefore("pack", &censor{})
	return nil
}

// Stages of the user's are part of what is replayed, and must be there again.
func TestUsersStages(t *testing.T) {
	w := newWorld(t, fixed())
	a, b, p := pair(w, intentra.Config{Stages: censored}, intentra.Config{Stages: censored})
	for i := range 30 {
		a.push(p, 1, intentra.Realtime+intentra.Intent(i%3), number(i))
		w.settle(3 * time.Millisecond)
	}
	require.Positive(t, b.counts("censor/too_short"))
	w.end()
	w.requireSame(replay.Options{Stages: censored})

	c, err := journal.NewCapture(strings.NewReader(b.capture.String()))
	require.NoError(t, err)
	keys, err := journal.ParseKeys(strings.NewReader(b.keys.String()))
	require.NoError(t, err)
	_, err = replay.Run(c, replay.Options{Keys: keys})
	require.ErrorIs(t, err, replay.ErrStages)
	require.ErrorContains(t, err, "[cookie ratelimit header aead replay ack censor dispatch], here [cookie ratelimit header aead replay ack dispatch]")
}

// Suites, also where only one side takes the other's.
func TestSuitesAreReplayed(t *testing.T) {
	for _, suite := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		w := newWorld(t, fixed())
		c := intentra.Config{Suite: suite, Suites: []intentra.Suite{suite}, RekeyAfterPackets: 16}
		a, b, p := pair(w, c, c)
		for i := range 100 {
			a.push(p, 1, intentra.Reliable, number(i))
			w.settle(3 * time.Millisecond)
		}
		require.Equal(t, 100, b.delivered)
		require.Positive(t, a.core.Stats().Rekeys)
		w.end()
		w.requireSame(options())
	}
}

// A journal without its end, of a process that was killed, is replayed as far as it
// goes, and one of the keys that lags behind as far as those go.
func TestKilledRecording(t *testing.T) {
	s := states(t, 10)
	all := split(t, s.capture.Bytes())
	received := uint64(0)
	for n := 3; n < len(all); n++ { // behind its start, at every block
		res, differences := replayOf(t, join(all[:n]), s.keys.Bytes(), options())
		require.Empty(t, differences, "the first %d blocks of %d", n, len(all))
		require.False(t, res.Whole)
		received = uint64(res.Received)
	}
	require.Positive(t, received)

	_, err := replay.Run(mustCapture(t, join(all)), replay.Options{})
	require.ErrorIs(t, err, replay.ErrNoKeys)
}

func mustCapture(t testing.TB, b []byte) *journal.Capture {
	c, err := journal.NewCapture(strings.NewReader(string(b)))
	require.NoError(t, err)
	return c
}
