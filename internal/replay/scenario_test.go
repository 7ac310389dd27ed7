package replay_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/cookie"
)

// Each scenario depends on something that the recorded datagrams alone do not
// tell.
func TestScenariosAreReplayed(t *testing.T) {
	for name, scenario := range map[string]func(t *testing.T, w *world){
		"reader without room":                  slowReader,
		"Deliver refuses messages":             refusedDeliveries,
		"handler sends and panics":             panickingHandler,
		"Authorize refuses a key, and panics":  refusedKeys,
		"several identities":                   severalIdentities,
		"send queues overflow":                 overflowingQueues,
		"peer closed and dialled again":        closedAndDialledAgain,
		"peer forgotten":                       forgottenPeer,
		"key revoked":                          revokedKey,
		"closed with messages waiting":         closedWhileSending,
		"datagrams from addresses with a zone": zonedAddresses,
		"full send buffer, slow route":         fullSendBuffer,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			scenario(t, w)
			w.end()
			w.requireSame(options())
		})
	}
}

func fullSendBuffer(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	w.SetLink(a.Node, b.Node, sim.Link{Delay: time.Millisecond, Rate: 50_000, Queue: 1 << 20})
	a.SendBuffer = 30_000
	for i := range 1500 {
		a.push(p, uint32(i%5), pipeline.Realtime, make([]byte, 400))
		a.push(p, 9, anyIntent(i), number(i))
		w.run(time.Millisecond)
	}
	require.Positive(t, a.Stats().Refused)
	require.Positive(t, a.core.PeerFlight(p).Holds)
	flow, _ := p.QueueFlow()
	require.Positive(t, flow.Displaced)
}

func slowReader(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	for i := range 60 {
		b.full = i%7 < 5
		a.push(p, uint32(i%2), intentra.Reliable, number(i))
		w.run(4 * time.Millisecond)
	}
	b.full = false
	w.run(time.Second)
	require.GreaterOrEqual(t, b.delivered, 60)
	require.Positive(t, b.Drops("ack", "receiver_full"))
}

func refusedDeliveries(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	b.onMessage = func(*conn.Peer, *pipeline.Packet) { b.refuses = b.delivered%3 == 0 }
	for i := range 30 {
		a.push(p, 1, anyIntent(i), number(i))
		w.run(3 * time.Millisecond)
	}
	require.Positive(t, b.Drops("dispatch", "refused"))
}

func panickingHandler(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	b.onMessage = func(p *conn.Peer, pk *pipeline.Packet) {
		b.push(p, 2, intentra.Latest, number(b.delivered))
		if b.delivered%5 == 2 {
			panic("the handler's")
		}
		b.push(p, 2, intentra.Latest, []byte("another"))
	}
	for i := range 40 {
		a.push(p, 1, anyIntent(i), number(i))
		if i%4 == 0 {
			w.run(3 * time.Millisecond)
		}
	}
	w.run(300 * time.Millisecond)
	require.Positive(t, b.Drops("dispatch", "panic"))
	require.Positive(t, a.delivered)
}

func refusedKeys(t *testing.T, w *world) {
	refused, fatal := w.newIdentity(), w.newIdentity()
	elsewhere := w.node(intentra.Config{HandshakeTimeout: 2 * time.Second})
	b := w.node(intentra.Config{Authorize: func(_ context.Context, h intentra.Handshake) bool {
		if h.Key == fatal.Public() {
			panic("of Authorize")
		}
		return h.Key != refused.Public() && h.Addr != elsewhere.Addr()
	}})
	a := w.node(intentra.Config{HandshakeTimeout: 2 * time.Second})
	bad, worse, good := a.dial(b, refused), a.dial(b, fatal), a.dial(b, a.identity)
	far := elsewhere.dial(b, elsewhere.identity)
	w.run(3 * time.Second)
	require.False(t, bad.Connected() || worse.Connected() || far.Connected())
	require.True(t, good.Connected())
	require.Positive(t, b.Stats().Panics)
}

func severalIdentities(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{RekeyAfterPackets: 16})
	all := []*conn.Peer{p}
	for range 5 {
		all = append(all, a.dial(b, w.newIdentity()))
	}
	w.run(100 * time.Millisecond)
	for i := range 100 {
		require.True(t, all[i%6].Connected())
		a.push(all[i%6], 1, intentra.Reliable, number(i))
		w.run(2 * time.Millisecond)
	}
	require.Equal(t, 100, b.delivered)
}

func overflowingQueues(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{SendQueueMessages: 5, ReliableQueueMessages: 4}, intentra.Config{})
	results := map[conn.PushResult]int{}
	for i := range 200 {
		results[a.push(p, uint32(i%3), anyIntent(i/2), number(i))]++
		if i%20 == 0 {
			w.run(3 * time.Millisecond)
		}
	}
	w.run(200 * time.Millisecond)
	require.Positive(t, results[conn.Replaced])
	require.Positive(t, results[conn.QueueFull])
	require.Positive(t, b.delivered)
}

func closedAndDialledAgain(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	for i := range 4 {
		a.push(p, 1, intentra.Reliable, number(i))
		w.run(5 * time.Millisecond)
		a.closePeer(p)
		w.run(50 * time.Millisecond)
		require.False(t, p.Connected())
		if i == 2 {
			a.SetAddress(b.Key(), netip.AddrPort{}) // the first attempt does not resolve
		}
		a.dial(b, a.identity)
		w.run(time.Millisecond)
		a.SetAddress(b.Key(), b.Addr())
		a.push(p, 1, intentra.Latest, []byte("before the session"))
		w.run(400 * time.Millisecond)
	}
	require.True(t, p.Connected())
}

