package journal

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
)

// ErrCapture: what should be a capture is none, or is damaged.
var ErrCapture = errors.New("journal: not a capture in pcapng or pcap")

// Packet is a packet of a capture.
type Packet struct {
	// Number counts the records of the file from one, as Wireshark does: packets
	// and custom blocks.
	Number   int
	Time     time.Time
	From, To netip.AddrPort
	// Data is the UDP payload, nil if the packet is something else or is not
	// whole.
	Data []byte
	// Whole is false for a packet of which the capture has only a part.
	Whole bool
}

// Item is one thing in a capture: either a Packet, or an Entry of a journal, or
// both, for a datagram of a journal.
type Item struct {
	Packet *Packet
	Entry  *Entry
}

// Capture reads a file of packets: a journal, or what tcpdump, dumpcap or
// Wireshark have written. It belongs to one goroutine.
type Capture struct {
	in      *bufio.Reader
	next    func() (Item, error)
	close   func() error
	order   binary.ByteOrder
	links   []link // interfaces of the section
	records int
}

// link is an interface: what its packets begin with, and in which unit it tells
// the time.
type link struct {
	kind   uint32
	second uint64 // units in a second
	snap   uint32 // the most bytes that are kept of a packet without a time
}

// Open opens a file. The error is ErrCapture if it is none.
func Open(name string) (*Capture, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	c, err := NewCapture(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	c.close = f.Close
	return c, nil
}

// NewCapture is Open for what is open already, and stays so.
func NewCapture(r io.Reader) (*Capture, error) {
	c := &Capture{in: bufio.NewReaderSize(r, 1<<16), order: binary.LittleEndian}
	magic, err := c.in.Peek(4)
	if err != nil {
		return nil, ErrCapture
	}
	switch binary.LittleEndian.Uint32(magic) {
	case blockSection:
		c.next = c.nextBlock
	case pcapMicro, pcapNano:
		return c, c.openPcap(binary.LittleEndian)
	default:
		if m := binary.BigEndian.Uint32(magic); m == pcapMicro || m == pcapNano {
			return c, c.openPcap(binary.BigEndian)
		}
		return nil, ErrCapture
	}
	return c, nil
}

// Close closes the file of Open.
func (c *Capture) Close() error {
	if c.close == nil {
		return nil
	}
	return c.close()
}

// Next returns the next item; io.EOF at the end, io.ErrUnexpectedEOF if that comes
// in the middle of one, as in the recording of a process that was killed. All of
// the item is the caller's.
func (c *Capture) Next() (Item, error) { return c.next() }

// full reads n bytes of something that has begun.
func (c *Capture) full(n int) ([]byte, error) {
	if n < 0 || n > maxBlock {
		return nil, fmt.Errorf("%w: a block of %d bytes", ErrCapture, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// packet makes an item of bytes that a link has carried, length of them before
// they were cut.
func (c *Capture) packet(l link, at uint64, b []byte, length uint32) Item {
	c.records++
	p := &Packet{Number: c.records, Whole: uint64(len(b)) >= uint64(length)}
	p.Time = time.Unix(int64(at/l.second), int64(at%l.second*(uint64(time.Second)/l.second)))
	if ip, ok := l.payload(b); ok && p.Whole {
		p.From, p.To, p.Data, _ = parseIP(ip)
	}
	return Item{Packet: p}
}

// entry joins the text of a journal's packet with it.
func (it Item) entry(text []byte) (Item, error) {
	e, err := decode(text)
	if err != nil {
		return it, err
	}
	if it.Packet != nil {
		e.Data = it.Packet.Data
	}
	it.Entry = e
	return it, nil
}

func decode(text []byte) (*Entry, error) {
	e := new(Entry)
	if err := json.Unmarshal(text, e); err != nil {
		return nil, fmt.Errorf("%w: an entry of the journal: %w", ErrCapture, err)
	}
	return e, nil
}
