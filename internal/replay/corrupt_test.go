package replay_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
)

func options() replay.Options { return replay.Options{} }

// deliveries returns the indexes of the datagrams that have delivered a message.
func deliveries(t testing.TB, all []block) (at []int) {
	for i, k := range all {
		if k.kind != kindPacket || k.kindOf(t) != "received" {
			continue
		}
		if o := k.fields(t)["outcome"].(map[string]any); o["delivered"] != nil {
			at = append(at, i)
		}
	}
	return at
}

// verdicts replays and returns the differences and the packets.
func verdicts(t testing.TB, all []block, keys []byte) (differences []replay.Difference, packets []replay.Packet) {
	o := options()
	o.Packet = func(p replay.Packet) { packets = append(packets, p) }
	_, differences = replayOf(t, join(all), keys, o)
	return differences, packets
}

// With Realtime messages, a flipped bit in a packet changes the verdict of that
// packet and of no other.
func TestChangedPacketIsFound(t *testing.T) {
	s := states(t, 40)
	all := split(t, s.capture.Bytes())
	at := deliveries(t, all)
	require.Len(t, at, 40)
	changed := clone(all)
	victim := &changed[at[17]]
	victim.packet[len(victim.packet)-1] ^= 1
	differences, packets := verdicts(t, changed, s.keys.Bytes())
	wrong := 0
	for _, p := range packets {
		if p.Recorded.Equal(p.Replayed) {
			continue
		}
		wrong++
		require.Equal(t, "accept", p.Recorded.Verdict)
		require.Equal(t, "drop aead/forged", p.Replayed.Verdict)
		require.Equal(t, "drop aead/forged", differences[0].Replayed)
		require.Equal(t, p.Number, differences[0].Packet)
	}
	require.Equal(t, 1, wrong)
	require.Equal(t, "verdict", differences[0].What)
	for _, d := range differences[1:] {
		require.Contains(t, []string{"sent", "total"}, d.What, "only acknowledgements and totals may differ as well")
	}
}

// With Reliable messages later verdicts differ as well, as the lost message is
// never sent again in the recording. The first difference is still that packet.
func TestChangedReliablePacketIsFoundFirst(t *testing.T) {
	w := newWorld(t, 1)
	a, s, p := pair(w, intentra.Config{}, intentra.Config{})
	for i := range 40 {
		a.push(p, 1, intentra.Reliable, number(i))
		w.run(2 * time.Millisecond)
	}
	w.run(300 * time.Millisecond)
	w.end()
	all := split(t, s.capture.Bytes())
	at := deliveries(t, all)
	require.Len(t, at, 40)
	victim := &all[at[17]]
	victim.packet[len(victim.packet)-1] ^= 1
	differences, packets := verdicts(t, all, s.keys.Bytes())
	wrong := 0
	for _, p := range packets {
		if !p.Recorded.Equal(p.Replayed) {
			if wrong++; wrong == 1 {
				require.Equal(t, p.Number, differences[0].Packet)
				require.Equal(t, "drop aead/forged", p.Replayed.Verdict)
			}
		}
	}
	require.Equal(t, "verdict", differences[0].What)
	require.Equal(t, "drop aead/forged", differences[0].Replayed)
	kinds := map[string]int{}
	for _, d := range differences {
		kinds[d.What]++
		require.GreaterOrEqual(t, d.Packet, differences[0].Packet)
	}
	require.Equal(t, wrong, kinds["verdict"])
	require.Greater(t, wrong, 1, "later messages wait for the lost one")
	require.Positive(t, kinds["sent"])
	t.Log(kinds)
}

// Each change of an entry or of a packet is a difference.
func TestEditedEntriesDiffer(t *testing.T) {
	s := states(t, 40)
	all := split(t, s.capture.Bytes())
	at := deliveries(t, all)
	find := func(kind string) int {
		i := slices.IndexFunc(all, func(k block) bool { return k.kindOf(t) == kind })
		require.GreaterOrEqual(t, i, 0, kind)
		return i
	}
	for name, edit := range map[string]func(k []block) []block{
		"packet removed":    func(k []block) []block { return append(k[:at[5]], k[at[5]+1:]...) },
		"packet duplicated": func(k []block) []block { return slices.Insert(k, at[5], k[at[5]]) },
		"packets swapped":   func(k []block) []block { k[at[5]].packet, k[at[6]].packet = k[at[6]].packet, k[at[5]].packet; return k },
		"header changed":    func(k []block) []block { k[at[5]].packet[28] ^= 0x80; return k },
		"packet truncated":  func(k []block) []block { k[at[5]].packet = cut(k[at[5]].packet); return k },
		"verdict edited": func(k []block) []block {
			k[at[5]].set(t, "outcome", map[string]any{"verdict": "drop replay/replayed"})
			return k
		},
		"sum edited": func(k []block) []block {
			o := k[at[5]].fields(t)["outcome"].(map[string]any)
			o["sum"] = 5
			k[at[5]].set(t, "outcome", o)
			return k
		},
		"address edited": func(k []block) []block { k[find("received")].set(t, "addr", "10.0.0.9:1"); return k },
		"sent packet edited": func(k []block) []block {
			p := k[find("sent")].packet
			p[len(p)-1] ^= 1
			return k
		},
		"sent packet removed": func(k []block) []block { i := find("sent"); return append(k[:i], k[i+1:]...) },
		"job removed":         func(k []block) []block { i := find("job"); return append(k[:i], k[i+1:]...) },
		"key refused": func(k []block) []block {
			for i := range k {
				if k[i].kindOf(t) == "job" {
					k[i].set(t, "authorized", false)
				}
			}
			return k
		},
		"totals edited": func(k []block) []block {
			i := find("end")
			end := k[i].fields(t)["end"].(map[string]any)
			end["inbound"].(map[string]any)["Packets"].(map[string]any)["In"] = 9
			k[i].set(t, "end", end)
			return k
		},
		"time of a flush edited": func(k []block) []block {
			// The flush that sends an acknowledgement, at a time when none is due.
			i := at[20] + 1 + slices.IndexFunc(k[at[20]+1:], func(k block) bool { return k.kindOf(t) == "outgoing" })
			for k[i].kindOf(t) != "flush" {
				i--
			}
			k[i].set(t, "at", time.Hour)
			return k
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, differences := replayOf(t, join(edit(clone(all))), s.keys.Bytes(), options())
			require.NotEmpty(t, differences)
			t.Log(differences[0])
		})
	}
}

