package replay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/wire"
)

// Inputs that no transport gives its core are rejected before the core gets them.
func TestImpossibleEntries(t *testing.T) {
	s := everyKind(t)
	all := split(t, s.capture.Bytes())
	keys, err := parse(s)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		kind   string
		change func(k *block)
	}{
		"datagram without an address": {"received", func(k *block) {
			m := k.fields(t)
			delete(m, "addr")
			k.setFields(t, m)
		}},
		"truncated datagram":             {"received", func(k *block) { k.packet = k.packet[:len(k.packet)-1] }},
		"datagram without a packet":      {"received", func(k *block) { k.kind = kindCustom }},
		"resolved to no address":         {"dial", func(k *block) { k.set(t, "kind", "addresses"); k.set(t, "addrs", []string{""}) }},
		"negative time":                  {"flush", func(k *block) { k.set(t, "at", -1) }},
		"time after 250 years":           {"timeout", func(k *block) { k.set(t, "at", 250*365*24*time.Hour) }},
		"dial of itself":                 {"dial", func(k *block) { k.set(t, "key", k.fields(t)["identity"]) }},
		"message with intent 0":          {"push", func(k *block) { k.set(t, "intent", 0) }},
		"message with intent 9":          {"push", func(k *block) { k.set(t, "intent", 9) }},
		"message longer than a datagram": {"push", func(k *block) { k.set(t, "payload", make([]byte, wire.MaxDatagram+1)) }},
		"second start":                   {"flush", func(k *block) { k.set(t, "kind", "start") }},
	} {
		edited, found := clone(all), false
		for i := range edited {
			if found = edited[i].kindOf(t) == tc.kind; found {
				tc.change(&edited[i])
				break
			}
		}
		require.True(t, found, name)
		_, err := replay.Run(mustCapture(t, join(edited)), replay.Options{Keys: keys})
		require.ErrorIs(t, err, journal.ErrCapture, name)
	}
}
