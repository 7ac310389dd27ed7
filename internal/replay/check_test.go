package replay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/wire"
)

// Inputs that no transport gives its core are refused before it sees them.
func TestImpossibleEntries(t *testing.T) {
	s := lively(t)
	all := split(t, s.capture.Bytes())
	keys, err := parse(s)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		kind   string
		change func(k *block)
	}{
		"datagram from nowhere": {"received", func(k *block) {
			m := k.fields(t)
			delete(m, "addr")
			k.setFields(t, m)
		}},
		"datagram that is not whole": {"received", func(k *block) { k.packet = k.packet[:len(k.packet)-1] }},
		"datagram without a packet":  {"received", func(k *block) { k.kind = kindCustom }},
		"name of nothing":            {"dial", func(k *block) { k.set(t, "kind", "address") }},
		"before the start":           {"flush", func(k *block) { k.set(t, "at", -1) }},
		"after some centuries":       {"timeout", func(k *block) { k.set(t, "at", 250*365*24*time.Hour) }},
		"dial of ourselves":          {"dial", func(k *block) { k.set(t, "key", k.fields(t)["identity"]) }},
		"message of no intent":       {"push", func(k *block) { k.set(t, "intent", 0) }},
		"message of another intent":  {"push", func(k *block) { k.set(t, "intent", 9) }},
		"message beyond a datagram":  {"push", func(k *block) { k.set(t, "payload", make([]byte, wire.MaxDatagram+1)) }},
		"another start":              {"flush", func(k *block) { k.set(t, "kind", "start") }},
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
