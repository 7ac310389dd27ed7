package recording

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/intentra/intentra/internal/journal"
)

// ErrCapture is returned for a file that is not a capture, is damaged, or holds
// nothing but a link type that cannot be read. The text of the error says which, and
// where.
var ErrCapture = journal.ErrCapture

var errReader = errors.New("recording: the *Reader is nil or zero; Open and NewReader return one")

// Packet is a packet of a recording or capture. Its Payload belongs to the caller
// of [Reader.Next].
type Packet struct {
	// Number counts the packets and custom blocks of the file from one, as
	// Wireshark does.
	Number int
	// Time is zero for a packet of an interface whose link type or time unit cannot
	// be read, if the capture has other interfaces as well.
	Time time.Time
	// From and To are the addresses of the UDP datagram; they are invalid for
	// another packet.
	From, To netip.AddrPort
	// Payload is the UDP payload. It is nil for another packet and for a truncated
	// one.
	Payload []byte
	// Truncated is set if the capture holds only a part of the packet.
	Truncated bool
	// Verdict says what the recorded transport did with a packet that it received:
	// "accept, 2 delivered" or "drop aead/forged", for example. It is empty for a
	// packet that it sent, and in a capture that is not a recording.
	Verdict string
}

// Reader reads the packets of a recording, or of a capture (pcapng or pcap) that
// tcpdump, dumpcap or Wireshark has written. It belongs to one goroutine.
type Reader struct{ capture *journal.Capture }

// Open opens the named file. The error is [ErrCapture] if it is not a capture.
func Open(name string) (*Reader, error) {
	c, err := journal.Open(name)
	if err != nil {
		return nil, err
	}
	return &Reader{c}, nil
}

// NewReader returns a Reader that reads a capture from r. The caller closes r.
func NewReader(r io.Reader) (*Reader, error) {
	c, err := journal.NewCapture(r)
	if err != nil {
		return nil, err
	}
	return &Reader{c}, nil
}

// Next returns the next packet. The error is io.EOF after the last one,
// io.ErrUnexpectedEOF if the file was cut off, as the recording of a killed
// process may be, and [ErrCapture] if it is damaged.
func (r *Reader) Next() (Packet, error) {
	if r == nil || r.capture == nil {
		return Packet{}, errReader
	}
	for {
		item, err := r.capture.Next()
		if err != nil {
			return Packet{}, err
		}
		if p := item.Packet; p != nil {
			out := Packet{Number: p.Number, Time: p.Time, From: p.From, To: p.To, Payload: p.Data, Truncated: !p.Whole}
			if item.Entry != nil {
				out.Verdict = item.Entry.Outcome.String()
			}
			return out, nil
		}
	}
}

// Close closes the file of [Open]. It does nothing for a Reader of [NewReader].
func (r *Reader) Close() error {
	if r == nil || r.capture == nil {
		return errReader
	}
	return r.capture.Close()
}
