package conn_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const (
	millisecond = int64(time.Millisecond)
	years       = int64(10 * 365 * 24 * time.Hour)
)

// setting is a field of Config that is a whole number or a duration, as its
// documentation has it.
type setting struct {
	name                  string
	standard, least, most int64
}

var settings = []setting{
	{"MaxDatagram", 8972, 256, 65507},
	{"MaxMessage", 64 << 10, 1, 1 << 20},
	{"MaxPeers", 131_072, 1, 262_144},
	{"IdleTimeout", 60_000 * millisecond, 500 * millisecond, years},
	{"KeepAlive", 1000 * millisecond, millisecond, years},
	{"Unanswered", 2000 * millisecond, 250 * millisecond, years},
	{"HandshakeTimeout", 5000 * millisecond, 200 * millisecond, years},
	{"ForgetAfter", 60_000 * millisecond, millisecond, years},
	{"MaxHandshakes", 1024, 1, 65_536},
	{"MaxHandshakesPerAddress", 1024, 1, 65_536},
	{"HandshakeRate", 200, 1, 1_048_576},
	{"HandshakeBurst", 50, 1, 1_048_576},
	{"RekeyRate", 200, 1, 1_048_576},
	{"PeerRate", 10_000, 16, 1 << 30},
	{"PeerBurst", 500, 1, 1 << 30},
	{"PeerMessageRate", 320_000, 16, 1 << 30},
	{"PeerByteRate", 32 << 20, 64 << 10, 1 << 30},
	{"PeerBandwidth", 1 << 30, 4096, 1 << 30},
	{"ReplayWindow", 8192, 64, 65_536},
	{"RekeyAfterPackets", 1 << 27, 16, 1 << 27},
	{"RekeyAfter", 120_000 * millisecond, 200 * millisecond, years},
	{"Strikes", 10, 1, 1024},
	{"StrikeWindow", 5000 * millisecond, millisecond, years},
	{"SendQueueMessages", 1024, 1, 1 << 30},
	{"SendQueueBytes", 256 << 10, 256, 1 << 30},
	{"ReliableQueueMessages", 1024, 1, 1 << 30},
	{"ReliableQueueBytes", 1 << 20, 256, 1 << 30},
	{"SendMemory", 64 << 20, 256 << 10, 1 << 30},
}

// relations are the fields whose value another one bounds.
var relations = []struct {
	low, high string
	factor    int64 // low times factor is at most high
}{
	{"KeepAlive", "IdleTimeout", 2},
	{"Unanswered", "IdleTimeout", 1},
	{"StrikeWindow", "ForgetAfter", 1},
	{"MaxHandshakesPerAddress", "MaxHandshakes", 1},
	{"MaxDatagram", "SendQueueBytes", 1},
	{"MaxDatagram", "ReliableQueueBytes", 1},
}

// dependent are the fields whose default suits the field that bounds them.
var dependent = map[string]bool{
	"KeepAlive": true, "Unanswered": true, "ForgetAfter": true, "MaxHandshakesPerAddress": true,
	"SendQueueBytes": true, "ReliableQueueBytes": true, "PeerMessageRate": true, "PeerByteRate": true, "SendMemory": true,
}

func (n setting) of(c *conn.Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByName(n.name)
}

func value(c *conn.Config, name string) int64 { return setting{name: name}.of(c).Int() }

// No field is missing from the list above.
func TestNumbersAreAllFields(t *testing.T) {
	listed := map[string]bool{}
	for _, n := range settings {
		listed[n.name] = true
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[conn.Config]()) {
		if k := f.Type.Kind(); f.Name != "ClockStart" && (k == reflect.Int || k == reflect.Int64) { // any time is valid
			require.True(t, listed[f.Name], f.Name)
			delete(listed, f.Name)
		}
	}
	require.Empty(t, listed)
}

func TestDefaults(t *testing.T) {
	zero := conn.Config{}
	c := zero.WithDefaults()
	require.NoError(t, c.Validate())
	for _, n := range settings {
		require.Equal(t, n.standard, n.of(&c).Int(), n.name)
		require.Zero(t, n.of(&zero).Int(), n.name)
	}
	require.Equal(t, wire.AESGCM, c.Suite)
	require.Equal(t, []wire.Suite{wire.AESGCM, wire.ChaChaPoly}, c.Suites)
	require.NotNil(t, c.Logger)
	require.True(t, c.Deliver(nil, nil) && c.Room(nil, 0))
	require.Equal(t, wire.ChaChaPoly, conn.Config{Suites: []wire.Suite{wire.ChaChaPoly}}.WithDefaults().Suite)
	require.Error(t, zero.Validate(), "Validate is for a Config with defaults")
}

