package threat

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// slowApp is an application that does not keep up. One never reads what one of
// its peers sends; the other has a Handler that does not return.
type slowApp struct {
	*intentra.Transport
	hold, held chan struct{} // of the Handler, at the message that says "stop"
}

// newSlowApp has a Handler if it is to be slow there.
func newSlowApp(t testing.TB, handler func(s *slowApp, p *intentra.Peer, m intentra.Message)) *slowApp {
	s := &slowApp{hold: make(chan struct{}), held: make(chan struct{})}
	cfg := intentra.Config{}
	// Of what waits in the kernel meanwhile nothing is to be too old.
	cfg.Socket.MaxQueueDelay = -1
	if handler != nil {
		cfg.Handler = func(p *intentra.Peer, m intentra.Message) { handler(s, p, m) }
	}
	s.Transport = loopback.Listen(t, cfg)
	return s
}

// A peer that nobody reads loses its own states, counted, and no other peer loses
// or waits for anything. A Handler that does not return is counted by the
// watchdog; meanwhile no rawDialer of Send waits, and afterwards nothing Reliable is
// missing.
func TestThreat23SlowApplication(t *testing.T) {
	ctx := loopback.Context(t)
	n := 300
	if testing.Short() {
		n /= 10
	}
	quiet := newSlowApp(t, nil)
	q := loopback.Dial(t, quiet.Transport, intentra.Config{})
	baseline := stream(t, ctx, q, n, peerOf(t, ctx, quiet.Transport, q).Receive)

	lost, honest := unread(t, ctx, n)
	calls, slow, others := stopped(t, ctx, n)
	report(t, 23, "slow reader: %d of its peer's states overwritten (receive_drops), its Reliable ones refused (ack/receiver_full), honest peers 0; slow Handler: %d sends meanwhile, slow_handler_calls %d; honest Reliable delivery %s without, %s and %s with",
		lost, calls, slow, percent(float64(baseline)/float64(n)), percent(float64(honest)/float64(2*n)), percent(float64(others)/float64(2*n)))
}

// unread floods a reader who never comes, by a peer beside two honest ones who
// are read.
func unread(t *testing.T, ctx context.Context, n int) (lost uint64, honest int) {
	s := newSlowApp(t, nil)
	flood := loopback.Dial(t, s.Transport, intentra.Config{})
	ignored := peerOf(t, ctx, s.Transport, flood)
	var all sync.WaitGroup
	defer all.Wait()
	flooding, stop := context.WithCancel(ctx)
	defer stop()
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Reliable} {
		all.Go(func() {
			for flood.SendWait(flooding, intentra.Message{Channel: 1, Intent: intent, Payload: make([]byte, 100)}) == nil {
			}
		})
	}
	full := func() bool {
		return ignored.Stats().ReceiveDrops > 0 && dropped(s.Transport, "ack", "receiver_full") > 0
	}
	loopback.Eventually(t, ctx, "both rings of the one who is not read are full", full)
	for range 2 {
		p := loopback.Dial(t, s.Transport, intentra.Config{})
		reader := peerOf(t, ctx, s.Transport, p)
		honest += stream(t, ctx, p, n, reader.Receive)
		require.Zero(t, reader.Stats().ReceiveDrops)
	}
	stop()
	all.Wait()
	// What the flood has had delivered, less what is still in the rings, is lost
	// and counted, and nothing of anybody else.
	loopback.Eventually(t, ctx, "the counters agree", func() bool {
		return s.Stats().ReceiveDrops == ignored.Stats().ReceiveDrops &&
			s.Stats().ReceiveDrops+2*intentra.DefaultReceiveQueue+uint64(honest) == s.Stats().MessagesIn
	})
	return s.Stats().ReceiveDrops, honest
}

// stopped has the Handler stop the loop until messages from and for others wait.
func stopped(t *testing.T, ctx context.Context, n int) (calls int, slow uint64, arrived int) {
	got := make(chan string, 3*n)
	s := newSlowApp(t, func(s *slowApp, _ *intentra.Peer, m intentra.Message) {
		if string(m.Payload) == "stop" {
			s.held <- struct{}{}
			for begin := time.Now(); time.Since(begin) <= 2*time.Millisecond; {
			}
			<-s.hold
			return
		}
		got <- string(m.Payload)
	})
	a, b := loopback.Dial(t, s.Transport, intentra.Config{}), loopback.Dial(t, s.Transport, intentra.Config{})
	back := []*intentra.Peer{peerOf(t, ctx, s.Transport, a), peerOf(t, ctx, s.Transport, b)}
	before := s.Stats().SlowHandlerCalls
	message := func(payload string) intentra.Message {
		return intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte(payload)}
	}
	require.NoError(t, a.SendWait(ctx, message("stop")))
	loopback.Next(t, ctx, s.held)
	for range n {
		// Neither those who send to the stopped loop nor those who have it send
		// wait for anything: these calls return.
		for _, p := range []*intentra.Peer{a, b, back[0], back[1]} {
			require.Equal(t, intentra.Queued, p.Send(message("state")).Status)
			calls++
		}
	}
	close(s.hold)
	for range 2 * n {
		require.Equal(t, "state", loopback.Next(t, ctx, got))
		arrived++
	}
	for _, p := range []*intentra.Peer{a, b} {
		for range n {
			_, err := p.Receive(ctx)
			require.NoError(t, err)
		}
	}
	loopback.Eventually(t, ctx, "the watchdog has counted", func() bool { return s.Stats().SlowHandlerCalls > before })
	return calls, s.Stats().SlowHandlerCalls - before, arrived
}