// Other random bytes than those that were drawn are a difference.
func TestEditedRandomnessDiffers(t *testing.T) {
	s := states(t, 40)
	parsed, err := parse(s)
	require.NoError(t, err)
	for name, random := range map[string][]byte{
		"another byte":   change(parsed.Random, 16+8+16+16+3),
		"one byte more":  append(bytes.Clone(parsed.Random), 0),
		"one byte fewer": parsed.Random[:len(parsed.Random)-1],
		"byte missing":   append(bytes.Clone(parsed.Random[:60]), parsed.Random[61:]...),
	} {
		keys := *parsed
		keys.Random = random
		o := options()
		o.Keys = &keys
		_, differences := replayOf(t, s.capture.Bytes(), nil, o)
		require.NotEmpty(t, differences, name)
	}
}

func TestKeysOfAnotherRecording(t *testing.T) {
	s := states(t, 3)
	keys := s.keys.String()
	private := s.identity.Private()
	other := resealed(strings.Replace(keys, hex.EncodeToString(private[:]), strings.Repeat("07", 32), 1))
	require.ErrorIs(t, runWith(t, s, other), replay.ErrKeys)
	// Another recording of the same transport has the same private key.
	id := strings.Fields(strings.SplitN(keys, "\n", 3)[1])[1]
	other = resealed(strings.Replace(keys, id, strings.Repeat("07", 16), 1))
	require.ErrorIs(t, runWith(t, s, other), replay.ErrKeys)
}

func TestDamagedKeysAreRefused(t *testing.T) {
	keys := states(t, 3).keys.String()
	require.Equal(t, keys, resealed(keys))
	lines, tried := strings.SplitAfter(keys, "\n"), 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "random ") {
			continue
		}
		tried++
		flipped := slices.Clone(lines)
		flipped[i] = strings.Replace(line, line[7:8], string(line[7]^1), 1)
		for _, damaged := range [][]string{flipped, slices.Delete(slices.Clone(lines), i, i+1)} {
			_, err := journal.ParseKeys(strings.NewReader(strings.Join(damaged, "")))
			require.ErrorIs(t, err, journal.ErrKeys)
			require.ErrorContains(t, err, fmt.Sprintf("line %d: ", i+1))
		}
	}
	require.Positive(t, tried)
}

// A keys file that ends early is replayed as far as its keys suffice.
func TestKeysThatEndEarly(t *testing.T) {
	s := states(t, 40)
	lines := strings.SplitAfter(s.keys.String(), "\n")
	short, enough := 0, 0
	for n := 1; n < len(lines); n++ {
		switch err := runWith(t, s, strings.Join(lines[:n], "")); {
		case err == nil:
			enough++ // none of the missing lines is needed
		default:
			require.ErrorIs(t, err, replay.ErrKeysCut, "%d lines", n)
			short++
		}
	}
	require.Positive(t, enough)
	require.Greater(t, short, 10)
}

// resealed returns a keys file with its checksums recomputed.
func resealed(keys string) string {
	lines, sum := strings.Split(keys, "\n"), uint32(0)
	for i := 1; i < len(lines)-1; i++ {
		words := lines[i][:strings.LastIndex(lines[i], " ")]
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), []byte(words+"\n"))
		lines[i] = fmt.Sprintf("%s %08x", words, sum)
	}
	return strings.Join(lines, "\n")
}

// runWith replays s with other keys and returns the error. There must be no
// difference.
func runWith(t *testing.T, s *node, keys string) error {
	parsed, err := journal.ParseKeys(strings.NewReader(keys))
	require.NoError(t, err)
	res, err := replay.Run(mustCapture(t, s.capture.Bytes()), replay.Options{Keys: parsed})
	require.Empty(t, res.Differences)
	return err
}

func change(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// cut removes the last byte of a datagram over IPv4.
func cut(packet []byte) []byte {
	packet = packet[:len(packet)-1]
	packet[25]--
	return packet
}
