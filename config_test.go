package intentra_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// try listens, and says what came of it.
func try(cfg intentra.Config) error {
	l, err := intentra.Listen("127.0.0.1:0", cfg)
	if err == nil {
		err = l.Close()
	}
	return err
}

// Every bound: the values just within are taken, those just outside refused
// with the name of the field. Zero means the default.
func TestConfigBounds(t *testing.T) {
	const many = 1 << 30
	for _, f := range []struct {
		name        string
		least, most int
		set         func(c *intentra.Config, n int)
	}{
		{"MaxDatagram", wire.MinDatagram, wire.MaxDatagram, func(c *intentra.Config, n int) { c.MaxDatagram = n }},
		{"MaxPeers", 1, pipeline.MaxIDs / 4, func(c *intentra.Config, n int) { c.MaxPeers = n }},
		{"MaxHandshakes", 1, 1 << 16, func(c *intentra.Config, n int) { c.MaxHandshakes = n }},
		{"MaxHandshakesPerAddress", 1, 1 << 16, func(c *intentra.Config, n int) { c.MaxHandshakesPerAddress = n }},
		{"HandshakeRate", 1, 1 << 20, func(c *intentra.Config, n int) { c.HandshakeRate = n }},
		{"PeerRate", 1, many, func(c *intentra.Config, n int) { c.PeerRate = n }},
		{"PeerBurst", 1, many, func(c *intentra.Config, n int) { c.PeerBurst = n }},
		{"ReplayWindow", 64, 65536, func(c *intentra.Config, n int) { c.ReplayWindow = n }},
		{"RekeyAfterPackets", 16, 1 << 27, func(c *intentra.Config, n int) { c.RekeyAfterPackets = n }},
		{"Strikes", 1, 1 << 10, func(c *intentra.Config, n int) { c.Strikes = n }},
		{"SendQueueMessages", 1, many, func(c *intentra.Config, n int) { c.SendQueueMessages = n }},
		{"SendQueueBytes", wire.MaxDatagram, many, func(c *intentra.Config, n int) { c.SendQueueBytes = n }},
		{"ReliableQueueMessages", 1, many, func(c *intentra.Config, n int) { c.ReliableQueueMessages = n }},
		{"ReliableQueueBytes", wire.MaxDatagram, many, func(c *intentra.Config, n int) { c.ReliableQueueBytes = n }},
		{"ReceiveQueue", 1, many, func(c *intentra.Config, n int) { c.ReceiveQueue = n }},
	} {
		for n, ok := range map[int]bool{
			math.MinInt: false, -1: false, 0: true, f.least - 1: f.least == 1, f.least: true,
			f.most: true, f.most + 1: false, math.MaxInt: false,
		} {
			cfg := intentra.Config{Key: loopback.Key(t)}
			f.set(&cfg, n)
			check(t, fmt.Sprintf("%s = %d", f.name, n), f.name, try(cfg), ok)
		}
	}
	for _, f := range []struct {
		name string
		set  func(c *intentra.Config, d time.Duration)
	}{
		{"IdleTimeout", func(c *intentra.Config, d time.Duration) { c.IdleTimeout = d }},
		{"KeepAlive", func(c *intentra.Config, d time.Duration) { c.KeepAlive = d }},
		{"Unanswered", func(c *intentra.Config, d time.Duration) { c.Unanswered = d }},
		{"HandshakeTimeout", func(c *intentra.Config, d time.Duration) { c.HandshakeTimeout = d }},
		{"RekeyAfter", func(c *intentra.Config, d time.Duration) { c.RekeyAfter = d }},
		{"StrikeWindow", func(c *intentra.Config, d time.Duration) { c.StrikeWindow = d }},
	} {
		const most = 10 * 365 * 24 * time.Hour
		for d, ok := range map[time.Duration]bool{
			math.MinInt64: false, -time.Second: false, 0: true, 1: false, time.Millisecond - 1: false,
			time.Millisecond: true, most: true, most + 1: false, math.MaxInt64: false,
		} {
			cfg := intentra.Config{Key: loopback.Key(t)}
			f.set(&cfg, d)
			check(t, fmt.Sprintf("%s = %v", f.name, d), f.name, try(cfg), ok)
		}
	}
}

func check(t *testing.T, what, field string, err error, ok bool) {
	t.Helper()
	if ok {
		require.NoError(t, err, what)
		return
	}
	require.ErrorIs(t, err, intentra.ErrConfig, what)
	require.ErrorContains(t, err, field, what)
}

func TestConfigFieldsThatAreNoNumbers(t *testing.T) {
	key := loopback.Key(t)
	for name, c := range map[string]struct {
		cfg   intentra.Config
		field string
	}{
		"no key":           {intentra.Config{}, "Key"},
		"window not 2^n":   {intentra.Config{Key: key, ReplayWindow: 100}, "ReplayWindow"},
		"suite":            {intentra.Config{Key: key, Suite: 9}, "Suite"},
		"suite to accept":  {intentra.Config{Key: key, Suites: []intentra.Suite{intentra.AESGCM, 0}}, "Suites"},
		"suite to accept2": {intentra.Config{Key: key, Suites: []intentra.Suite{77}}, "Suites"},
	} {
		err := try(c.cfg)
		require.ErrorIs(t, err, intentra.ErrConfig, name)
		require.ErrorContains(t, err, c.field, name)
		requireNoTrace(t, key, err.Error())
	}
	err := try(intentra.Config{Key: key, Socket: udp.Config{Batch: -1}})
	require.ErrorIs(t, err, udp.ErrConfig)
	require.ErrorContains(t, err, "Batch")
}

// What a caller changes afterwards changes nothing.
func TestConfigIsCopied(t *testing.T) {
	suites := []intentra.Suite{intentra.ChaChaPoly}
	l := loopback.Listen(t, intentra.Config{Suites: suites})
	suites[0] = intentra.AESGCM
	_, err := intentra.Dial(loopback.Context(t), l.LocalAddr().String(), l.PublicKey(),
		intentra.Config{Key: loopback.Key(t), Suite: intentra.AESGCM, HandshakeTimeout: 300 * time.Millisecond})
	require.ErrorIs(t, err, intentra.ErrNoAnswer)
	loopback.Dial(t, l, intentra.Config{Suite: intentra.ChaChaPoly})
}
