package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
)

// ErrCapture: what should be a capture is none, is damaged, or holds what cannot
// be read; the error's text says which, and where.
var ErrCapture = errors.New("journal: not a capture in pcapng or pcap")

// Packet is a packet of a capture.
type Packet struct {
	// Number counts the records of the file from one, as Wireshark does: packets
	// and custom blocks.
	Number int
	Time   time.Time
	// From and To are those of a UDP datagram, also of one that is not whole, if its
	// headers are there.
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
	begun   bool

	// The block in hand, or the record of a pcap, for errors.
	unit   string
	blocks int
	offset int64
	end    int64 // of the block, in bytes

	// Of a journal.
	journal bool   // it is one
	number  uint64 // of the last entry, zero before the first
	ended   bool   // that was Ended
	strange bool   // there was a block without an entry behind it
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
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(captureError(name+" is a folder, and no capture"), f.Close())
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
	if r == nil {
		return nil, errors.New("journal: NewCapture needs a reader")
	}
	c := &Capture{in: bufio.NewReaderSize(r, 1<<16), order: binary.LittleEndian, unit: "block"}
	magic, err := c.in.Peek(4)
	if err == io.EOF {
		return nil, ErrCapture
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
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
//
// The entries of a journal come in the order of their numbers, whole: one that is
// missing, repeated or changed is ErrCapture. Of a packet's own bytes Next cannot
// tell.
func (c *Capture) Next() (Item, error) {
	if c.next == nil {
		return Item{}, errors.New("journal: a Capture that neither Open nor NewCapture has made")
	}
	c.begun = true
	return c.next()
}

// Begun reports whether Next has been called.
func (c *Capture) Begun() bool { return c.begun }

// full reads n bytes, at most maxBlock, of something that has begun. With an error
// it returns what there is.
func (c *Capture) full(n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := io.ReadFull(c.in, b)
	c.end += int64(got)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b[:got], err
}

// begin reads the n bytes that a block begins with; io.EOF if there is none.
func (c *Capture) begin(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, err
	}
	c.blocks++
	c.offset = c.end
	c.end += int64(n)
	return b, nil
}

// packet makes an item of bytes that a link has carried, length of them before
// they were cut.
func (c *Capture) packet(l link, at uint64, b []byte, length uint32) Item {
	c.records++
	p := &Packet{Number: c.records, Whole: uint64(len(b)) >= uint64(length)}
	p.Time = time.Unix(int64(at/l.second), int64(at%l.second*(uint64(time.Second)/l.second)))
	if ip, ok := l.payload(b); ok {
		p.From, p.To, p.Data, _ = parseIP(ip)
	}
	if !p.Whole {
		p.Data = nil
	}
	return Item{Packet: p}
}
