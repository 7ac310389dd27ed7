package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// order is a byte order with both halves of encoding/binary's.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var orders = []order{binary.LittleEndian, binary.BigEndian}

// ng writes pcapng independently of the code under test.
type ng struct {
	order
	bytes.Buffer
}

func (w *ng) words(values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case int: // 32 bits
			b = w.AppendUint32(b, uint32(v))
		case uint16:
			b = w.AppendUint16(b, v)
		case string:
			b = append(b, v...)
			b = append(b, make([]byte, (4-len(v)%4)%4)...)
		case []byte:
			b = append(b, v...)
		}
	}
	return b
}

func (w *ng) block(kind int, values ...any) {
	body := w.words(values...)
	w.Write(w.words(kind, len(body)+12, body, len(body)+12))
}

func (w *ng) section() {
	w.block(0x0a0d0d0a, 0x1a2b3c4d, uint16(1), uint16(0), -1, -1)
}

// option returns an option.
func (w *ng) option(code uint16, value string) []byte {
	return w.words(code, uint16(len(value)), value)
}

// link writes an interface, with a time resolution unless that is zero.
func (w *ng) link(kind uint16, snap int, resolution byte) {
	var options []byte
	if resolution != 0 {
		options = append(w.option(9, string(resolution)), w.words(0)...)
	}
	w.block(1, kind, uint16(0), snap, options)
}

func (w *ng) packet(link int, at uint64, data []byte, length int, options ...byte) {
	w.block(6, link, int(at>>32), int(uint32(at)), len(data), length, string(data), options)
}

