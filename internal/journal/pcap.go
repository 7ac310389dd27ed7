package journal

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// The pcap format (draft-ietf-opsawg-pcap), the older one of tcpdump.
const (
	pcapMicro  = 0xa1b2c3d4
	pcapNano   = 0xa1b23c4d
	pcapHeader = 24
	pcapRecord = 16
)

func (c *Capture) openPcap(order binary.ByteOrder) error {
	c.order, c.next, c.unit = order, c.nextRecord, "record"
	h, err := c.full(pcapHeader)
	if err == io.ErrUnexpectedEOF {
		return ErrCapture
	}
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	l := link{kind: order.Uint32(h[20:]) & 0xffff, second: uint64(time.Second / time.Microsecond)}
	if order.Uint32(h) == pcapNano {
		l.second = uint64(time.Second)
	}
	c.links = []link{l}
	if !l.known() {
		return captureError("its " + l.unknown())
	}
	return nil
}

func (c *Capture) nextRecord() (Item, error) {
	h, err := c.begin(pcapRecord)
	if err != nil {
		return Item{}, err // io.EOF between two records
	}
	l := c.links[0]
	part, n := uint64(c.order.Uint32(h[4:])), c.order.Uint32(h[8:])
	switch {
	case part >= l.second:
		return Item{}, c.damaged("a time of %d parts of %d", part, l.second)
	case n > maxBlock:
		return Item{}, c.damaged("a packet of %d bytes", n)
	}
	b, err := c.full(int(n))
	if err != nil {
		return Item{}, err
	}
	return c.packet(l, uint64(c.order.Uint32(h))*l.second+part, b, c.order.Uint32(h[12:])), nil
}

// The supported link types (draft-ietf-opsawg-pcaplinktype), with the number of
// bytes before the IP header.
const (
	linkNull     = 0   // loopback on BSD and macOS: 4
	linkEthernet = 1   // 14, and 4 for each VLAN tag
	linkLoop     = 108 // loopback on OpenBSD: 4
	linkCooked   = 113 // "any" on Linux: 16
	linkIPv4     = 228
	linkIPv6     = 229
	linkCooked2  = 276 // 20
)

const (
	ethernetHeader = 14
	vlanTag        = 4
	etherIPv4      = 0x0800
	etherIPv6      = 0x86dd
	etherVLAN      = 0x8100
	etherQinQ      = 0x88a8
)

// known reports whether the packets of the link can be read.
func (l link) known() bool {
	switch l.kind {
	case linkRaw, linkNull, linkEthernet, linkLoop, linkCooked, linkIPv4, linkIPv6, linkCooked2:
		return true
	}
	return false
}

// unknown describes a link whose packets cannot be read.
func (l link) unknown() string {
	return fmt.Sprintf("packets of link type %d cannot be read; capture on an Ethernet or loopback interface, or \"any\"", l.kind)
}

// payload returns the IP packet in a packet of the link, if there is one.
func (l link) payload(b []byte) (ip []byte, ok bool) {
	header := 0
	switch l.kind {
	case linkNull, linkLoop:
		header = 4
	case linkCooked:
		header = 16
	case linkCooked2:
		header = 20
	case linkEthernet:
		return ethernet(b)
	}
	if len(b) < header {
		return nil, false
	}
	return b[header:], true
}

func ethernet(b []byte) (ip []byte, ok bool) {
	if len(b) < ethernetHeader {
		return nil, false
	}
	kind, b := binary.BigEndian.Uint16(b[12:]), b[ethernetHeader:]
	for kind == etherVLAN || kind == etherQinQ {
		if len(b) < vlanTag {
			return nil, false
		}
		kind, b = binary.BigEndian.Uint16(b[2:]), b[vlanTag:]
	}
	return b, kind == etherIPv4 || kind == etherIPv6
}
