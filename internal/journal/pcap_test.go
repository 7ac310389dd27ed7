package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pcap returns a pcap file.
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
		{"Ethernet with frame check sequence", 1 | 0x24000000, ether(8, 0)},
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
				// A packet truncated within its headers has no payload.
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
		"huge packet":       func(b []byte) { b[24+8] = 0xff },
		"time out of range": func(b []byte) { binary.BigEndian.PutUint32(b[24+4:], 1_000_000) },
	} {
		b := bytes.Clone(whole)
		damage(b)
		_, err := read(t, b)
		require.ErrorIs(t, err, ErrCapture, name)
	}
}