func forgottenPeer(t *testing.T, w *world) {
	c := intentra.Config{StrikeWindow: time.Second, ForgetAfter: 2 * time.Second, MaxPeers: 2}
	a, b, p := pair(w, c, c)
	a.closePeer(p)
	w.run(5 * time.Second)
	require.Nil(t, a.core.Peer(b.Key()))
	again := a.dial(b, a.identity)
	w.run(100 * time.Millisecond)
	require.True(t, again.Connected())
	require.NotSame(t, p, again)
	a.push(again, 1, intentra.Realtime, nil)
	a.dial(b, w.newIdentity())
	a.call(func(c *journal.Core, now pipeline.Time) {
		_, err := c.DialAs(w.newIdentity(), b.Key(), now)
		require.ErrorIs(t, err, conn.ErrTooManyPeers)
	})
	w.run(100 * time.Millisecond)
	require.Positive(t, b.delivered)
}

func revokedKey(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	revoke := func() {
		b.call(func(c *journal.Core, now pipeline.Time) { c.Revoke(a.Key(), now) })
	}
	revoke()
	w.run(50 * time.Millisecond)
	require.False(t, p.Connected())
	// While the worker has one of the handshake's jobs.
	b.JobDelay = 20 * time.Millisecond
	a.dial(b, a.identity)
	stop := w.Every(7*time.Millisecond, revoke)
	w.run(60 * time.Millisecond)
	stop()
	w.run(time.Second)
	require.True(t, p.Connected(), "Authorize is asked again")
}

func closedWhileSending(t *testing.T, w *world) {
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	b.push(b.peers[0], 1, intentra.Realtime, []byte("on the wire"))
	w.run(0)
	a.push(p, 1, intentra.Reliable, []byte("never sent"))
}

func zonedAddresses(t *testing.T, w *world) {
	_, b, _ := pair(w, intentra.Config{}, intentra.Config{})
	for i := range 10 {
		zoned := netip.MustParseAddrPort(fmt.Sprintf("[fe80::%d%%eth0]:%d", i, i))
		w.Inject(zoned, b.Addr(), make([]byte, i*100), 0)
		mapped := netip.AddrPortFrom(netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: 10, 15: byte(i)}), 5)
		w.Inject(mapped, b.Addr(), nil, 0)
	}
	w.run(time.Millisecond)
}

// anyIntent returns each of the intents in turn.
func anyIntent(i int) intentra.Intent { return intentra.Realtime + intentra.Intent(i%3) }

// dropEveryThird is a message stage of a user.
type dropEveryThird struct{ n int }

func (d *dropEveryThird) Name() string      { return "every_third" }
func (d *dropEveryThird) Reasons() []string { return []string{"dropped"} }
func (d *dropEveryThird) Process(p *pipeline.Packet) pipeline.Verdict {
	if d.n++; d.n%3 == 0 {
		return pipeline.DropFirst
	}
	return pipeline.Accept
}

func withUserStages(s *stages.Set) error {
	s.InsertAfter("ack", &dropEveryThird{})
	s.Outbound.InsertBefore("pack", &dropEveryThird{})
	return nil
}

// A recording made with stages of a user is replayed with the same stages, and
// refused without them.
func TestUserStages(t *testing.T) {
	w := newWorld(t, 1)
	a, b, p := pair(w, intentra.Config{Stages: withUserStages}, intentra.Config{Stages: withUserStages})
	for i := range 30 {
		a.push(p, 1, anyIntent(i), number(i))
		w.run(3 * time.Millisecond)
	}
	require.Positive(t, b.Drops("every_third", "dropped"))
	w.end()
	w.requireSame(replay.Options{Stages: withUserStages})

	keys, err := parse(b)
	require.NoError(t, err)
	_, err = replay.Run(mustCapture(t, b.capture.Bytes()), replay.Options{Keys: keys})
	require.ErrorIs(t, err, replay.ErrStages)
	standard := defaultStages(t)
	recorded := slices.Insert(slices.Clone(standard), slices.Index(standard, "ack")+1, "every_third")
	require.ErrorContains(t, err, fmt.Sprintf("inbound %v, here %v", recorded, standard))
}

// defaultStages returns the names of the inbound stages of every transport.
func defaultStages(t *testing.T) []string {
	set, err := stages.Default(stages.Config{Cookie: cookie.Config{Rand: rand.NewChaCha8([32]byte{})}})
	require.NoError(t, err)
	return set.Names()
}

func TestSuitesAreReplayed(t *testing.T) {
	for _, suite := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		w := newWorld(t, 1)
		c := intentra.Config{Suite: suite, Suites: []intentra.Suite{suite}, RekeyAfterPackets: 16}
		a, b, p := pair(w, c, c)
		for i := range 100 {
			a.push(p, 1, intentra.Reliable, number(i))
			w.run(3 * time.Millisecond)
		}
		require.Equal(t, 100, b.delivered)
		require.Positive(t, a.Stats().Rekeys)
		w.end()
		w.requireSame(options())
	}
}

// A recording that ends early, as that of a killed process does, is replayed as
// far as it goes.
func TestKilledRecording(t *testing.T) {
	s := states(t, 10)
	all := split(t, s.capture.Bytes())
	received := 0
	for n := 3; n < len(all); n++ { // every block after the start
		res, differences := replayOf(t, join(all[:n]), s.keys.Bytes(), options())
		require.Empty(t, differences, "the first %d blocks of %d", n, len(all))
		require.False(t, res.Whole)
		received = res.Received
	}
	require.Positive(t, received)

	_, err := replay.Run(mustCapture(t, join(all)), replay.Options{})
	require.ErrorIs(t, err, replay.ErrNoKeys)
}
