package compare

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/program"
	"github.com/intentra/intentra/bench/trial"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == trial.ChildArgument {
		trial.Child()
	}
	if len(os.Args) == 3 && os.Args[1] == program.PlainArgument {
		os.Exit(program.PlainMain(os.Args[2]))
	}
	os.Exit(m.Run())
}

// Steps that are compared with each other are adjacent.
func TestPlan(t *testing.T) {
	var got []string
	list := trial.Available()
	for _, s := range plan(Options{Many: 2000, Few: []int{2}, Rates: []float64{1}, SocketRates: []float64{2}}, list) {
		got = append(got, fmt.Sprint(s.contender.Name(), s.rates))
	}
	want := []string{
		"raw[1]", "intentra[1]", "intentra-receive[1]", "raw[]", "intentra[]", "intentra-receive[]",
		"raw-nogso[2]", "intentra-nogso[2]", "raw-nogso[]", "intentra-nogso[]",
		"raw[]", "intentra[]", "quic-go[]", "pion-dtls[]", "udp[]",
	}
	want = slices.DeleteFunc(want, func(step string) bool {
		name, _, _ := strings.Cut(step, "[")
		return !slices.ContainsFunc(list, func(c contender.Contender) bool { return c.Name() == name })
	})
	require.Equal(t, want, got)
}

// A complete comparison of two contenders, with very short measurements.
func TestRun(t *testing.T) {
	o := Options{
		Rounds: 2, Length: 10 * time.Millisecond, Size: 64, Senders: 2, Buffer: 1 << 20,
		Many: 20, Few: []int{2, 3}, Rates: []float64{1e4}, SocketRates: []float64{1e4},
	}
	var list []contender.Contender
	for _, name := range []string{"intentra", "udp"} {
		c, err := trial.Find(name)
		require.NoError(t, err)
		list = append(list, c)
	}
	r, err := Run(t.Context(), o, list, io.Discard)
	require.NoError(t, err)
	require.Empty(t, r.Errors)
	require.Len(t, r.Rows, 5)
	for _, row := range r.Rows {
		s := row.Values[Peak]
		require.Len(t, s.Rounds, o.Rounds, "%+v", row)
		require.LessOrEqual(t, s.Min, s.Median)
		require.LessOrEqual(t, s.Median, s.Max)
		_, handshakes := row.Values[Handshakes]
		require.Equal(t, row.Contender == "intentra" && row.Connections == 3, handshakes)
	}
	require.NotEmpty(t, r.Raised)
	require.NotEmpty(t, r.Goals)
	require.Equal(t, "net.UDPConn, not encrypted, a socket for each connection", r.Notes["udp"])
}

// Ratios are taken within a round, and so is the best of the other transports.
func TestGoals(t *testing.T) {
	o := Options{Many: 2000, Few: []int{2}, Rates: []float64{1e6}}
	raw, ours := Key{Contender: "raw", Connections: 2000}, Key{Contender: "intentra", Connections: 2000}
	few := func(name string) Key { return Key{Contender: name, Connections: 2} }
	b := NewBook([]Key{raw, ours, few("intentra"), few("quic-go"), few("udp")})
	for round, ns := range []float64{200, 100, 400} {
		b.Add(raw, At(1e6, FixedReceiverNs), round, ns)
		b.Add(ours, At(1e6, FixedReceiverNs), round, ns*1.3)
		b.Add(few("intentra"), Peak, round, 1000)
		b.Add(few("quic-go"), Peak, round, float64(100*(round+1)))
		b.Add(few("udp"), Peak, round, 200)
	}
	list := goals(b, o)
	find := func(name string) Goal {
		i := slices.IndexFunc(list, func(g Goal) bool { return g.Name == name })
		require.GreaterOrEqual(t, i, 0, "%q in %+v", name, list)
		return list[i]
	}
	cpu := find("receiver CPU a message at 1 M/s, intentra to raw")
	require.InDelta(t, 1.3, cpu.Value.Median, 1e-9)
	require.True(t, *cpu.Met)
	peers := find("delivered/s at 99 %, 2 connections, intentra to the best peer")
	require.InDeltaSlice(t, []float64{5, 5, 1000.0 / 300}, peers.Value.Rounds, 1e-9)
	require.True(t, *peers.Met)
	require.Len(t, list, 2, "a ratio that was not measured is left out")
}
