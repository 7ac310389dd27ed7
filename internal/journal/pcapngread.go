package journal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nextBlock reads blocks up to the next packet or entry.
func (c *Capture) nextBlock() (Item, error) {
	for {
		kind, body, err := c.block()
		if err == io.EOF {
			return Item{}, cmp.Or(c.atEnd(), io.EOF)
		}
		if err != nil {
			return Item{}, err
		}
		var it Item
		switch kind {
		case blockSection:
			err = c.section(body)
		case blockInterface:
			err = c.addInterface(body)
		case blockPacket:
			it, err = c.enhanced(body)
		case blockSimple:
			it, err = c.simple(body)
		case blockCustom:
			it, err = c.custom(body)
		}
		switch {
		case err != nil:
			return Item{}, err
		case it != (Item{}):
			if err := c.inOrder(it); err != nil {
				return Item{}, err
			}
			return it, nil
		case kind != blockSection && kind != blockInterface:
			c.foreign = true
		}
	}
}

// block reads a block and returns it without its type and lengths.
func (c *Capture) block() (kind uint32, body []byte, err error) {
	head, err := c.begin(8)
	if err != nil {
		return 0, nil, err // io.EOF between two blocks
	}
	if kind = c.order.Uint32(head); kind == blockSection { // a palindrome: the same in both byte orders
		magic, err := c.in.Peek(4)
		switch {
		case err == io.EOF:
			return 0, nil, io.ErrUnexpectedEOF
		case err != nil:
			return 0, nil, err
		case binary.LittleEndian.Uint32(magic) == byteOrderMagic:
			c.order = binary.LittleEndian
		case binary.BigEndian.Uint32(magic) == byteOrderMagic:
			c.order = binary.BigEndian
		default:
			return 0, nil, c.damaged("a section header with an unknown byte order")
		}
	}
	n := c.order.Uint32(head[4:])
	if n < blockOverhead || n%4 != 0 || n > maxBlock {
		return 0, nil, c.damaged("its length of %d bytes is invalid", n)
	}
	body, err = c.full(int(n) - 8)
	switch {
	case err == io.ErrUnexpectedEOF && c.shorter(body):
		return 0, nil, c.damaged("its length of %d bytes is wrong: it is shorter", n)
	case err != nil:
		return 0, nil, err
	}
	end := len(body) - 4
	if c.order.Uint32(body[end:]) != n {
		return 0, nil, c.damaged("its two lengths differ")
	}
	return kind, body[:end], nil
}

// shorter distinguishes a block with a wrong length from the last block of a file
// that was cut off. It reports whether rest, the rest of the file, contains the
// block's real end, followed by another block or by the end of the file.
func (c *Capture) shorter(rest []byte) bool {
	for end := 4; end <= len(rest); end += 4 {
		if int(c.order.Uint32(rest[end-4:])) != 8+end {
			continue
		}
		if end == len(rest) {
			return true
		}
		if len(rest) < end+4 {
			continue
		}
		switch c.order.Uint32(rest[end:]) {
		case blockSection, blockInterface, blockPacket, blockCustom:
			return true
		}
	}
	return false
}

// section starts a section, which has its own interfaces.
func (c *Capture) section(body []byte) error {
	if len(body) < sectionHeader {
		return c.damaged("a section header that is too short")
	}
	c.links = nil
	c.journal, c.number, c.ended, c.foreign = false, 0, false, false
	version := ""
	ok := c.options(body[sectionHeader:], func(code uint16, value []byte) {
		if code == sectionAppName {
			version, c.journal = strings.CutPrefix(string(value), mark)
		}
	})
	switch {
	case !ok:
		return c.damaged("its options are malformed")
	case c.journal && version != strconv.Itoa(Version):
		return captureError(fmt.Sprintf("a recording in version %q of the format; this program reads version %d", version, Version))
	}
	return nil
}

