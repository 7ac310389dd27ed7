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

// slowApp is an application that does not keep up: it never reads the messages of
// one peer, or has a Handler that does not return.
type slowApp struct {
	*intentra.Transport
	hold, held chan struct{} // block the Handler at the message "stop", and tell that it is blocked
}

// newSlowApp opens a transport, with a Handler if handler is not nil.
func newSlowApp(t testing.TB, handler func(s *slowApp, m intentra.Received)) *slowApp {
	s := &slowApp{hold: make(chan struct{}), held: make(chan struct{})}
	cfg := intentra.Config{}
	// Datagrams that wait in the kernel must not be dropped as stale.
	cfg.Socket.MaxQueueDelay = -1
	if handler != nil {
		cfg.Handler = func(m intentra.Received) { handler(s, m) }
	}
	s.Transport = loopback.Listen(t, cfg)
	return s
}

// If the application does not read a peer's messages, that peer's states are
// overwritten and counted, and other peers are not affected. The watchdog counts a
// Handler that does not return. Send still does not block, and no Reliable
// message is lost.
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
	report(t, 23, "slow reader: %d of its peer's states overwritten (receive_drops), its Reliable ones refused (ack/receiver_full), honest peers 0; slow Handler: %d sends during the call, slow_handler_calls %d; honest Reliable delivery %s without, %s and %s with",
		lost, calls, slow, percent(float64(baseline)/float64(n)), percent(float64(honest)/float64(2*n)), percent(float64(others)/float64(2*n)))
}

// unread floods the transport from a peer whose messages are never read, next to two
// honest peers whose messages are.
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
	loopback.Eventually(t, ctx, "both receive rings of the unread peer are full", full)
	for range 2 {
		p := loopback.Dial(t, s.Transport, intentra.Config{})
		reader := peerOf(t, ctx, s.Transport, p)
		honest += stream(t, ctx, p, n, reader.Receive)
		require.Zero(t, reader.Stats().ReceiveDrops)
	}
	stop()
	all.Wait()
	// The unread peer's messages beyond those in its rings are counted as dropped,
	// and no messages of other peers.
	loopback.Eventually(t, ctx, "the counters agree", func() bool {
		return s.Stats().ReceiveDrops == ignored.Stats().ReceiveDrops &&
			s.Stats().ReceiveDrops+2*intentra.DefaultReceiveQueue+uint64(honest) == s.Stats().MessagesIn
	})
	return s.Stats().ReceiveDrops, honest
}

// stopped blocks the loop in the Handler until messages from and to other peers are
// queued.
func stopped(t *testing.T, ctx context.Context, n int) (calls int, slow uint64, arrived int) {
	got := make(chan string, 3*n)
	s := newSlowApp(t, func(s *slowApp, m intentra.Received) {
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
		// Send does not block, neither towards the blocked transport nor on it.
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
