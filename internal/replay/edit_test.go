package replay_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is a block of a recording: a packet with an entry in its options, an entry
// alone, or one of the blocks before those.
type block struct {
	kind   uint32
	fixed  []byte // of a packet: interface, time and lengths
	packet []byte
	text   []byte // of the entry, without its number and checksum
	other  []byte
}

const kindPacket, kindCustom = 6, 0xbad

// split parses a recording into its blocks (draft-ietf-opsawg-pcapng).
func split(t testing.TB, b []byte) (all []block) {
	le := binary.LittleEndian
	for len(b) > 0 {
		n := int(le.Uint32(b[4:]))
		body := b[8 : n-4]
		k := block{kind: le.Uint32(b)}
		switch k.kind {
		case kindPacket:
			size := int(le.Uint32(body[12:]))
			k.fixed, k.packet = body[:20], body[20:20+size]
			for o := body[20+(size+3)&^3:]; le.Uint16(o) != 0; {
				length := int(le.Uint16(o[2:]))
				if le.Uint16(o) == 2988 {
					k.text = append(k.text, o[8:4+length]...)
				}
				o = o[4+(length+3)&^3:]
			}
			require.NotEmpty(t, k.text)
		case kindCustom:
			k.text = body[8 : 8+le.Uint32(body[4:])]
		default:
			k.other = body
		}
		if k.text != nil {
			k.text = unseal(t, k.text)
		}
		all = append(all, k)
		b = b[n:]
	}
	return all
}

func pad(b []byte) []byte { return append(b, "\x00\x00\x00"[:-len(b)&3]...) }

// sealedText matches an entry with the number and checksum that package journal
// adds.
var sealedText = regexp.MustCompile(`^({.*),"n":([0-9]+),"crc":"([0-9a-f]{8})"}$`)

func unseal(t testing.TB, text []byte) []byte {
	parts := sealedText.FindSubmatch(text)
	require.NotNil(t, parts, "%s", text)
	return append(slices.Clone(parts[1]), '}')
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func seal(text []byte, number int) []byte {
	text = strconv.AppendInt(append(text[:len(text)-1:len(text)-1], `,"n":`...), int64(number), 10)
	return fmt.Appendf(text, `,"crc":"%08x"}`, crc32.Checksum(text, castagnoli))
}

// join is the inverse of split. It numbers the entries and computes the checksums,
// as if these blocks had been recorded.
func join(all []block) (out []byte) {
	le, number, size := binary.LittleEndian, 0, 0
	for _, k := range all {
		size += 128 + len(k.fixed) + len(k.packet) + len(k.text) + len(k.other)
	}
	out = make([]byte, 0, size)
	for _, k := range all {
		if k.text != nil {
			number++
			k.text = seal(k.text, number)
		}
		body := append(make([]byte, 0, 128+len(k.fixed)+len(k.packet)+len(k.text)+len(k.other)), k.other...)
		switch k.kind {
		case kindPacket:
			body = pad(append(append(body, k.fixed...), k.packet...))
			le.PutUint32(body[12:], uint32(len(k.packet)))
			le.PutUint32(body[16:], uint32(len(k.packet)))
			body = le.AppendUint16(body, 2988)
			body = le.AppendUint16(body, uint16(4+len(k.text)))
			body = append(le.AppendUint32(body, 32473), k.text...)
			body = append(pad(body), 0, 0, 0, 0)
		case kindCustom:
			body = le.AppendUint32(body, 32473)
			body = le.AppendUint32(body, uint32(len(k.text)))
			body = pad(append(body, k.text...))
		}
		out = le.AppendUint32(out, k.kind)
		out = le.AppendUint32(out, uint32(len(body)+12))
		out = append(out, body...)
		out = le.AppendUint32(out, uint32(len(body)+12))
	}
	return out
}

// fields returns the fields of the entry.
func (k *block) fields(t testing.TB) map[string]any {
	m := map[string]any{}
	require.NoError(t, json.Unmarshal(k.text, &m))
	return m
}

// set sets a field of the entry.
func (k *block) set(t testing.TB, name string, value any) {
	m := k.fields(t)
	m[name] = value
	k.setFields(t, m)
}

// setFields replaces the fields of the entry. The kind comes first, as package
// journal requires.
func (k *block) setFields(t testing.TB, m map[string]any) {
	kind := m["kind"]
	delete(m, "kind")
	rest, err := json.Marshal(m)
	require.NoError(t, err)
	if rest[0] = ','; len(rest) == 2 {
		rest = rest[1:]
	}
	k.text = append(fmt.Appendf(nil, `{"kind":%q`, kind), rest...)
}

// kindOf returns the kind of the entry.
func (k *block) kindOf(t testing.TB) string {
	if k.text == nil {
		return ""
	}
	kind, _ := k.fields(t)["kind"].(string)
	return kind
}

// clone returns a copy that can be edited.
func clone(all []block) []block {
	all = slices.Clone(all)
	for i := range all {
		all[i].packet, all[i].text = slices.Clone(all[i].packet), slices.Clone(all[i].text)
	}
	return all
}

// packetsAlone turns a recording into a plain capture: it removes the mark of the
// section and the first entry.
func packetsAlone(all []block) []block {
	all = append(all[:2:2], all[min(3, len(all)):]...)
	all[0].other = all[0].other[:16]
	return all
}

func TestJoinIsInverseOfSplit(t *testing.T) {
	s := states(t, 5)
	all := split(t, s.capture.Bytes())
	res, differences := replayOf(t, join(all), s.keys.Bytes(), options())
	require.Empty(t, differences)
	require.True(t, res.Whole)
	for i := range all {
		if all[i].text != nil {
			all[i].setFields(t, all[i].fields(t))
		}
	}
	_, differences = replayOf(t, join(all), s.keys.Bytes(), options())
	require.Empty(t, differences)
}
