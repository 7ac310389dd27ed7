package intentra_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/keyledger"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/stages"
)

// Several goroutines send on each side over real sockets, while session keys change
// every 100 packets, the dialer's address changes, and both transports restart with
// their keys. No session key ever seals two packets with the same counter.
func TestNoCounterIsSealedTwice(t *testing.T) {
	ctx := loopback.Context(t)
	ledger, starts := keyledger.New(), 0
	config := func(name string, key intentra.PrivateKey) intentra.Config {
		starts++
		owner := ledger.Owner(fmt.Sprintf("%s, start %d", name, starts))
		return loopback.QuickDetection(intentra.Config{
			Key: key, RekeyAfterPackets: 100, Handler: func(intentra.Received) {},
			Stages: func(s *stages.Set) error { s.Seal.Observe(owner); return nil },
		})
	}
	here, there, addr := loopback.Key(t), loopback.Key(t), loopback.Address().String()
	l := loopback.ListenOn(t, addr, config("listener", here))
	r := loopback.NewNAT(t, l.LocalAddr())
	p := loopback.DialAddr(t, r.Addr(), here.Public(), config("dialer", there))

	var rekeys, roams, out uint64
	retire := func(tr *intentra.Transport) {
		require.NoError(t, tr.Close())
		s := tr.Stats()
		rekeys, roams, out = rekeys+s.Rekeys, roams+s.Roams, out+s.PacketsOut
	}
	for round := range 3 {
		theirs, err := l.Dial(ctx, p.Transport().LocalAddr().String(), there.Public())
		require.NoError(t, err, "also if it is connected already")
		sendFromBothSides(t, p, theirs)
		r.Rebind(t)
		sendFromBothSides(t, p, theirs)
		// From the second round on the listener may have dialled the session,
		// which then does not pass through the NAT.
		for p.Transport().Stats().Rekeys < 2 || round == 0 && l.Stats().Roams == 0 {
			require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: make([]byte, 700)}))
		}
		// Restart one side, then the other, and at last both, which with fixed
		// random bytes would use the same session keys again.
		if round != 1 {
			retire(l)
			l = loopback.ListenOn(t, addr, config("listener", here))
		}
		if round != 0 {
			retire(p.Transport())
			p = loopback.DialAddr(t, r.Addr(), here.Public(), config("dialer", there))
		}
		require.NoError(t, p.SendWait(ctx, loopback.Reliable("it is back")))
		loopback.Eventually(t, ctx, "the session is back", func() bool { return len(l.Peers()) == 1 })
	}
	retire(p.Transport())
	retire(l)

	require.GreaterOrEqual(t, rekeys, uint64(3*2))
	require.NotZero(t, roams)
	require.Greater(t, ledger.Keys(), int(rekeys))
	require.LessOrEqual(t, ledger.Seals(), out, "other packets are handshakes")
	require.Greater(t, ledger.Seals(), out/2)
	require.Empty(t, ledger.Faults())
	t.Logf("%d keys, %d packets, %d rekeys, %d moves", ledger.Keys(), ledger.Seals(), rekeys, roams)
}

// sendFromBothSides sends messages of all intents from three goroutines on each
// side.
func sendFromBothSides(t *testing.T, sides ...*intentra.Peer) {
	ctx := loopback.Context(t)
	var all sync.WaitGroup
	for _, p := range sides {
		for g := range uint32(3) {
			all.Go(func() {
				for i := range 300 {
					m := intentra.Message{Channel: g, Intent: intents[i%len(intents)], Payload: make([]byte, 700)}
					if p.SendWait(ctx, m) != nil {
						return
					}
				}
			})
		}
	}
	all.Wait()
	require.NoError(t, ctx.Err())
}
