package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
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
		"entry that is no JSON":     func(w *ng) { w.block(0xbad, 32473, 9, `{"kind":!`) },
		"entry of wrong kinds":      func(w *ng) { w.block(0xbad, 32473, 21, `{"kind":5,"at":"now"}`) },
		"entry of a packet, no key": func(w *ng) { w.block(0xbad, 32473, 30, `{"kind":"dial","key":"AAAA"}  `) },
	} {
		for _, o := range orders {
			w := &ng{order: o}
			w.section()
			w.link(101, 0, 0)
			w.packet(0, 0, b, len(b))
			damage(w)
			all, err := read(t, w.Bytes())
			require.ErrorIs(t, err, ErrCapture, name)
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
	name := filepath.Join(dir, "a.pcap")
	require.NoError(t, os.WriteFile(name, pcap(binary.LittleEndian, pcapMicro, 101, datagram("x")), 0o600))
	c, err := Open(name)
	require.NoError(t, err)
	_, err = c.Next()
	require.NoError(t, err)
	_, err = c.Next()
	require.Equal(t, io.EOF, err)
	require.NoError(t, c.Close())
	c, err = NewCapture(bytes.NewReader(pcap(binary.LittleEndian, pcapMicro, 101)))
	require.NoError(t, err)
	require.NoError(t, c.Close(), "of what the caller has opened")
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
		block := endPacket(beginPacket(nil, 7, datagram("data")), flagInbound, e.Outcome.String(), encode(e))
		all, err := read(t, append(b, block...))
		require.NoError(t, err, "%d drops", n)
		require.Len(t, all, 1)
		e.Data = []byte("data")
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
		w.packet(0, 5_000_000_007, datagram("nano"), len(datagram("nano")), w.words(w.option(2988, string(w.words(32473, `{"kind":"received"}`))), 0)...)
		w.block(3, len(datagram("simple!")), string(datagram("simple!")))
		w.block(0xbad, 32473, 16, `{"kind":"flush"}`)
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
