package dissector

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Link types, https://www.tcpdump.org/linktypes.html.
const (
	linkRaw   = 101 // IP packets
	linkUser0 = 147 // reserved for private use
)

// udpHeaders is the number of bytes that datagram puts in front of a payload.
const udpHeaders = 20 + 8

// port is the destination port of the tests' datagrams. No dissector of
// Wireshark has registered it.
const port = 61000

// capture is a file in the classic pcap format.
type capture struct {
	file    []byte
	packets int
}

func newCapture(link uint32) capture {
	c := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4) // times in microseconds
	c = binary.LittleEndian.AppendUint16(c, 2)             // version 2.4
	c = binary.LittleEndian.AppendUint16(c, 4)
	c = append(c, make([]byte, 8)...)
	c = binary.LittleEndian.AppendUint32(c, math.MaxUint16)
	return capture{file: binary.LittleEndian.AppendUint32(c, link)}
}

// plaintexts returns a capture of link type USER0 with these records.
func plaintexts(all [][]byte) capture {
	c := newCapture(linkUser0)
	for _, b := range all {
		c = c.add(b, len(b))
	}
	return c
}

// datagrams returns a capture of UDP datagrams with these payloads.
func datagrams(all [][]byte) capture {
	c := newCapture(linkRaw)
	for i, b := range all {
		b = datagram(i, b)
		c = c.add(b, len(b))
	}
	return c
}

// add appends a packet that had size bytes on the wire, of which b was
// captured.
func (c capture) add(b []byte, size int) capture {
	record := make([]byte, 8) // the time
	record = binary.LittleEndian.AppendUint32(record, uint32(len(b)))
	record = binary.LittleEndian.AppendUint32(record, uint32(size))
	return capture{append(append(c.file, record...), b...), c.packets + 1}
}

// write writes c to a temporary file and returns its name.
func (c capture) write(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "capture.pcap")
	require.NoError(t, os.WriteFile(name, c.file, 0o600))
	return name
}

// datagram returns payload as a UDP datagram over IPv4, without checksums, from
// the i-th address. Each datagram has its own address because Wireshark may apply
// the protocol of the first packet between two addresses to the others.
func datagram(i int, payload []byte) []byte {
	from, to := [4]byte{198, 18, byte(i >> 8), byte(i)}, [4]byte{198, 19, 0, 1}
	b := []byte{0x45, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeaders+len(payload)))
	b = append(b, 0, 0, 0, 0, 64, 17, 0, 0)
	b = append(append(b, from[:]...), to[:]...)
	b = binary.BigEndian.AppendUint16(b, port+1)
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	b = append(b, 0, 0)
	return append(b, payload...)
}
