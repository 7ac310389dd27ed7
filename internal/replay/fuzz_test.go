package replay_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ratelimit"
	window "github.com/intentra/intentra/stages/replay"
)

func parse(s *node) (*journal.Keys, error) {
	return journal.ParseKeys(strings.NewReader(s.keys.String()))
}

// everyKind returns a listener whose recording has entries of nearly every kind.
func everyKind(t testing.TB) *node {
	w := newWorld(t, 1)
	a, b, p := pair(w, intentra.Config{}, intentra.Config{RekeyAfterPackets: 16, IdleTimeout: time.Second})
	b.onMessage = func(p *conn.Peer, _ *pipeline.Packet) {
		b.push(p, 2, intentra.Latest, number(b.delivered))
		if b.delivered == 7 {
			panic("the handler's")
		}
	}
	for i := range 25 {
		b.full = i%5 == 0
		a.push(p, 1, anyIntent(i), number(i))
		w.run(3 * time.Millisecond)
	}
	b.call(func(c *journal.Core, now pipeline.Time) { c.Probe(b.peers[0], now) })
	b.call(func(c *journal.Core, now pipeline.Time) { c.WantClock(b.peers[0], now) })
	b.dial(a, b.identity)
	b.call(func(c *journal.Core, now pipeline.Time) { c.Revoke(a.Key(), now) })
	w.run(30 * time.Millisecond)
	b.closePeer(b.peers[0])
	w.end()
	return b
}

// extremes are numbers to edit into a recording.
var extremes = []float64{0, 1, -1, 2, 3, 255, 256, 1 << 16, 1 << 20, 1 << 31, 1 << 32, 1e9, 3.6e12, 1e15, 9e18, -9e18, 1e300, 0.5}

// edit changes a value of a JSON tree, chosen at random.
func edit(v any, r *rand.Rand) any {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		if slices.Sort(names); len(names) == 0 {
			return v
		}
		name := names[r.IntN(len(names))]
		if r.IntN(8) == 0 {
			delete(v, name)
		} else {
			v[name] = edit(v[name], r)
		}
		return v
	case []any:
		if len(v) == 0 {
			return []any{1.0}
		}
		i := r.IntN(len(v))
		v[i] = edit(v[i], r)
		return v
	case float64:
		if r.IntN(2) == 0 {
			return v + float64(r.IntN(1000)-500)*[]float64{1, 1e6, 1e9}[r.IntN(3)]
		}
		return extremes[r.IntN(len(extremes))]
	case bool:
		return !v
	case string:
		if r.IntN(2) == 0 && len(v) > 0 {
			i := r.IntN(len(v))
			return v[:i] + string(rune('0'+r.IntN(50))) + v[i+1:]
		}
		return []string{"", "received", "flush", "10.0.0.1:1", "[fe80::1%x]:0", "close", "dial", "address", "ready", "0101"}[r.IntN(10)]
	}
	return v
}

// mutate edits a recording. Four bytes of in describe one change.
func mutate(t testing.TB, all []block, in []byte) []block {
	all = clone(all)
	for ; len(in) >= 4 && len(all) > 2; in = in[4:] {
		i := 2 + (int(in[1])|int(in[2])<<8)%(len(all)-2)
		r := rand.New(rand.NewPCG(uint64(in[3]), 0))
		switch in[0] % 8 {
		case 0:
			all = slices.Delete(all, i, i+1)
		case 1:
			all = slices.Insert(all, i, all[2+int(in[3])%(len(all)-2)])
		case 2:
			j := 2 + int(in[3])%(len(all)-2)
			all[i], all[j] = all[j], all[i]
		case 3:
			if p := all[i].packet; len(p) > 0 {
				p[int(in[3])%len(p)] ^= 1 << (in[2] % 8)
			}
		case 4: // the configuration
			if all[2].kindOf(t) == "start" {
				i = 2
			}
			fallthrough
		default:
			var tree map[string]any
			if json.Unmarshal(all[i].text, &tree) != nil {
				continue
			}
			kind := tree["kind"]
			tree, _ = edit(tree, r).(map[string]any)
			if s, ok := tree["kind"].(string); !ok || s == "" {
				tree["kind"] = kind
			}
			all[i].setFields(t, tree)
		}
	}
	return all
}

