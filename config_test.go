package intentra_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/udp"
)

// try returns the error of Listen with cfg.
func try(cfg intentra.Config) error {
	l, err := intentra.Listen("127.0.0.1:0", cfg)
	if err == nil {
		err = l.Close()
	}
	return err
}

// Each number of Config reaches the core under the same name, and one that is out
// of its range there is refused with the name of the field. The ranges themselves
// are tested in package conn.
func TestConfigNumbersReachTheCore(t *testing.T) {
	key := loopback.Key(t)
	core := reflect.TypeFor[conn.Config]()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[intentra.Config]()) {
		if f.Type.Kind() != reflect.Int && f.Type != reflect.TypeFor[time.Duration]() || f.Name == "ReceiveQueue" {
			continue
		}
		_, ok := core.FieldByName(f.Name)
		require.True(t, ok, f.Name)
		with := func(n int64) intentra.Config {
			// So that the value contradicts no other field.
			cfg := intentra.Config{Key: key, IdleTimeout: time.Hour, StrikeWindow: time.Minute, ForgetAfter: time.Hour}
			reflect.ValueOf(&cfg).Elem().FieldByIndex(f.Index).SetInt(n)
			return cfg
		}
		want := int64(64)
		switch {
		case f.Type == reflect.TypeFor[time.Duration]():
			want = int64(10 * time.Minute)
		case f.Name == "MaxDatagram" || strings.HasSuffix(f.Name, "Bytes"):
			want = 2048
		case f.Name == "PeerByteRate" || f.Name == "SendMemory":
			want = 1 << 20
		case f.Name == "PeerBandwidth":
			want = 8192
		}
		c, err := with(want).Core()
		require.NoError(t, err, f.Name)
		require.Equal(t, want, reflect.ValueOf(c).FieldByName(f.Name).Int(), f.Name)
		check(t, f.Name, f.Name, try(with(-1)), false)
	}
}

func TestReceiveQueueBounds(t *testing.T) {
	for n, ok := range map[int]bool{
		math.MinInt: false, -1: false, 0: true, 1: true, 1 << 30: true, 1<<30 + 1: false, math.MaxInt: false,
	} {
		check(t, fmt.Sprint(n), "ReceiveQueue", try(intentra.Config{Key: loopback.Key(t), ReceiveQueue: n}), ok)
	}
}

// Settings that contradict each other are refused with what to change.
func TestConfigContradictions(t *testing.T) {
	err := try(intentra.Config{Key: loopback.Key(t), KeepAlive: 10 * time.Second, IdleTimeout: time.Second})
	require.ErrorIs(t, err, intentra.ErrConfig)
	require.EqualError(t, err, "intentra: invalid config: KeepAlive is 10s, must be at most 500ms, which is half of IdleTimeout: lower the one or raise the other")
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

func TestConfigFieldsOtherThanNumbers(t *testing.T) {
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

// Changes to a Config after Listen have no effect.
func TestConfigIsCopied(t *testing.T) {
	suites := []intentra.Suite{intentra.ChaChaPoly}
	l := loopback.Listen(t, intentra.Config{Suites: suites})
	suites[0] = intentra.AESGCM
	_, err := intentra.Dial(loopback.Context(t), l.LocalAddr().String(), l.PublicKey(),
		intentra.Config{Key: loopback.Key(t), Suite: intentra.AESGCM, HandshakeTimeout: 300 * time.Millisecond})
	require.ErrorIs(t, err, intentra.ErrNoAnswer)
	loopback.Dial(t, l, intentra.Config{Suite: intentra.ChaChaPoly})
}
