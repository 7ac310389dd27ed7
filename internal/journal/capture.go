package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"os"
	"time"
)

// ErrCapture is returned for a file that is not a capture, is damaged, or contains
// what cannot be read. The text of the error says which, and where.
var ErrCapture = errors.New("recording: not a capture in pcapng or pcap format")

// Packet is a packet of a capture.
type Packet struct {
	// Number counts the packets and custom blocks of the file from one, as Wireshark
	// does.
	Number int
	Time   time.Time
	// From and To are the addresses of a UDP datagram, also of a truncated one that
	// still has its headers.
	From, To netip.AddrPort
	// Data is the UDP payload. It is nil for another packet and for a truncated one.
	Data []byte
	// Whole is false if the capture holds only a part of the packet.
	Whole bool
}

// Item is a packet, an entry of a recording or, for a datagram of a recording, both.
type Item struct {
	Packet *Packet
	Entry  *Entry
}

// Capture reads a recording, or a capture that tcpdump, dumpcap or Wireshark has
// written. It belongs to one goroutine.
type Capture struct {
	in      *bufio.Reader
	next    func() (Item, error)
	close   func() error
	order   binary.ByteOrder
	links   []link // interfaces of the section
	records int
	skipped int      // packets of interfaces that cannot be read
	notes   []string // about those interfaces
	begun   bool

	// The current block of pcapng or record of pcap, for errors.
	unit   string
	blocks int
	offset int64
	end    int64 // of the block, in bytes from the start of the file

	// For recordings.
	journal bool   // the file is a recording
	number  uint64 // of the last entry, zero before the first
	ended   bool   // the last entry was Ended
	foreign bool   // a block without an entry has followed it
}

// link is an interface of a capture.
type link struct {
	kind   uint32 // link type: how its packets begin
	second uint64 // time units per second
	offset int64  // seconds to add to each time
	snap   uint32 // the most bytes that a Simple Packet Block holds
	skip   bool   // the packets cannot be read
}

// maxNotes bounds the interfaces that notes are kept about.
const maxNotes = 8

// Open opens the named file. The error is ErrCapture if it is not a capture.
func Open(name string) (*Capture, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(captureError(name+" is a directory, not a capture"), f.Close())
	}
	c, err := NewCapture(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	c.close = f.Close
	return c, nil
}

// NewCapture returns a Capture that reads from r. The caller closes r.
func NewCapture(r io.Reader) (*Capture, error) {
	if isNil(r) {
		return nil, errors.New("recording: the reader of a capture is nil")
	}
	c := &Capture{in: bufio.NewReaderSize(r, 1<<16), order: binary.LittleEndian, unit: "block"}
	magic, err := c.in.Peek(4)
	if err == io.EOF {
		return nil, ErrCapture
	}
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
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

// Close closes the file that Open has opened.
func (c *Capture) Close() error {
	if c.close == nil {
		return nil
	}
	return c.close()
}

// Next returns the next item, which belongs to the caller. The error is io.EOF
// after the last one, and io.ErrUnexpectedEOF if the file was cut off, as the
// recording of a killed process may be.
//
// The entries of a recording are returned in the order of their numbers. If one is
// missing, repeated or damaged, the error is ErrCapture. Damage of the packets
// themselves is not detected.
func (c *Capture) Next() (Item, error) {
	if c.next == nil {
		return Item{}, errors.New("recording: the capture was not opened with Open or NewCapture")
	}
	c.begun = true
	return c.next()
}

// Skipped returns how many packets Next has returned without their contents because
// their interface has a link type or a time unit that cannot be read, and a note
// about each such interface, up to 8 different ones.
func (c *Capture) Skipped() (packets int, notes []string) { return c.skipped, c.notes }

// Begun reports whether Next has been called.
func (c *Capture) Begun() bool { return c.begun }

// full reads the next n bytes, at most maxBlock, of the current block. With an
// error it returns those that there are.
func (c *Capture) full(n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := io.ReadFull(c.in, b)
	c.end += int64(got)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b[:got], err
}

// begin reads the first n bytes of a block. The error is io.EOF after the last
// block.
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

// packet returns the item for a packet of a link, of which b was captured and whose
// full length was length. at is its time in the units of the link.
func (c *Capture) packet(l link, at uint64, b []byte, length uint32) Item {
	c.records++
	p := &Packet{Number: c.records, Whole: uint64(len(b)) >= uint64(length)}
	if l.skip {
		c.skipped++
		return Item{Packet: p}
	}
	p.Time = l.time(at)
	if ip, ok := l.payload(b); ok {
		p.From, p.To, p.Data, _ = parseIP(ip)
	}
	if !p.Whole {
		p.Data = nil
	}
	return Item{Packet: p}
}

// time returns the time of a packet, rounded down to nanoseconds.
func (l link) time(at uint64) time.Time {
	hi, lo := bits.Mul64(at%l.second, uint64(time.Second))
	nanoseconds, _ := bits.Div64(hi, lo, l.second)
	return time.Unix(int64(at/l.second)+l.offset, int64(nanoseconds))
}
