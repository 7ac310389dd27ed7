package load

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// The loads of tests are so low that no message may be lost.
const (
	fewPeers  = 4
	lowRate   = 400.0 // messages per second in all
	shortTime = 200 * time.Millisecond
)

// checkAll requires that n messages were offered and all that were sent arrived.
func checkAll(t *testing.T, p *Point, n uint64) {
	t.Helper()
	require.Equal(t, n, p.Offered)
	require.Equal(t, p.Offered-p.Skipped, p.Sent)
	require.Positive(t, p.Sent)
	require.Equal(t, p.Sent, p.Delivered)
	require.EqualValues(t, 1, p.Delivery)
	require.Equal(t, p.Delivered, p.LatencyUs.Samples)
	l := p.LatencyUs
	require.Positive(t, l.P50)
	require.LessOrEqual(t, l.P50, l.P90)
	require.LessOrEqual(t, l.P90, l.P99)
	require.LessOrEqual(t, l.P99, l.P999)
	require.LessOrEqual(t, l.P999, l.Max)
	require.GreaterOrEqual(t, p.MessagesPerDatagram, 0.5)
}

func TestEnvelope(t *testing.T) {
	for _, c := range []EnvelopeConfig{{}, {Way: ByBatch}, {Way: ByOne}} {
		t.Run(c.String(), func(t *testing.T) {
			b := testbed(t, fewPeers, 2, 1000)
			b.Sockets = 2
			e, err := OpenEnvelope(t.Context(), b, c)
			require.NoError(t, err)
			defer e.Close()
			require.NoError(t, e.Connect(t.Context()))
			require.Equal(t, fewPeers, e.Connected())
			for _, warmup := range []time.Duration{shortTime, 0} {
				p, err := e.Measure(t.Context(), lowRate, 64, warmup, shortTime)
				require.NoError(t, err)
				checkAll(t, p, 80)
				require.Equal(t, fewPeers, p.Peers)
				require.EqualValues(t, lowRate/fewPeers, p.Hz)
				require.EqualValues(t, lowRate, p.OfferedPPS)
				require.Equal(t, p.Delivered, e.Delivered())
			}
		})
	}
}

// A receiver that is too slow loses messages, which are counted by reason.
func TestOverloadNamesItsDrops(t *testing.T) {
	e, err := OpenEnvelope(t.Context(), testbed(t, 1, 1, 20_000), EnvelopeConfig{Way: ByOne, HandlerCost: 20 * time.Millisecond})
	require.NoError(t, err)
	defer func() {
		e.Close()
		require.Zero(t, e.Delivered(), "queued messages are not worked on")
	}()
	require.NoError(t, e.Connect(t.Context()))
	p, err := e.Measure(t.Context(), 20_000, 32, 0, 500*time.Millisecond)
	require.NoError(t, err)
	require.Less(t, p.Delivered, p.Sent)
	require.Less(t, p.Delivery, 1.0)
	require.Contains(t, p.Drops, "receive/overwritten")
}

// A message that the sender's own queue discards does not count as sent.
func TestSenderCountsItsOwnDrops(t *testing.T) {
	e, err := OpenEnvelope(t.Context(), testbed(t, 1, 1, 100), EnvelopeConfig{})
	require.NoError(t, err)
	defer e.Close()
	require.NoError(t, e.Connect(t.Context()))
	// Sixteen times the default PeerRate, to which the sender keeps.
	p, err := e.Measure(t.Context(), 160_000, 1000, 0, 500*time.Millisecond)
	require.NoError(t, err)
	require.Less(t, p.Sent, p.Offered-p.Skipped)
	require.LessOrEqual(t, p.Delivered, p.Sent)
	require.Equal(t, p.Offered-p.Skipped-p.Sent, p.SenderDrops["send/displaced"])
}

