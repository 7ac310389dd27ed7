package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/examples/internal/simsite"
	"github.com/intentra/intentra/examples/internal/tally"
	"github.com/intentra/intentra/sim"
)

// In the simulator, where 0, 5 and 20 % of the datagrams are lost, no reader sees a quote
// go back, all end with the newest ones, and all have every trade.
func TestInTheSimulator(t *testing.T) {
	p := plan{events: makeEvents(1, 1000), duration: 2 * time.Second, rate: 500, tick: 2 * time.Millisecond}
	simsite.AtEachLoss(t, sim.Link{Delay: 2 * time.Millisecond, Jitter: time.Millisecond}, p.run)
}

func TestOverSockets(t *testing.T) {
	name := filepath.Join(t.TempDir(), "messages.csv")
	require.NoError(t, os.WriteFile(name, []byte("34200.01,1,7,10,5853300,1\n34200.02,1,8,20,5853500,-1\n34200.03,4,7,4,5853300,1\n34200.04,3,8,20,5853500,-1\n"), 0o600))
	var b bytes.Buffer
	require.NoError(t, tally.Program(program).Execute("market", []string{"--check", "--duration", "100ms", "--messages", name}, &b))
	require.Contains(t, b.String(), "quotes, trades")
	require.Contains(t, b.String(), " 4, 1\n")
}

func TestBook(t *testing.T) {
	b := newBook()
	for _, e := range []event{
		{kind: newOrder, order: 1, size: 10, price: 100, buy: true},
		{kind: newOrder, order: 2, size: 5, price: 101, buy: true},
		{kind: newOrder, order: 3, size: 7, price: 103},
		{kind: newOrder, order: 4, size: 2, price: 103},
		{kind: cancelPart, order: 3, size: 3, price: 103},
		{kind: executed, order: 2, size: 9, price: 101, buy: true}, // more than is left
		{kind: deleted, order: 99, size: 9, price: 100, buy: true}, // from before the beginning
		{kind: hidden, size: 9, price: 100, buy: true},
	} {
		b.apply(e)
	}
	bid, ask, bidSize, askSize := b.best()
	require.Equal(t, []any{int64(100), int64(103), 10, 6}, []any{bid, ask, bidSize, askSize})
}

func TestParseEvent(t *testing.T) {
	e, seconds, err := parseEvent("34200.5,4,16113575,18,5853300,-1")
	require.NoError(t, err)
	require.Equal(t, event{kind: 4, order: 16113575, size: 18, price: 5853300}, e)
	require.InDelta(t, 34200.5, seconds, 0)
	for _, line := range []string{"", "1,2,3,4,5", "x,1,1,1,1,1", "1,1,1,1,x,1"} {
		_, _, err := parseEvent(line)
		require.Error(t, err, line)
	}
	require.Equal(t, makeEvents(3, 100), makeEvents(3, 100))
}