func (c *Capture) addInterface(body []byte) error {
	if len(body) < interfaceHeader {
		return c.damaged("an interface description that is too short")
	}
	l := link{
		kind: uint32(c.order.Uint16(body)), second: uint64(time.Second / time.Microsecond),
		snap: cmp.Or(c.order.Uint32(body[4:]), math.MaxUint32),
	}
	ok := c.options(body[interfaceHeader:], func(code uint16, value []byte) {
		switch {
		case code == interfaceUnits && len(value) > 0:
			l.second = units(value[0])
		case code == interfaceOffset && len(value) == 8:
			l.offset = int64(c.order.Uint64(value))
		}
	})
	switch {
	case !ok:
		return c.damaged("its options are malformed")
	case !l.known():
		l.skip = true
		c.note("its " + l.unknown())
	case l.second == 0:
		l.skip = true
		c.note("its packets on an interface with a time unit too fine for 64 bits cannot be read")
	}
	c.links = append(c.links, l)
	return nil
}

// note keeps a note about an interface whose packets are skipped.
func (c *Capture) note(text string) {
	if len(c.notes) < maxNotes && !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

// units returns the number of time units in a second for a value of if_tsresol: "If
// the Most Significant Bit is equal to zero, the remaining bits indicates the
// resolution of the timestamp as a negative power of 10 [...]. If the Most
// Significant Bit is equal to one, the remaining bits indicates the resolution as
// negative power of 2" (draft-ietf-opsawg-pcapng, section 4.2). It returns zero if
// the number does not fit 64 bits.
func units(resolution byte) uint64 {
	exponent := int(resolution & 0x7f)
	if resolution&0x80 != 0 {
		return 1 << exponent // zero from 64 on
	}
	if exponent > 19 {
		return 0
	}
	n := uint64(1)
	for range exponent {
		n *= 10
	}
	return n
}

// enhanced reads an Enhanced Packet Block.
func (c *Capture) enhanced(body []byte) (Item, error) {
	if len(body) < packetHeader {
		return Item{}, c.damaged("a packet block that is too short")
	}
	id, n := c.order.Uint32(body), c.order.Uint32(body[12:])
	if uint64(id) >= uint64(len(c.links)) || uint64(n) > uint64(len(body)-packetHeader) {
		return Item{}, c.damaged("a packet without an interface, or longer than its block")
	}
	at := uint64(c.order.Uint32(body[4:]))<<32 | uint64(c.order.Uint32(body[8:]))
	data, rest := body[packetHeader:packetHeader+n], body[min(packetHeader+(int(n)+3)&^3, len(body)):]
	it := c.packet(c.links[id], at, data, c.order.Uint32(body[16:]))
	var text []byte
	ok := c.options(rest, func(code uint16, value []byte) {
		if code == optionCustomText && len(value) >= customHeader && c.order.Uint32(value) == enterprise {
			text = append(text, value[customHeader:]...)
		}
	})
	switch {
	case !ok:
		return Item{}, c.damaged("its options are malformed")
	case c.ours(text):
		return c.withEntry(it, text)
	}
	return it, nil
}

// simple reads a Simple Packet Block, which has no time.
func (c *Capture) simple(body []byte) (Item, error) {
	if len(body) < 4 || len(c.links) == 0 {
		return Item{}, c.damaged("a packet without an interface, or a block that is too short")
	}
	length, data := c.order.Uint32(body), body[4:]
	n := min(uint64(length), uint64(c.links[0].snap), uint64(len(data))) // padding follows
	l := c.links[0]
	l.offset = 0 // the time is unknown
	return c.packet(l, 0, data[:n], length), nil
}

// options calls f for each option, and reports whether they are well-formed.
func (c *Capture) options(b []byte, f func(code uint16, value []byte)) bool {
	for len(b) >= 4 {
		code, n := c.order.Uint16(b), int(c.order.Uint16(b[2:]))
		if code == optionEnd {
			return true
		}
		if n > len(b)-4 {
			return false
		}
		f(code, b[4:4+n])
		b = b[min(4+(n+3)&^3, len(b)):]
	}
	return len(b) == 0
}