// The values just within each range are accepted, those just outside refused with
// the name of the field and its range.
func TestRanges(t *testing.T) {
	for _, n := range settings {
		for _, v := range []int64{math.MinInt32, -1, n.least - 1, n.least, n.most, n.most + 1} {
			if v == 0 {
				continue // the default
			}
			c := conn.Config{}
			n.of(&c).SetInt(v)
			suit(&c, n.name)
			c = c.WithDefaults()
			err := c.Validate()
			if v >= n.least && v <= n.most {
				require.NoError(t, err, "%s = %d", n.name, v)
				continue
			}
			var bad *conn.ConfigError
			require.ErrorAs(t, err, &bad, "%s = %d", n.name, v)
			require.Equal(t, n.name, bad.Field)
			require.EqualValues(t, n.of(&c).Interface(), bad.Value)
			require.Contains(t, bad.Want, "from ")
		}
	}
	for _, window := range []int{65, 100, 65535} {
		require.EqualError(t, conn.Config{ReplayWindow: window}.WithDefaults().Validate(),
			(&conn.ConfigError{Field: "ReplayWindow", Value: window, Want: "a power of two"}).Error())
	}
	for name, c := range map[string]conn.Config{
		"Suite":                     {Suite: 3},
		"Suites":                    {Suites: []wire.Suite{wire.AESGCM, 0}},
		"Chains.Ack.HeldBytes":      withChains(func(c *conn.Config) { c.Chains.Ack.HeldBytes = -1 }),
		"Chains.Ack.HeldBytesTotal": withChains(func(c *conn.Config) { c.Chains.Ack.HeldBytesTotal = 1<<30 + 1 }),
		"Chains.Ack.Every":          withChains(func(c *conn.Config) { c.Chains.Ack.Every = -1 }),
		"Chains.Ack.Delay":          withChains(func(c *conn.Config) { c.Chains.Ack.Delay = -1 }),
		"Chains.Ack.LazyDelay":      withChains(func(c *conn.Config) { c.Chains.Ack.LazyDelay = math.MaxInt64 }),
		"Chains.Ack.GapDelay":       withChains(func(c *conn.Config) { c.Chains.Ack.GapDelay = -1 }),
	} {
		var bad *conn.ConfigError
		require.ErrorAs(t, c.WithDefaults().Validate(), &bad, name)
		require.Equal(t, name, bad.Field)
	}
}

func withChains(set func(*conn.Config)) (c conn.Config) {
	set(&c)
	return c
}

// suit sets the fields that the named one must not contradict to where it cannot.
func suit(c *conn.Config, name string) {
	for _, r := range relations {
		switch name {
		case r.low:
			setNumber(c, r.high, math.MaxInt64)
		case r.high:
			setNumber(c, r.low, 1)
		}
	}
	if name == "KeepAlive" {
		c.PeerRate = 1 << 30
	}
	if name == "KeepAlive" || name == "Unanswered" {
		// IdleTimeout is at its most: half of it is the most of KeepAlive.
		if k := (setting{name: "KeepAlive"}).of(c); k.Int() == years {
			k.SetInt(years / 2)
		}
	}
}

// setNumber sets a field to the value in its range that is nearest to v.
func setNumber(c *conn.Config, name string, v int64) {
	for _, n := range settings {
		if n.name == name {
			n.of(c).SetInt(max(n.least, min(v, n.most)))
		}
	}
}

// Each pair of fields that contradict each other is refused, naming both.
func TestContradictions(t *testing.T) {
	for _, r := range relations {
		for _, slack := range []int64{-1, 0} {
			c := conn.Config{}.WithDefaults()
			c.MaxDatagram = 1000                         // above AcceptedDatagram it bounds no other field
			setNumber(&c, r.high, 1000*value(&c, r.low)) // within the range
			setting{name: r.high}.of(&c).SetInt(value(&c, r.low)*r.factor + slack)
			if r.high == "MaxHandshakes" {
				c.MaxHandshakes = c.MaxHandshakesPerAddress + int(slack)
			}
			if r.high == "IdleTimeout" { // which bounds two fields
				c.KeepAlive, c.Unanswered = conn.DefaultKeepAlive, c.IdleTimeout
				if r.low == "Unanswered" {
					c.KeepAlive, c.Unanswered = time.Millisecond, c.IdleTimeout-time.Duration(slack)
				}
			}
			err := c.Validate()
			if slack == 0 {
				require.NoError(t, err, r.low)
				continue
			}
			require.ErrorContains(t, err, r.low)
			require.ErrorContains(t, err, r.high)
			require.ErrorContains(t, err, " the one or ")
		}
	}
	require.NoError(t, conn.Config{PeerRate: 16, KeepAlive: 250 * time.Millisecond}.WithDefaults().Validate())
	err := conn.Config{PeerRate: 16, KeepAlive: 249 * time.Millisecond}.WithDefaults().Validate()
	require.EqualError(t, err, "KeepAlive is 249ms, must be at least 250ms, which is 4 s divided by PeerRate: raise the one or lower the other")
}

