package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"
)

// nextBlock reads blocks of a pcapng file until one is a packet or an entry.
func (c *Capture) nextBlock() (Item, error) {
	for {
		kind, body, err := c.block()
		if err != nil {
			return Item{}, err
		}
		switch kind {
		case blockSection:
			c.links = nil
		case blockInterface:
			err = c.addInterface(body)
		case blockPacket:
			return c.enhanced(body)
		case blockSimple:
			return c.simple(body)
		case blockCustom:
			c.records++
			if text, ok := c.ours(body); ok {
				return Item{}.entry(text)
			}
		}
		if err != nil {
			return Item{}, err
		}
	}
}

// block reads one block, without the lengths around it.
func (c *Capture) block() (kind uint32, body []byte, err error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.in, head); err != nil {
		return 0, nil, err // io.EOF, between two
	}
	if kind = c.order.Uint32(head); kind == blockSection { // the same in both orders
		magic, err := c.in.Peek(4)
		switch {
		case err != nil:
			return 0, nil, io.ErrUnexpectedEOF
		case binary.LittleEndian.Uint32(magic) == byteOrderMagic:
			c.order = binary.LittleEndian
		case binary.BigEndian.Uint32(magic) == byteOrderMagic:
			c.order = binary.BigEndian
		default:
			return 0, nil, fmt.Errorf("%w: a section of unknown byte order", ErrCapture)
		}
	}
	n := c.order.Uint32(head[4:])
	if n < blockOverhead || n%4 != 0 || n > maxBlock {
		return 0, nil, fmt.Errorf("%w: a block of %d bytes", ErrCapture, n)
	}
	body, err = c.full(int(n) - 8)
	if err != nil {
		return 0, nil, err
	}
	end := len(body) - 4
	if c.order.Uint32(body[end:]) != n {
		return 0, nil, fmt.Errorf("%w: a block whose two lengths differ", ErrCapture)
	}
	return kind, body[:end], nil
}

func (c *Capture) addInterface(body []byte) error {
	if len(body) < interfaceHeader {
		return fmt.Errorf("%w: %w", ErrCapture, errBlock)
	}
	l := link{
		kind: uint32(c.order.Uint16(body)), second: uint64(time.Second / time.Microsecond),
		snap: cmp.Or(c.order.Uint32(body[4:]), math.MaxUint32),
	}
	ok := c.options(body[interfaceHeader:], func(code uint16, value []byte) {
		if code == interfaceUnits && len(value) > 0 {
			l.second = units(value[0])
		}
	})
	switch {
	case !ok:
		return fmt.Errorf("%w: %w", ErrCapture, errBlock)
	case l.second == 0:
		return fmt.Errorf("%w: times in a unit that is no power of ten, or finer than a nanosecond", ErrCapture)
	}
	c.links = append(c.links, l)
	return l.check()
}

// units returns the units in a second, zero for what is finer than a nanosecond or
// no divisor of it.
func units(resolution byte) uint64 {
	if resolution&0x80 != 0 || resolution > nanoseconds {
		return 0
	}
	return uint64(math.Pow10(int(resolution)))
}

func (c *Capture) enhanced(body []byte) (Item, error) {
	if len(body) < packetHeader {
		return Item{}, fmt.Errorf("%w: %w", ErrCapture, errBlock)
	}
	id, n := c.order.Uint32(body), c.order.Uint32(body[12:])
	if uint64(id) >= uint64(len(c.links)) || uint64(n) > uint64(len(body)-packetHeader) {
		return Item{}, fmt.Errorf("%w: %w", ErrCapture, errBlock)
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
	if !ok {
		return Item{}, fmt.Errorf("%w: %w", ErrCapture, errBlock)
	}
	if !bytes.HasPrefix(text, entryStart) {
		return it, nil
	}
	return it.entry(text)
}

// simple reads a packet without a time.
func (c *Capture) simple(body []byte) (Item, error) {
	if len(body) < 4 || len(c.links) == 0 {
		return Item{}, fmt.Errorf("%w: %w", ErrCapture, errBlock)
	}
	length, data := c.order.Uint32(body), body[4:]
	n := min(uint64(length), uint64(c.links[0].snap), uint64(len(data))) // padding follows
	return c.packet(c.links[0], 0, data[:n], length), nil
}

// entryStart is how the text of each entry begins: the number of the blocks may be
// used by anybody.
var entryStart = []byte(`{"kind":`)

// ours returns the text of a custom block, if it is one of a journal.
func (c *Capture) ours(body []byte) (text []byte, ok bool) {
	if len(body) < 2*customHeader || c.order.Uint32(body) != enterprise {
		return nil, false
	}
	n := c.order.Uint32(body[customHeader:])
	text = body[2*customHeader:]
	text = text[:min(uint64(n), uint64(len(text)))]
	return text, bytes.HasPrefix(text, entryStart)
}

// options calls f for each option, and reports whether they are sound.
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
