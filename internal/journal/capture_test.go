package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
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

// ng writes pcapng as the draft has it, apart from the code under test.
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

// option is one, to be padded by words.
func (w *ng) option(code uint16, value string) []byte {
	return w.words(code, uint16(len(value)), value)
}

// link is an interface with a resolution, if that is not zero.
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

// sealed is an entry's text as the package documents it.
func sealed(text string, number int) string {
	text = fmt.Sprintf(`%s,"n":%d`, text[:len(text)-1], number)
	return fmt.Sprintf(`%s,"crc":"%08x"}`, text, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

func (w *ng) custom(text string) { w.block(0xbad, 32473, len(text), text) }

func (w *ng) entry(text string, number int) { w.custom(sealed(text, number)) }

// journal begins one, with its first entry.
func (w *ng) journal(version int) {
	w.block(0x0a0d0d0a, 0x1a2b3c4d, uint16(1), uint16(0), -1, -1, w.option(4, fmt.Sprint("intentra journal v", version)), 0)
	w.link(101, 0, 9)
	w.entry(`{"kind":"start"}`, 1)
}

// read returns all items of a capture, and how it ended.
func read(t testing.TB, b []byte) (all []Item, err error) {
	c, err := NewCapture(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	for {
		it, err := c.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		require.False(t, it.Packet == nil && it.Entry == nil)
		all = append(all, it)
	}
}

func requirePacket(t *testing.T, it Item, number int, at time.Time, data string) {
	t.Helper()
	require.NotNil(t, it.Packet)
	require.Nil(t, it.Entry)
	require.Equal(t, number, it.Packet.Number)
	require.True(t, it.Packet.Whole)
	require.True(t, at.Equal(it.Packet.Time), "%v", it.Packet.Time)
	require.Equal(t, data, string(it.Packet.Data))
	require.Equal(t, "10.0.0.1:5", it.Packet.From.String())
	require.Equal(t, "10.0.0.2:6", it.Packet.To.String())
}

func datagram(data string) []byte {
	return appendIP(nil, addrPort("10.0.0.1:5"), addrPort("10.0.0.2:6"), []byte(data))
}

func TestPcapng(t *testing.T) {
	for _, o := range orders {
		w := &ng{order: o}
		w.section()
		w.block(5, "a block that nobody knows")
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
		// The custom blocks have counted. Another section has interfaces of its own, and may have another byte order.
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

// start, flush and then what a test does to it: damage is found where it is, or where
// an entry is missing.
func TestDamagedJournal(t *testing.T) {
	flush := func(w *ng, number int) { w.entry(`{"kind":"flush"}`, number) }
	end := func(w *ng, number int) { w.entry(`{"kind":"end"}`, number) }
	b := datagram("x")
	for name, tc := range map[string]struct {
		damage func(w *ng)
		words  string // none: it is sound
	}{
		"nothing":                     {func(w *ng) { end(w, 3) }, ""},
		"cut off":                     {func(w *ng) {}, ""},
		"missing entry":               {func(w *ng) { end(w, 4) }, "block 5, at byte 208: entry 3 of the recording is missing"},
		"missing entries":             {func(w *ng) { end(w, 9) }, "entries 3 to 8 of the recording are missing"},
		"repeated entry":              {func(w *ng) { flush(w, 2) }, "entry 2 of the recording comes after entry 2"},
		"first again":                 {func(w *ng) { w.entry(`{"kind":"start"}`, 1) }, "entry 1 of the recording comes after entry 2"},
		"number of nothing":           {func(w *ng) { flush(w, 0) }, "entry 0"},
		"somebody's block":            {func(w *ng) { w.block(0xbad, 7, 9); end(w, 3) }, ""},
		"somebody's block, and a gap": {func(w *ng) { w.block(0xbad, 7, 9); end(w, 4) }, "block 6, at byte 228: entry 3"},
		"somebody's block at the end": {func(w *ng) { w.block(0xbad, 7, 9) }, "block 5, at byte 208: no entry"},
		"unknown block at the end":    {func(w *ng) { w.block(0xbac, 32473, 9) }, "no entry"},
		"packet at the end":           {func(w *ng) { w.packet(0, 0, b, len(b)) }, "no entry"},
		"packet behind the end":       {func(w *ng) { end(w, 3); w.packet(0, 0, b, len(b)) }, ""},
		"text of another":             {func(w *ng) { w.custom(`{"kinD":"flush"}`) }, "an entry of the recording cannot be read"},
		"empty text":                  {func(w *ng) { w.custom(""); end(w, 4) }, "entry 3"},
		"padding that is not empty":   {func(w *ng) { w.block(0xbad, 32473, 3, "{}  ") }, "as long as it is said to be"},
		"length beyond the file":      {func(w *ng) { w.Write(w.words(0xbad, 800, 32473, 4, "text", 24)); end(w, 3) }, "said to have 800 bytes, and ends before"},
		"length of the last":          {func(w *ng) { w.Write(w.words(0xbad, 800, 32473, 4, "text", 24)) }, "said to have 800 bytes, and ends before"},
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
			require.ErrorContains(t, err, "the file is damaged from there on, take another copy of it")
		}
	}
}

// A journal has to be one from its start.
func TestJournalWithoutItsBeginning(t *testing.T) {
	for name, tc := range map[string]struct {
		write func(w *ng)
		words string
	}{
		"section alone":   {func(w *ng) {}, "cut off before its first entry"},
		"another version": {func(w *ng) { w.Reset(); w.journal(Version + 1) }, fmt.Sprintf("in version \"%d\" of the format, while this program reads version %d", Version+1, Version)},
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
	// With no mark, entries are those of packets that somebody has picked out.
	w := &ng{order: binary.LittleEndian}
	w.section()
	w.entry(`{"kind":"flush"}`, 7)
	w.entry(`{"kind":"flush"}`, 9)
	all, err := read(t, w.Bytes())
	require.NoError(t, err)
	require.Len(t, all, 2)
	// The first entry says as much as the mark.
	w.Reset()
	w.section()
	w.entry(`{"kind":"start"}`, 1)
	w.entry(`{"kind":"flush"}`, 3)
	_, err = read(t, w.Bytes())
	require.ErrorIs(t, err, ErrCapture)
}

// A simple packet is cut to what its interface keeps, and padded after that.
func TestSnappedSimplePacket(t *testing.T) {
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
		"packet of no interface":    func(w *ng) { w.packet(1, 0, b, len(b)) },
		"packet beyond its block":   func(w *ng) { w.block(6, 0, 0, 0, len(b)+9, len(b), string(b)) },
		"short packet block":        func(w *ng) { w.block(6, 0, 0, 0) },
		"short interface":           func(w *ng) { w.block(1, 101) },
		"simple without length":     func(w *ng) { w.block(3) },
		"simple without interface":  func(w *ng) { w.section(); w.block(3, len(b), string(b)) },
		"unknown link":              func(w *ng) { w.link(147, 0, 0) },
		"finer than nanoseconds":    func(w *ng) { w.link(101, 0, 10) },
		"binary resolution":         func(w *ng) { w.link(101, 0, 0x80|20) },
		"option beyond its block":   func(w *ng) { w.packet(0, 0, b, len(b), w.words(uint16(1), uint16(50), "short")...) },
		"half an option":            func(w *ng) { w.packet(0, 0, b, len(b), 1, 0, 2) },
		"lengths that differ":       func(w *ng) { w.Write(w.words(5, 16, 0, 20)) },
		"length of no whole words":  func(w *ng) { w.Write(w.words(5, 13, 0, 13)) },
		"length of less than all":   func(w *ng) { w.Write(w.words(5, 8, 8)) },
		"length of four gigabytes":  func(w *ng) { w.Write(w.words(5, -4, 8)) },
		"unknown byte order":        func(w *ng) { w.Write(w.words(0x0a0d0d0a, 28, 0, 0, 0, 0, 28)) },
		"section without its head":  func(w *ng) { w.block(0x0a0d0d0a, 0x1a2b3c4d) },
		"section without an end":    func(w *ng) { w.block(0x0a0d0d0a, 0x1a2b3c4d, 1, -1, -1, uint16(4), uint16(50)) },
		"entry that is no JSON":     func(w *ng) { w.entry(`{"kind":!}`, 1) },
		"entry of wrong kinds":      func(w *ng) { w.entry(`{"kind":5,"at":"now"}`, 1) },
		"entry of a packet, no key": func(w *ng) { w.entry(`{"kind":"dial","key":"AAAA"}`, 1) },
		"entry without its seal":    func(w *ng) { w.custom(`{"kind":"flush"}`) },
		"entry of another seal":     func(w *ng) { w.custom(strings.Replace(sealed(`{"kind":"flush"}`, 1), "sh", "rb", 1)) },
		"entry beyond its block":    func(w *ng) { w.block(0xbad, 32473, 400, sealed(`{"kind":"flush"}`, 1)) },
		"entry of a shorter text":   func(w *ng) { w.block(0xbad, 32473, 9, sealed(`{"kind":"flush"}`, 1)) },
	} {
		for _, o := range orders {
			w := &ng{order: o}
			w.section()
			w.link(101, 0, 0)
			w.packet(0, 0, b, len(b))
			damage(w)
			all, err := read(t, w.Bytes())
			require.ErrorIs(t, err, ErrCapture, name)
			require.NotContains(t, err.Error(), ErrCapture.Error(), "it is one, but damaged")
			require.Len(t, all, 1, "%s: what is before it is read", name)
		}
	}
}

// pcap writes the older format.
func pcap(o order, magic uint32, link uint32, packets ...[]byte) []byte {
	b := o.AppendUint32(nil, magic)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)
	b = o.AppendUint32(b, link)
	for i, p := range packets {
		for _, v := range []int{7 + i, 89, len(p), len(p)} {
			b = o.AppendUint32(b, uint32(v))
		}
		b = append(b, p...)
	}
	return b
}

func TestPcap(t *testing.T) {
	ether := func(kinds ...byte) []byte { return append(append(make([]byte, 12), kinds...), datagram("x")...) }
	v6 := appendIP(nil, addrPort("[::1]:5"), addrPort("[::2]:6"), []byte("x"))
	for _, tc := range []struct {
		name   string
		link   uint32
		packet []byte
	}{
		{"raw", 101, datagram("x")},
		{"BSD loopback", 0, append([]byte{2, 0, 0, 0}, datagram("x")...)},
		{"OpenBSD loopback", 108, append([]byte{0, 0, 0, 2}, datagram("x")...)},
		{"Ethernet", 1, ether(8, 0)},
		{"Ethernet, padded", 1, append(ether(8, 0), 0, 0, 0)},
		{"Ethernet with its check sequence told", 1 | 0x24000000, ether(8, 0)},
		{"VLAN", 1, ether(0x81, 0, 0, 9, 8, 0)},
		{"VLAN in VLAN", 1, ether(0x88, 0xa8, 0, 9, 0x81, 0, 0, 9, 8, 0)},
		{"Linux cooked", 113, append(make([]byte, 16), datagram("x")...)},
		{"Linux cooked 2", 276, append(make([]byte, 20), datagram("x")...)},
		{"IPv4", 228, datagram("x")},
	} {
		for _, o := range orders {
			for magic, part := range map[uint32]time.Duration{0xa1b2c3d4: time.Microsecond, 0xa1b23c4d: time.Nanosecond} {
				all, err := read(t, pcap(o, magic, tc.link, tc.packet, tc.packet))
				require.NoError(t, err, tc.name)
				require.Len(t, all, 2, tc.name)
				for i := range 2 {
					requirePacket(t, all[i], i+1, time.Unix(int64(7+i), int64(89*part)), "x")
				}
				// One that ends within its headers is not ours, and no harm.
				for n := range tc.packet[:len(tc.packet)-3] {
					all, err := read(t, pcap(o, magic, tc.link, tc.packet[:n]))
					require.NoError(t, err)
					require.Len(t, all, 1)
					require.Nil(t, all[0].Packet.Data, "%s: %d bytes", tc.name, n)
				}
			}
		}
	}
	all, err := read(t, pcap(binary.LittleEndian, pcapMicro, 229, v6))
	require.NoError(t, err)
	require.Equal(t, "[::1]:5", all[0].Packet.From.String())
	all, err = read(t, pcap(binary.LittleEndian, pcapMicro, 1, ether(8, 6)))
	require.NoError(t, err)
	require.Nil(t, all[0].Packet.Data, "ARP")

	for _, link := range []uint32{2, 127, 147, 1 << 15} {
		_, err = NewCapture(bytes.NewReader(pcap(binary.BigEndian, pcapNano, link)))
		require.ErrorIs(t, err, ErrCapture)
		require.ErrorContains(t, err, "link type")
	}
}

func TestDamagedPcap(t *testing.T) {
	whole := pcap(binary.BigEndian, pcapMicro, 101, datagram("x"))
	for cut := range whole {
		all, err := read(t, whole[:cut])
		require.Empty(t, all)
		switch {
		case cut < 24:
			require.ErrorIs(t, err, ErrCapture, cut)
		case cut > 24:
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, cut)
		}
	}
	snapped := bytes.Clone(whole)
	binary.BigEndian.PutUint32(snapped[24+12:], 100)
	all, err := read(t, snapped)
	require.NoError(t, err)
	require.False(t, all[0].Packet.Whole)
	require.Nil(t, all[0].Packet.Data)
	require.Equal(t, "10.0.0.1:5 10.0.0.2:6", all[0].Packet.From.String()+" "+all[0].Packet.To.String())
	for name, damage := range map[string]func(b []byte){
		"huge packet":     func(b []byte) { b[24+8] = 0xff },
		"time of no time": func(b []byte) { binary.BigEndian.PutUint32(b[24+4:], 1_000_000) },
	} {
		b := bytes.Clone(whole)
		damage(b)
		_, err := read(t, b)
		require.ErrorIs(t, err, ErrCapture, name)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, text := range []string{"", "abc", "neither of the two"} {
		name := filepath.Join(dir, "text")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		_, err = Open(name)
		require.ErrorIs(t, err, ErrCapture)
		require.ErrorContains(t, err, name)
	}
	_, err = Open(dir)
	require.ErrorIs(t, err, ErrCapture)
	require.ErrorContains(t, err, "is a folder")
	broken := errors.New("broken")
	_, err = NewCapture(errReader{broken})
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, ErrCapture)
	name := filepath.Join(dir, "a.pcap")
	require.NoError(t, os.WriteFile(name, pcap(binary.LittleEndian, pcapMicro, 101, datagram("x")), 0o600))
	c, err := Open(name)
	require.NoError(t, err)
	require.False(t, c.Begun())
	_, err = c.Next()
	require.NoError(t, err)
	require.True(t, c.Begun())
	_, err = c.Next()
	require.Equal(t, io.EOF, err)
	require.NoError(t, c.Close())
	c, err = NewCapture(bytes.NewReader(pcap(binary.LittleEndian, pcapMicro, 101)))
	require.NoError(t, err)
	require.NoError(t, c.Close(), "of what the caller has opened")

	_, err = NewCapture(nil)
	require.EqualError(t, err, "journal: NewCapture needs a reader")
	_, err = new(Capture).Next()
	require.EqualError(t, err, "journal: a Capture that neither Open nor NewCapture has made")
	require.NoError(t, new(Capture).Close())
}

// An entry may be longer than the 65,535 bytes of an option: so many messages may a
// large datagram hold, all dropped for reasons with names.
func TestLongEntryOfAPacket(t *testing.T) {
	for _, n := range []int{0, 1, 100, 2_000, 2_500, 3_000, 50_000} {
		e := Entry{Kind: Received, At: 5, Addr: addrPort("10.0.0.1:5")}
		e.Outcome.Verdict = "accept"
		for i := range n {
			e.Outcome.Dropped = append(e.Outcome.Dropped, []string{"ack/beyond_window", "größe/maß"}[i%2])
		}
		b := appendSection(nil, "test")
		b = appendPacket(b, &outline{7, datagram("data"), flagInbound, e.Outcome.String()}, seal(nil, encode(e), 5))
		all, err := read(t, b)
		require.NoError(t, err, "%d drops", n)
		require.Len(t, all, 1)
		e.Data, e.Number = []byte("data"), 5
		require.Equal(t, &e, all[0].Entry)
		require.Equal(t, "data", string(all[0].Packet.Data))
	}
}

// FuzzCapture is whoever sends a capture to be looked at: any bytes are read to
// their end or refused, in memory that is bounded by the largest block and a
// multiple of the bytes.
func FuzzCapture(f *testing.F) {
	for _, o := range orders {
		w := &ng{order: o}
		w.section()
		w.link(101, 0, 9)
		w.packet(0, 5_000_000_007, datagram("nano"), len(datagram("nano")), w.words(w.option(2988, string(w.words(32473))+sealed(`{"kind":"received"}`, 1)), 0)...)
		w.block(3, len(datagram("simple!")), string(datagram("simple!")))
		w.entry(`{"kind":"flush"}`, 1)
		f.Add(w.Bytes())
		w = &ng{order: o}
		w.journal(Version)
		w.entry(`{"kind":"flush"}`, 2)
		w.block(0xbad, 7, 0)
		w.packet(0, 7, datagram("nano"), len(datagram("nano")), w.words(w.option(2988, string(w.words(32473))+sealed(`{"kind":"received"}`, 3)), 0)...)
		f.Add(w.Bytes())
		f.Add(pcap(o, pcapMicro, 1, append(append(make([]byte, 12), 0x81, 0, 0, 9, 8, 0), datagram("x")...)))
		f.Add(pcap(o, pcapNano, 276, append(make([]byte, 20), datagram("x")...)))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		all, err := read(t, in)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(maxBlock+1<<20+200*len(in)))
		require.LessOrEqual(t, len(all), len(in)/12, "each item is a block of its own")
		for i, it := range all {
			if p := it.Packet; p != nil && p.Data != nil {
				require.True(t, p.Whole)
				require.True(t, p.From.IsValid() && p.To.IsValid())
				require.True(t, bytes.Contains(in, p.Data), i)
			}
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			require.ErrorIs(t, err, ErrCapture)
		}
	})
}