// sealed returns an entry's text with its number and checksum.
func sealed(text string, number int) string {
	text = fmt.Sprintf(`%s,"n":%d`, text[:len(text)-1], number)
	return fmt.Sprintf(`%s,"crc":"%08x"}`, text, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

func (w *ng) custom(text string) { w.block(0xbad, 32473, len(text), text) }

func (w *ng) entry(text string, number int) { w.custom(sealed(text, number)) }

// journal begins a recording with its first entry.
func (w *ng) journal(version int) {
	w.block(0x0a0d0d0a, 0x1a2b3c4d, uint16(1), uint16(0), -1, -1, w.option(4, fmt.Sprint("intentra journal v", version)), 0)
	w.link(101, 0, 9)
	w.entry(`{"kind":"start"}`, 1)
}

func TestPcapng(t *testing.T) {
	for _, o := range orders {
		w := &ng{order: o}
		w.section()
		w.block(5, "a block of an unknown type")
		w.link(101, 0, 0) // microseconds
		w.link(101, 0, 9)
		w.link(228, 0, 6)
		w.packet(0, 1_000_001, datagram("micro"), len(datagram("micro")))
		w.packet(1, 5_000_000_007, datagram("nano"), len(datagram("nano")), w.words(w.option(1, "comment"), w.option(2988, "\x00\x00\x00\x09other"), 0)...)
		w.packet(2, 3_000_000, datagram("six"), len(datagram("six")))
		w.packet(2, 3_000_000, datagram("cut")[:30], len(datagram("cut")))
		w.block(3, len(datagram("simple!")), string(datagram("simple!")))
		w.block(0xbad, 32473, 4, "else")
		w.block(0xbad, 7, 4, `{"kind":"flush"}`)
		// Custom blocks count as well. Another section has its own interfaces, and may
		// have another byte order.
		for _, second := range orders {
			w.order = second
			w.section()
			w.link(1, 0, 3)
			w.packet(0, 9_001, append(make([]byte, 12), append([]byte{8, 0}, datagram("later")...)...), 14+len(datagram("later")))
		}
		all, err := read(t, w.Bytes())
		require.NoError(t, err)
		require.Len(t, all, 7)
		requirePacket(t, all[0], 1, time.UnixMicro(1_000_001), "micro")
		requirePacket(t, all[1], 2, time.Unix(5, 7), "nano")
		requirePacket(t, all[2], 3, time.Unix(3, 0), "six")
		require.False(t, all[3].Packet.Whole)
		require.Nil(t, all[3].Packet.Data)
		requirePacket(t, all[4], 5, time.Unix(0, 0), "simple!")
		requirePacket(t, all[5], 8, time.Unix(9, 1_000_000), "later")
		requirePacket(t, all[6], 9, time.Unix(9, 1_000_000), "later")
	}
}

// A recording of a start and a flush is extended or damaged in many ways. The error
// names the damaged block, or the one before which an entry is missing.
func TestDamagedRecording(t *testing.T) {
	flush := func(w *ng, number int) { w.entry(`{"kind":"flush"}`, number) }
	end := func(w *ng, number int) { w.entry(`{"kind":"end"}`, number) }
	b := datagram("x")
	for name, tc := range map[string]struct {
		damage func(w *ng)
		words  string // empty if it is valid
	}{
		"complete":                 {func(w *ng) { end(w, 3) }, ""},
		"cut off":                  {func(w *ng) {}, ""},
		"missing entry":            {func(w *ng) { end(w, 4) }, "block 5, at byte 208: entry 3 of the recording is missing"},
		"missing entries":          {func(w *ng) { end(w, 9) }, "entries 3 to 8 of the recording are missing"},
		"repeated entry":           {func(w *ng) { flush(w, 2) }, "entry 2 of the recording comes after entry 2"},
		"second start":             {func(w *ng) { w.entry(`{"kind":"start"}`, 1) }, "entry 1 of the recording comes after entry 2"},
		"number zero":              {func(w *ng) { flush(w, 0) }, "entry 0"},
		"foreign block":            {func(w *ng) { w.block(0xbad, 7, 9); end(w, 3) }, ""},
		"foreign block, and a gap": {func(w *ng) { w.block(0xbad, 7, 9); end(w, 4) }, "block 6, at byte 228: entry 3"},
		"foreign block at the end": {func(w *ng) { w.block(0xbad, 7, 9) }, "block 5, at byte 208: it is not an entry"},
		"unknown block at the end": {func(w *ng) { w.block(0xbac, 32473, 9) }, "it is not an entry"},
		"packet at the end":        {func(w *ng) { w.packet(0, 0, b, len(b)) }, "it is not an entry"},
		"packet after the end":     {func(w *ng) { end(w, 3); w.packet(0, 0, b, len(b)) }, ""},
		"foreign text":             {func(w *ng) { w.custom(`{"kinD":"flush"}`) }, "it is not an entry of the recording"},
		"empty text":               {func(w *ng) { w.custom(""); end(w, 4) }, "entry 3"},
		"padding that is not zero": {func(w *ng) { w.block(0xbad, 32473, 3, "{}  ") }, "does not have the length that it declares"},
		"length beyond the file":   {func(w *ng) { w.Write(w.words(0xbad, 800, 32473, 4, "text", 24)); end(w, 3) }, "its length of 800 bytes is wrong"},
		"length of the last block": {func(w *ng) { w.Write(w.words(0xbad, 800, 32473, 4, "text", 24)) }, "its length of 800 bytes is wrong"},
	} {
		for _, o := range orders {
			w := &ng{order: o}
			w.journal(Version)
			flush(w, 2)
			tc.damage(w)
			_, err := read(t, w.Bytes())
			if tc.words == "" {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorIs(t, err, ErrCapture, name)
			require.ErrorContains(t, err, tc.words, name)
			require.ErrorContains(t, err, "the file is damaged from there on, copy it again")
		}
	}
}

// A recording must begin with its first entry.
func TestRecordingWithoutItsBeginning(t *testing.T) {
	for name, tc := range map[string]struct {
		write func(w *ng)
		words string
	}{
		"section alone":   {func(w *ng) {}, "cut off before its first entry"},
		"another version": {func(w *ng) { w.Reset(); w.journal(Version + 1) }, fmt.Sprintf("in version \"%d\" of the format; this program reads version %d", Version+1, Version)},
		"second entry":    {func(w *ng) { w.entry(`{"kind":"flush"}`, 2) }, "the beginning of the recording is missing"},
		"first is second": {func(w *ng) { w.entry(`{"kind":"start"}`, 2) }, "entry 1 of the recording is missing"},
		"first is a call": {func(w *ng) { w.entry(`{"kind":"flush"}`, 1) }, "the beginning of the recording is missing"},
		"packet":          {func(w *ng) { w.link(101, 0, 9); w.packet(0, 0, datagram("x"), 29) }, "the beginning of the recording is missing"},
	} {
		w := &ng{order: binary.LittleEndian}
		w.block(0x0a0d0d0a, 0x1a2b3c4d, uint16(1), uint16(0), -1, -1, w.option(4, fmt.Sprint("intentra journal v", Version)))
		tc.write(w)
		all, err := read(t, w.Bytes())
		require.ErrorIs(t, err, ErrCapture, name)
		require.ErrorContains(t, err, tc.words, name)
		require.Empty(t, all)
	}
	// Without the mark, the entries belong to packets extracted from a recording.
	w := &ng{order: binary.LittleEndian}
	w.section()
	w.entry(`{"kind":"flush"}`, 7)
	w.entry(`{"kind":"flush"}`, 9)
	all, err := read(t, w.Bytes())
	require.NoError(t, err)
	require.Len(t, all, 2)
	// The first entry identifies a recording as the mark does.
	w.Reset()
	w.section()
	w.entry(`{"kind":"start"}`, 1)
	w.entry(`{"kind":"flush"}`, 3)
	_, err = read(t, w.Bytes())
	require.ErrorIs(t, err, ErrCapture)
}

// A Simple Packet Block holds at most the snapshot length of its interface, plus
// padding.
func TestTruncatedSimplePacket(t *testing.T) {
	w := &ng{order: binary.BigEndian}
	w.section()
	b := datagram("12")
	w.link(101, len(b)-1, 0)
	w.block(3, len(b), string(b[:len(b)-1]))
	all, err := read(t, w.Bytes())
	require.NoError(t, err)
	require.False(t, all[0].Packet.Whole)
	require.Nil(t, all[0].Packet.Data)
}

func TestDamagedPcapng(t *testing.T) {
	b := datagram("x")
	for name, damage := range map[string]func(w *ng){
		"packet without interface":   func(w *ng) { w.packet(1, 0, b, len(b)) },
		"packet beyond its block":    func(w *ng) { w.block(6, 0, 0, 0, len(b)+9, len(b), string(b)) },
		"short packet block":         func(w *ng) { w.block(6, 0, 0, 0) },
		"short interface":            func(w *ng) { w.block(1, 101) },
		"simple without length":      func(w *ng) { w.block(3) },
		"simple without interface":   func(w *ng) { w.section(); w.block(3, len(b), string(b)) },
		"option beyond its block":    func(w *ng) { w.packet(0, 0, b, len(b), w.words(uint16(1), uint16(50), "short")...) },
		"half an option":             func(w *ng) { w.packet(0, 0, b, len(b), 1, 0, 2) },
		"lengths that differ":        func(w *ng) { w.Write(w.words(5, 16, 0, 20)) },
		"length not a multiple of 4": func(w *ng) { w.Write(w.words(5, 13, 0, 13)) },
		"length below the minimum":   func(w *ng) { w.Write(w.words(5, 8, 8)) },
		"length of four gigabytes":   func(w *ng) { w.Write(w.words(5, -4, 8)) },
		"unknown byte order":         func(w *ng) { w.Write(w.words(0x0a0d0d0a, 28, 0, 0, 0, 0, 28)) },
		"short section header":       func(w *ng) { w.block(0x0a0d0d0a, 0x1a2b3c4d) },
		"section options malformed":  func(w *ng) { w.block(0x0a0d0d0a, 0x1a2b3c4d, 1, -1, -1, uint16(4), uint16(50)) },
		"entry is not JSON":          func(w *ng) { w.entry(`{"kind":!}`, 1) },
		"entry with wrong types":     func(w *ng) { w.entry(`{"kind":5,"at":"now"}`, 1) },
		"entry with a short key":     func(w *ng) { w.entry(`{"kind":"dial","key":"AAAA"}`, 1) },
		"entry without checksum":     func(w *ng) { w.custom(`{"kind":"flush"}`) },
		"entry with wrong checksum":  func(w *ng) { w.custom(strings.Replace(sealed(`{"kind":"flush"}`, 1), "sh", "rb", 1)) },
		"entry beyond its block":     func(w *ng) { w.block(0xbad, 32473, 400, sealed(`{"kind":"flush"}`, 1)) },
		"entry with a shorter text":  func(w *ng) { w.block(0xbad, 32473, 9, sealed(`{"kind":"flush"}`, 1)) },
	} {
		for _, o := range orders {
			w := &ng{order: o}
			w.section()
			w.link(101, 0, 0)
			w.packet(0, 0, b, len(b))
			damage(w)
			all, err := read(t, w.Bytes())
			require.ErrorIs(t, err, ErrCapture, name)
			require.NotContains(t, err.Error(), ErrCapture.Error(), "it is a capture, but damaged")
			require.Len(t, all, 1, "%s: items before the damage", name)
		}
	}
}

// Times are read in any unit that 64 bits can count, and with an offset.
func TestTimesOfInterfaces(t *testing.T) {
	b := datagram("x")
	for _, tc := range []struct {
		resolution byte
		offset     int64
		at         uint64
		want       time.Time
	}{
		{0, 0, 7_000_001, time.UnixMicro(7_000_001)}, // if_tsresol absent: microseconds
		{3, 0, 7_005, time.Unix(7, 5_000_000)},
		{12, 0, 7_000_000_005_999, time.Unix(7, 5)}, // picoseconds are rounded down
		{19, 0, 15e18, time.Unix(1, 500_000_000)},
		{0x80, 0, 9, time.Unix(9, 0)},                                  // 2^0
		{0x80 | 1, 0, 19, time.Unix(9, 500_000_000)},                   // halves of a second
		{0x80 | 20, 0, 5<<20 | 1<<18, time.Unix(5, 250_000_000)},       // 2^-20
		{0x80 | 32, 0, 5<<32 | 1<<31, time.Unix(5, 500_000_000)},       // as NTP
		{0x80 | 63, 0, 1<<63 | 1<<62, time.Unix(1, 500_000_000)},       // the finest
		{9, 1_700_000_000, 5_000_000_007, time.Unix(1_700_000_005, 7)}, // if_tsoffset
		{6, -3, 5_000_000, time.Unix(2, 0)},
		{0x80 | 10, 100, 1024 + 512, time.Unix(101, 500_000_000)},
	} {
		for _, o := range orders {
			w := &ng{order: o}
			w.section()
			var options []byte
			if tc.resolution != 0 {
				options = w.option(9, string([]byte{tc.resolution}))
			}
			options = append(options, w.option(14, string(o.AppendUint64(nil, uint64(tc.offset))))...)
			w.block(1, uint16(101), uint16(0), 0, append(options, w.words(0)...))
			w.packet(0, tc.at, b, len(b))
			w.block(3, len(b), string(b)) // has no time
			all, err := read(t, w.Bytes())
			require.NoError(t, err)
			require.Len(t, all, 2)
			requirePacket(t, all[0], 1, tc.want, "x")
			require.Equal(t, int64(0), all[1].Packet.Time.Unix())
		}
	}
}

// Packets of interfaces that cannot be read are skipped, with one note for each kind
// of interface; those of the others are read.
func TestOtherInterfacesAreSkipped(t *testing.T) {
	b := datagram("x")
	for _, o := range orders {
		w := &ng{order: o}
		w.section()
		w.link(105, 0, 0) // IEEE 802.11
		w.link(101, 0, 0)
		w.link(105, 0, 0)
		w.link(101, 0, 20)
		w.link(101, 0, 0x80|64)
		for link := range 5 {
			w.packet(link, 7_000_000, b, len(b))
		}
		c, err := NewCapture(bytes.NewReader(w.Bytes()))
		require.NoError(t, err)
		for number := 1; number <= 5; number++ {
			it, err := c.Next()
			require.NoError(t, err)
			if number == 2 {
				requirePacket(t, it, 2, time.Unix(7, 0), "x")
				continue
			}
			require.Equal(t, &Packet{Number: number, Whole: true}, it.Packet)
		}
		_, err = c.Next()
		require.Equal(t, io.EOF, err)
		packets, notes := c.Skipped()
		require.Equal(t, 4, packets)
		require.Len(t, notes, 2)
		require.Contains(t, notes[0], "link type 105")
		require.Contains(t, notes[1], "time unit")
	}

	w := &ng{order: binary.LittleEndian}
	w.section()
	for kind := range 100 {
		w.link(uint16(500+kind), 0, 0)
	}
	c, err := NewCapture(bytes.NewReader(w.Bytes()))
	require.NoError(t, err)
	_, err = c.Next()
	require.Equal(t, io.EOF, err)
	_, notes := c.Skipped()
	require.Len(t, notes, maxNotes)
}