func TestFanout(t *testing.T) {
	b := testbed(t, fewPeers, 2, 100)
	b.Sockets = 2
	f, err := OpenFanout(t.Context(), b)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Connect(t.Context(), Limits{}))
	p, err := f.Measure(t.Context(), 100, 64, shortTime, shortTime)
	require.NoError(t, err)
	checkAll(t, p, fewPeers*20)
}

func TestRoundTrips(t *testing.T) {
	b := testbed(t, fewPeers, 1, 100)
	b.Spare = 8
	r, err := OpenRoundTrips(t.Context(), b)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Connect(t.Context()))
	check := func(trips Trips, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Positive(t, trips.Sent)
		require.LessOrEqual(t, trips.Sent, uint64(80))
		require.Equal(t, trips.Sent, trips.Back)
		require.Equal(t, trips.Back, trips.Times.Count())
	}
	for range 2 {
		check(r.Measure(t.Context(), lowRate, 64, shortTime))
		check(r.MeasurePlain(t.Context(), lowRate, 64, shortTime))
	}
	trips, dialled, err := r.MeasureConnecting(t.Context(), 20, lowRate, 64, shortTime)
	check(trips, err)
	require.LessOrEqual(t, dialled.Connected, uint64(4))
	require.Zero(t, dialled.Failed, dialled.Failure)
}

// Raised limits admit more dials than the defaults, and outcomes are counted by
// name.
func TestAdmission(t *testing.T) {
	a, err := OpenAdmission(t.Context(), testbed(t, 16, 2, 0))
	require.NoError(t, err)
	defer a.Close()
	r, err := a.Measure(t.Context(), 0, 4, time.Second)
	require.NoError(t, err)
	require.Positive(t, r.Handshakes)
	require.EqualValues(t, r.Handshakes, r.PerSecond)
	require.Contains(t, r.Outcomes, "started")
	require.Zero(t, r.Failed, r.Failure)
}

// A refused dial is reported with the number of its peer.
func TestDialsThatFail(t *testing.T) {
	t.Parallel() // it waits until a dial times out
	b := testbed(t, 1, 1, 0)
	a, err := OpenAdmission(t.Context(), b)
	require.NoError(t, err)
	defer a.Close()
	a.Peers = 2 // the second is not authorized
	e := &Envelope{Testbed: a.Testbed}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.ErrorContains(t, e.Connect(ctx), "peer 1")
}

func TestInterruptedMeasurement(t *testing.T) {
	e, err := OpenEnvelope(t.Context(), testbed(t, fewPeers, 2, 100), EnvelopeConfig{})
	require.NoError(t, err)
	defer e.Close()
	require.NoError(t, e.Connect(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := e.Measure(ctx, lowRate, 64, 0, time.Hour)
		ended <- err
	}()
	require.Eventually(t, func() bool { return e.Delivered() > 0 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestLimits(t *testing.T) {
	require.Equal(t, "none", Limits{}.String())
	l := LimitsFor(200_000, 20_000)
	for _, words := range []string{"HandshakeRate ", "MaxHandshakesPerAddress 4096 (default 1024)", "PeerRate 30000 (default 10000)", "PeerBurst 2000", "MaxPeers 200000"} {
		require.Contains(t, l.String(), words)
	}
	text, err := json.Marshal(LimitsFor(1, 1))
	require.NoError(t, err)
	require.NotContains(t, string(text), "PeerRate", "limits that are not raised are left out")
}

func TestIdentitiesAreDerivedFromTheSeed(t *testing.T) {
	s := NewSeed()
	require.Equal(t, s.Key(3), s.Key(3))
	require.NotEqual(t, s.Key(3), s.Key(4))
	require.NotEqual(t, s.Key(3), NewSeed().Key(3))
	allowed := s.Authorize(3)
	require.True(t, allowed(t.Context(), intentra.Handshake{Key: s.Key(2).Public()}))
	require.False(t, allowed(t.Context(), intentra.Handshake{Key: s.Key(3).Public()}))
}
