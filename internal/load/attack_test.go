package load

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// openAttack connects a few peers.
func openAttack(t *testing.T) *Attack {
	t.Helper()
	b := testbed(t, 3, 0, 0)
	b.Limits, b.Spare = Limits{}, 16
	a, err := OpenAttack(t.Context(), b, AttackConfig{Hz: 50, Size: 64, Flood: 500, Handshakes: 20, Addresses: 4})
	require.NoError(t, err)
	t.Cleanup(a.Close)
	require.NoError(t, a.Connect(t.Context()))
	require.Equal(t, 3, a.Connected())
	return a
}

// checkHonest requires that every message that was sent has arrived and was
// measured.
func checkHonest(t *testing.T, p *Phase, victim, others uint64) {
	t.Helper()
	require.Equal(t, victim, p.Victim.Offered)
	require.Equal(t, others, p.Others.Offered)
	for _, h := range []HonestShare{p.Victim, p.Others} {
		require.Equal(t, h.Offered-h.Skipped, h.Sent)
		require.Equal(t, h.Sent, h.Delivered)
		require.Equal(t, h.Delivered, h.LatencyUs.Samples)
	}
}

// The stage that stops a flood counts each of its datagrams, and no honest
// message is lost.
func TestAttack(t *testing.T) {
	a := openAttack(t)
	const duration = 400 * time.Millisecond
	for _, tt := range []struct {
		kind AttackKind
		drop string
	}{{Idle, ""}, {Forged, "aead/forged"}, {Replayed, "replay/replayed"}, {Idle, ""}} {
		p, err := a.Measure(t.Context(), tt.kind, duration)
		require.NoError(t, err)
		require.Equal(t, tt.kind, p.Kind)
		checkHonest(t, p, 20, 40)
		require.Zero(t, p.Strikes)
		require.Empty(t, p.Closes)
		if tt.drop == "" {
			require.Nil(t, p.Attack)
			continue
		}
		require.Positive(t, p.Attack.Sent)
		require.Equal(t, p.Attack.Offered-p.Attack.Skipped, p.Attack.Sent)
		require.Equal(t, p.Attack.Sent, p.Drops[tt.drop])
	}
	require.Equal(t, 3, a.Connected())
}

// Handshakes that the endpoint admits are completed, and its counts agree with
// those of the callers.
func TestHandshakesFlood(t *testing.T) {
	a := openAttack(t)
	p, err := a.Measure(t.Context(), Handshakes, time.Second)
	require.NoError(t, err)
	checkHonest(t, p, 50, 100)
	sent := p.Attack.Sent
	require.Positive(t, sent)
	require.LessOrEqual(t, sent, uint64(20))
	require.LessOrEqual(t, p.Attack.Confirmed, p.Attack.Finals)
	require.LessOrEqual(t, p.Attack.Finals, p.Attack.Proved)
	require.LessOrEqual(t, p.Attack.Proved, sent)
	require.Equal(t, sent, p.Cookies)
	accepted := p.Handshakes[acceptedOutcome]
	require.LessOrEqual(t, accepted, sent)
	require.GreaterOrEqual(t, accepted, p.Attack.Confirmed)
	require.Positive(t, accepted)
	require.EqualValues(t, p.Handshakes[acceptedOutcome], p.Admitted(time.Second))
	require.Equal(t, 3+min(int(accepted), 16), a.Connected(), "a session for each identity")
}

// A caller without an authorized key is not confirmed, which is not an error.
func TestUnauthorizedCallers(t *testing.T) {
	a := openAttack(t)
	c := &Caller{ctx: t.Context()}
	defer func() { require.NoError(t, c.Close()) }()
	var addresses int
	calls := Calls{Addr: a.Transport.LocalAddr(), Server: a.Transport.PublicKey(), Seed: NewSeed(), Identities: 2, Addresses: 1}
	require.NoError(t, c.Open(calls, &addresses))
	require.Equal(t, 1, addresses)
	for range 4 {
		require.NoError(t, c.begin())
	}
	refused := func() bool { return outcomes(a.Transport)["refused"] == 4 }
	require.Eventually(t, refused, patience, time.Millisecond)
	require.Zero(t, c.tally.Confirmed)
	require.Zero(t, outcomes(a.Transport)[acceptedOutcome]-3)
}

// There is nothing to forge before the peer has sent a datagram.
func TestObserverWithoutCapture(t *testing.T) {
	o := &Observer{ctx: t.Context(), path: newOnPath(t).path}
	require.ErrorIs(t, o.Inject(Injection{Rate: 1, Duration: time.Second}, new(Attacked)), errNothingCaptured)
	require.NoError(t, new(Observer).Close(), "it was never opened")
}

func TestInterruptedAttack(t *testing.T) {
	for _, kind := range []AttackKind{Forged, Handshakes} {
		t.Run(string(kind), func(t *testing.T) {
			a := openAttack(t)
			_, err := a.Measure(t.Context(), Idle, 50*time.Millisecond)
			require.NoError(t, err)
			drops := DropsOf(a.Transport.Stats())
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := a.Measure(ctx, kind, time.Minute)
				ended <- err
			}()
			attacked := func() bool {
				return len(DropsOf(a.Transport.Stats()).Since(drops)) > 0 || outcomes(a.Transport)[acceptedOutcome] > 3
			}
			require.Eventually(t, attacked, patience, time.Millisecond)
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		})
	}
}

func TestRisenCounters(t *testing.T) {
	before := []intentra.NamedCount{{Name: "a", Count: 3}, {Name: "b", Count: 1}}
	after := []intentra.NamedCount{{Name: "a", Count: 5}, {Name: "b", Count: 1}, {Name: "c", Count: 2}}
	require.Equal(t, map[string]uint64{"a": 2, "c": 2}, risen(before, after))
}
