package intentra_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/loopback"
)

// Two transports of one machine have the same clock, so its offset is zero within the
// bound, and ages are positive. With -v it prints the row of docs/TESTING.md.
func TestClockOverLoopback(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{Handler: func(m intentra.Received) { m.Peer.Send(m.Message) }})
	ages := make(chan intentra.Received)
	p := loopback.Dial(t, l, intentra.Config{Handler: func(m intentra.Received) {
		m.Payload = nil
		ages <- m
	}})
	before := time.Now()
	known := 0
	var ahead, within time.Duration
	for ok := false; known < 20 || !ok; ahead, within, ok = p.Clock() {
		require.NoError(t, p.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Stamp: true}))
		var m intentra.Received
		select {
		case m = <-ages:
		case <-ctx.Done():
			require.FailNow(t, "no clock", "%v", context.Cause(ctx))
		}
		if !m.Stamp {
			continue // the listener passes on a stamp once it knows the clock, and so do we
		}
		known++
		require.GreaterOrEqual(t, m.Age, -m.Within)
		require.LessOrEqual(t, m.Age-m.Within, time.Since(before))
	}
	require.LessOrEqual(t, ahead.Abs(), within)
	t.Logf("\n| loopback, the same clock | 0s | %v | %v | | |", ahead, within)
}

// The receive queue keeps the age of each message.
func TestAgeInTheReceiveQueue(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	send := func(m intentra.Message) {
		m.Intent = intentra.Reliable
		require.NoError(t, p.SendWait(ctx, m))
	}
	for known := false; !known; {
		send(intentra.Message{Stamp: true})
		m, err := l.Receive(ctx)
		require.NoError(t, err)
		known = m.Stamp
	}
	for i := range 100 {
		send(intentra.Message{Channel: uint32(i), Stamp: i%3 != 0, Age: time.Duration(i) * time.Hour, Within: time.Duration(i) * time.Second})
	}
	batch := make([]intentra.Received, 7)
	for i := 0; i < 100; {
		n, err := l.ReceiveBatch(ctx, batch)
		require.NoError(t, err)
		for _, m := range batch[:n] {
			require.EqualValues(t, i, m.Channel)
			require.Equal(t, i%3 != 0, m.Stamp)
			if m.Stamp {
				require.Equal(t, time.Duration(i)*time.Hour, m.Age.Round(time.Minute))
				drift := time.Duration(i) * time.Hour / conn.ClockDrift // since the message was created
				require.InDelta(t, time.Duration(i)*time.Second+drift, m.Within, float64(time.Second/2))
			} else {
				require.Zero(t, m.Age)
				require.Zero(t, m.Within)
			}
			i++
		}
	}
	require.Equal(t, intentra.ErrOption, p.Send(intentra.Message{Stamp: true, Within: -1}).Err)
	require.Equal(t, intentra.ErrOption, l.Broadcast(intentra.Message{Stamp: true, Within: -1}).Err)
}