// randomConfig sets about half of the fields, to values in their ranges, the ends
// more often than others.
func randomConfig(r *rand.Rand) (c conn.Config) {
	for _, n := range settings {
		if r.IntN(2) == 0 {
			continue
		}
		v := n.least + int64(math.Exp(r.Float64()*math.Log(float64(n.most-n.least))))
		switch r.IntN(8) {
		case 0:
			v = n.least
		case 1:
			v = n.most
		}
		if n.name == "ReplayWindow" {
			v = 64 << r.IntN(11)
		}
		n.of(&c).SetInt(v)
	}
	c.Suite, c.ForbidRoaming = wire.Suite(r.IntN(3)), r.IntN(2) == 0
	return c
}

// consistent reports whether no two fields contradict each other.
func consistent(c *conn.Config) bool {
	for _, r := range relations {
		low := value(c, r.low)
		if r.low == "MaxDatagram" {
			low = min(low, conn.AcceptedDatagram)
		}
		if low > value(c, r.high)/r.factor {
			return false
		}
	}
	return c.KeepAlive >= 4*time.Second/time.Duration(c.PeerRate)
}

// Validate accepts what is in range and consistent, and nothing else; and defaults
// contradict no field that is set, unless that one contradicts a fixed default.
func TestValidateAcceptsWhatIsConsistent(t *testing.T) {
	r := seed.Rand(t)
	for range 5000 {
		c := randomConfig(r).WithDefaults()
		require.Equal(t, consistent(&c), c.Validate() == nil, "%+v", c)
		set := randomConfig(r)
		for name := range dependent {
			setting{name: name}.of(&set).SetInt(0)
		}
		require.NoError(t, set.WithDefaults().Validate())
	}
}

// FuzzConfig takes the settings of a user: each is refused with the name of a
// field, or two endpoints with it connect and pass a message.
func FuzzConfig(f *testing.F) {
	f.Add([]byte{})
	f.Add(binary.BigEndian.AppendUint64([]byte{2}, uint64(500*millisecond)))
	f.Add(binary.BigEndian.AppendUint64([]byte{12}, 1))
	f.Fuzz(func(t *testing.T, in []byte) {
		var c conn.Config
		for ; len(in) >= 9; in = in[9:] {
			settings[int(in[0])%len(settings)].of(&c).SetInt(int64(binary.BigEndian.Uint64(in[1:])))
		}
		if c = c.WithDefaults(); c.Validate() == nil {
			requireWorks(t, c)
			return
		}
		var bad *conn.ConfigError
		require.True(t, errors.As(c.Validate(), &bad))
		_, ok := reflect.TypeFor[conn.Config]().FieldByName(bad.Field)
		require.True(t, ok, bad.Field)
	})
}

// An endpoint made from any accepted configuration works.
func TestAcceptedConfigsWork(t *testing.T) {
	r := seed.Rand(t)
	for tried := 0; tried < 300; {
		c := randomConfig(r).WithDefaults()
		if c.Validate() != nil {
			continue
		}
		tried++
		requireWorks(t, c)
	}
}

// requireWorks connects two endpoints with the configuration in memory, and passes
// a message of each intent from one to the other.
func requireWorks(t *testing.T, c conn.Config) {
	t.Helper()
	got := map[pipeline.Intent]int{}
	c.Authorize = func(context.Context, conn.Handshake) bool { return true }
	c.Deliver = func(_ *conn.Peer, pk *pipeline.Packet) bool { got[pk.Intent]++; return true }
	sides := [2]*side{}
	for i, addr := range []string{"10.0.0.1:1", "10.0.0.2:2"} {
		s, err := newSide("", addr, c)
		require.NoError(t, err, "%+v", c)
		sides[i] = s
	}
	a, b := sides[0], sides[1]
	a.peer = b.addr
	now := pipeline.Time(1e9)
	p, err := a.ep.Dial(b.key, now)
	require.NoError(t, err)
	connected := func() bool { q := b.ep.Peer(a.key); return p.Connected() && q != nil && q.Connected() }
	now = exchange(a, b, now, now+10e9, connected)
	require.True(t, connected(), "%+v", c)
	for intent := pipeline.Realtime; intent <= pipeline.Reliable; intent++ {
		// A state is sent once, and with a small PeerBurst it may be dropped.
		for tries := 0; got[intent] == 0 && tries < 30; tries++ {
			if o, wake := p.Push(&conn.Message{Channel: 1, Intent: intent, Payload: []byte("x")}); wake {
				require.True(t, o.Taken())
				a.ep.MarkReady(p)
			}
			now = exchange(a, b, now, now+1e9, func() bool { return got[intent] > 0 })
		}
		require.NotZero(t, got[intent], "%v with %+v", intent, c)
	}
}
