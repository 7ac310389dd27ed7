package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

func TestTapActs(t *testing.T) {
	elsewhere := netip.MustParseAddrPort("198.51.100.7:1")
	long := make([]byte, 70_000)
	for name, tc := range map[string]struct {
		act  Action
		came bool
		data []byte
		from netip.AddrPort
		late time.Duration
	}{
		"pass":     {came: true},
		"drop":     {act: Action{Drop: true}},
		"replace":  {act: Action{Data: []byte("other")}, came: true, data: []byte("other")},
		"empty":    {act: Action{Data: []byte{}}, came: true, data: []byte{}},
		"too long": {act: Action{Data: long}, came: true, data: long},
		"forward":  {act: Action{From: elsewhere}, came: true, from: elsewhere},
		"divert":   {act: Action{To: elsewhere}},
		"delay":    {act: Action{Delay: time.Second}, came: true, late: time.Second},
		"hasten":   {act: Action{Delay: -time.Second}, came: true},
	} {
		t.Run(name, func(t *testing.T) {
			wt := overLink(t, 1, Link{Delay: time.Millisecond})
			var seen []Datagram
			wt.w.Tap(func(d Datagram) Action { seen = append(seen, d); return tc.act })
			before := wt.w.Now()
			wt.send(100)
			wt.w.run(t, 2*time.Second)
			require.Len(t, seen, 1)
			require.Equal(t, Datagram{At: before, From: wt.a.Addr(), To: wt.b.Addr(), Data: seen[0].Data}, seen[0])
			require.Len(t, seen[0].Data, 100)
			if !tc.came {
				require.Empty(t, wt.came)
				return
			}
			require.Len(t, wt.came, 1)
			got := wt.came[0]
			if tc.data != nil {
				require.Equal(t, tc.data, got.data)
			} else {
				require.Equal(t, time.Millisecond+tc.late, got.after)
			}
			if !tc.from.IsValid() {
				tc.from = wt.a.Addr()
			}
			require.Equal(t, tc.from, got.from)
		})
	}
}

// Each tap sees what the taps before it have left, and may be removed, even by
// itself during its call.
func TestTapsInARow(t *testing.T) {
	wt := overLink(t, 1, Link{})
	var order string
	var removeFirst func()
	removeFirst = wt.w.Tap(func(Datagram) Action {
		order += "1"
		removeFirst()
		return Action{Data: []byte("changed")}
	})
	wt.w.Tap(func(d Datagram) Action {
		order += "2" + string(d.Data[:1])
		return Action{}
	})
	drop := wt.w.Tap(func(Datagram) Action { return Action{Drop: true} })
	wt.send(100)
	require.EqualValues(t, 1, wt.w.Totals().TapDrops)
	drop()
	wt.send(100)
	wt.w.run(t, time.Second)
	require.Equal(t, "12c2\x00", order)
	require.Len(t, wt.came, 1)
	require.Equal(t, uint64(1), wt.stats().Sent)
}

// Injected datagrams pass neither taps nor links, and arrive as they are.
func TestInject(t *testing.T) {
	wt := overLink(t, 1, Link{Cut: true})
	wt.w.SetDefault(Link{Cut: true})
	wt.w.Tap(func(Datagram) Action { return Action{Drop: true} })
	from := netip.MustParseAddrPort("[::ffff:198.51.100.1]:7")
	data := []byte("0123456789abcdef")
	wt.w.Inject(from, wt.b.Addr(), data, time.Second)
	wt.w.Inject(from, netip.MustParseAddrPort("192.0.2.1:1"), nil, -1)
	data[0] = 'x' // which has no effect, as it was copied
	wt.w.run(t, time.Second-1)
	require.Empty(t, wt.came)
	require.Equal(t, LinkStats{Sent: 2, SentBytes: 16, Missed: 1, InFlight: 1}, wt.w.Totals().Injected)
	wt.w.run(t, 1)
	require.Len(t, wt.came, 1)
	require.Equal(t, "0123456789abcdef", string(wt.came[0].data))
	require.Zero(t, wt.w.Totals().Links.Sent)
}

func TestRecorder(t *testing.T) {
	w := newWorld(t, 1)
	all, handshake := w.Record(1000), w.Record(1000, wire.TypeInit, wire.TypeResponse, wire.TypeFinal)
	last := w.Record(2, wire.TypeData)
	a, b := w.pair(t)
	for range 5 {
		a.Send(b.Key(), message("x"))
		w.run(t, time.Second)
	}
	var types []wire.PacketType
	for _, d := range handshake.Kept() {
		types = append(types, d.Type())
	}
	// The first message 1 is answered with a cookie.
	require.Equal(t, []wire.PacketType{wire.TypeInit, wire.TypeInit, wire.TypeResponse, wire.TypeFinal}, types)
	require.Len(t, all.Kept(wire.TypeCookie), 1)
	require.Len(t, handshake.Kept(wire.TypeFinal), 1)

	data := all.Kept(wire.TypeData)
	require.EqualValues(t, len(data), last.Passed())
	require.Equal(t, data[len(data)-2:], last.Kept(), "the newest, in order")
	last.Kept()[0].Data[0] = 0
	require.Equal(t, data[len(data)-2:], last.Kept(), "changing the result changes nothing")

	all.Stop()
	a.Send(b.Key(), message("x"))
	w.run(t, time.Second)
	require.EqualValues(t, len(all.Kept()), all.Passed())

	// Replaying the recorded datagrams has no effect.
	before := b.Delivered()
	for _, d := range all.Kept() {
		w.Inject(d.From, d.To, d.Data, 0)
	}
	w.run(t, time.Second)
	require.Equal(t, before, b.Delivered())
	require.Positive(t, b.Drops("replay", ""))
	require.Panics(t, func() { w.Record(0) })
}

func TestInFlightIsBounded(t *testing.T) {
	w := New(1)
	require.Equal(t, 1<<20, w.most)
	w.most = 100
	a := w.node(t, "a")
	for range 110 {
		w.Inject(a.Addr(), a.Addr(), nil, time.Second)
	}
	s := w.Totals().Injected
	require.Equal(t, LinkStats{Sent: 110, Overflowed: 10, InFlight: 100}, s)
	a.Kill()
	w.run(t, time.Second)
	require.EqualValues(t, 100, w.Totals().Injected.Missed)
	require.Zero(t, w.flying)
}

func TestDatagramType(t *testing.T) {
	require.Equal(t, wire.TypeInit, Datagram{Data: []byte{wire.Version<<4 | 2}}.Type())
	require.Zero(t, Datagram{}.Type())
}