// The attacker of FuzzReplay hands over an edited recording with its keys. It is
// replayed, with differences reported, or rejected; the replay neither panics nor
// runs forever.
func FuzzReplay(f *testing.F) {
	s := everyKind(f)
	all := split(f, s.capture.Bytes())
	f.Add([]byte{}, []byte{})
	f.Add([]byte("\x00\x10\x00\x00"), []byte{})
	f.Add([]byte("\x04\x00\x00\x01\x04\x00\x00\x02\x05\x30\x00\x07"), []byte{})
	f.Add([]byte("\x02\x10\x00\x30\x03\x20\x00\x33\x01\x05\x01\x09"), []byte{9})
	f.Fuzz(func(t *testing.T, in, spoil []byte) { runEdited(t, s, mutate(t, all, in[:min(len(in), 400)]), spoil) })
}

// runEdited replays an edited recording, in full and as a plain capture, with
// random bytes and epochs changed by spoil.
func runEdited(t testing.TB, s *node, edited []block, spoil []byte) {
	keys, err := parse(s)
	require.NoError(t, err)
	for i, b := range spoil[:min(len(spoil), len(keys.Random))] {
		keys.Random[i] ^= b
	}
	if len(spoil) > 1 {
		keys.Random = keys.Random[:min(int(spoil[0])*int(spoil[1]), len(keys.Random))]
		for i := range keys.Epochs {
			keys.Epochs[i].Local ^= uint32(spoil[1]) << (spoil[0] % 32)
			keys.Epochs[i].At += pipeline.Time(spoil[0]) << (spoil[1] % 64)
		}
	}
	capture := join(edited)
	differences := 0
	o := replay.Options{Keys: keys, Difference: func(replay.Difference) { differences++ }}
	res, err := replay.Run(mustCapture(t, capture), o)
	if err == nil {
		require.Equal(t, differences == 0 && res.Received+res.Sent+res.Entries > 0, res.Same())
	}
	// As a plain capture.
	_, _ = replay.Run(mustCapture(t, join(packetsAlone(edited))), o)
}

// Random edits that a fuzzer would need long to find.
func TestEditedRecordings(t *testing.T) {
	r := fixed()
	s := everyKind(t)
	all := split(t, s.capture.Bytes())
	_, differences := s.replay(t, options())
	require.Empty(t, differences)
	runs := 400
	if testing.Short() || race.Enabled {
		runs = 80
	}
	for i := range runs {
		in := make([]byte, 4*(1+r.IntN(6)))
		for j := range in {
			in[j] = byte(r.Uint32())
		}
		if i%3 == 0 {
			in[0] = 4
		}
		var spoil []byte
		if r.IntN(4) == 0 {
			spoil = []byte{byte(r.Uint32()), byte(r.Uint32())}
		}
		runEdited(t, s, mutate(t, all, in), spoil)
	}
}

// leaves calls f for each value in a JSON tree, with a function that replaces it.
func leaves(path string, v any, f func(path string, set func(any))) {
	tree, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name, child := range tree {
		if _, ok := child.(map[string]any); ok {
			leaves(path+"."+name, child, f)
			continue
		}
		f(path+"."+name, func(to any) { tree[name] = to })
	}
}

// No value in a configuration makes the core panic or allocate without bound: it is
// rejected unless a transport could have it.
func TestImpossibleConfigurations(t *testing.T) {
	race.SkipHistory(t)
	s := states(t, 3)
	all := split(t, s.capture.Bytes())
	refused, tried := 0, 0
	var before, after runtime.MemStats
	leaves("", all[2].fields(t)["start"].(map[string]any)["config"], func(path string, _ func(any)) {
		for _, value := range append([]float64{-1e9, 1e10}, extremes...) {
			edited := clone(all)
			fields := edited[2].fields(t)
			leaves("", fields["start"].(map[string]any)["config"], func(p string, set func(any)) {
				if p == path {
					set(value)
				}
			})
			edited[2].setFields(t, fields)
			keys, err := parse(s)
			require.NoError(t, err)
			runtime.ReadMemStats(&before)
			_, err = replay.Run(mustCapture(t, join(edited)), replay.Options{Keys: keys})
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(256<<20), "%s: %v", path, value)
			if tried++; err != nil {
				if !errors.Is(err, ratelimit.ErrTableSize) && !errors.Is(err, window.ErrBits) {
					require.ErrorIs(t, err, journal.ErrCapture, "%s: %v", path, value)
				}
				refused++
			}
		}
	})
	require.Greater(t, tried, 500)
	require.Greater(t, refused, tried/3)
}
