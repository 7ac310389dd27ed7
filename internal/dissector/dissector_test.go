package dissector

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// The dissector shows every field of every packet with its value and position,
// and every byte of a packet belongs to a field.
func TestFieldsOfEveryPacket(t *testing.T) {
	t.Parallel()
	requireSamples(t, append(packetSamples(t, wire.AESGCM), packetSamples(t, wire.ChaChaPoly)...), datagrams, udpHeaders)
}

func TestFieldsOfEveryFrame(t *testing.T) {
	t.Parallel()
	requireSamples(t, frameSamples(t), plaintexts, 0, asFrames...)
}

func TestFieldsOfHello(t *testing.T) {
	t.Parallel()
	requireSamples(t, helloSamples(), plaintexts, 0, asHello...)
}

func requireSamples(t *testing.T, samples []sample, file func([][]byte) capture, before int, options ...string) {
	t.Helper()
	for i, p := range dissect(t, file(contents(samples)), options...) {
		require.Equal(t, samples[i].want, p.values(), "packet %d", i+1)
		p.requireTrue(t, samples[i].b, before)
		require.Empty(t, p.unnamed(len(samples[i].b), before), "packet %d", i+1)
		require.Equal(t, samples[i].faults, p.faults(), "packet %d", i+1)
	}
}

// The Info column describes each packet.
func TestInfoColumn(t *testing.T) {
	t.Parallel()
	column := []string{"-o", `gui.column.format:"Info","%i"`}
	requireInfo := func(samples []sample, file func([][]byte) capture, options ...string) {
		out := tshark(t, append(append([]string{"-r", file(contents(samples)).write(t)}, column...), options...)...)
		lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		require.Len(t, lines, len(samples))
		for i, s := range samples {
			require.Equal(t, s.info, strings.TrimSpace(lines[i]))
		}
	}
	requireInfo(packetSamples(t, wire.AESGCM), datagrams)
	requireInfo(helloSamples(), plaintexts, asHello...)
	frames := slices.DeleteFunc(frameSamples(t), func(s sample) bool { return s.info == "" })
	frames = append(frames, sample{b: append(slices.Clone(frames[0].b), 16), info: "Padding, unknown (malformed)"})
	requireInfo(frames, plaintexts, asFrames...)
}

// Every field that the Lua file declares occurs in some packet.
func TestEveryDeclaredFieldOccurs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	see := func(c capture, options ...string) {
		for _, p := range dissect(t, c, options...) {
			for _, f := range p {
				seen[f.name] = true
			}
		}
	}
	packets := contents(packetSamples(t, wire.AESGCM))
	see(datagrams(slices.Concat(packets, truncations(packets[:1]), badHeaders(packets))), asIntentra...)
	see(newCapture(linkRaw).add(datagram(0, packets[0])[:udpHeaders+40], udpHeaders+wire.InitSize), asIntentra...)
	frames := contents(frameSamples(t))
	see(plaintexts(append(frames, []byte{16})), asFrames...)
	see(plaintexts(append(contents(helloSamples()), nil)), asHello...)

	declared := 0
	for line := range strings.Lines(string(tshark(t, "-G", "fields"))) {
		// F, description, name, type, protocol and more.
		if columns := strings.Split(line, "\t"); columns[0] == "F" && strings.HasPrefix(columns[4], "intentra") {
			declared++
			require.True(t, seen[columns[2]], "no packet has the declared field %s", columns[2])
		}
	}
	require.Greater(t, declared, 50)
}

// unnamed returns the offsets of the bytes that no field shows. Fields of type
// intentra.frame do not count: a frame contains its other fields.
func (p packet) unnamed(size, before int) (missing []int) {
	named := make([]bool, size)
	for _, f := range p {
		if strings.HasPrefix(f.name, "intentra.") && f.name != "intentra.frame" {
			for i := range f.size {
				named[f.at-before+i] = true
			}
		}
	}
	for i, ok := range named {
		if !ok {
			missing = append(missing, i)
		}
	}
	return missing
}

func contents(samples []sample) (all [][]byte) {
	for _, s := range samples {
		all = append(all, s.b)
	}
	return all
}
