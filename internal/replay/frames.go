package replay

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// Frames writes the plaintext of each data packet that a replay opens to a pcap
// file with link type USER0, for the dissector intentra_frames of
// wireshark/intentra.lua. Call Watch before the replay and Err after it.
type Frames struct {
	to     io.Writer
	origin int64
	err    error
}

// Values of draft-ietf-opsawg-pcap.
const (
	pcapNanoseconds = 0xa1b23c4d
	linkUser0       = 147
	maxPlaintext    = 1 << 16
)

// NewFrames writes the header of the file to to. It panics if to is nil.
func NewFrames(to io.Writer) *Frames {
	if to == nil {
		panic("replay: NewFrames needs a writer")
	}
	f := &Frames{to: to}
	b := binary.LittleEndian.AppendUint32(nil, pcapNanoseconds)
	b = binary.LittleEndian.AppendUint16(b, 2) // version 2.4
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, maxPlaintext)
	f.write(binary.LittleEndian.AppendUint32(b, linkUser0))
	return f
}

// Watch returns o with the views that f needs added. o.Keys must be set.
func (f *Frames) Watch(o Options) Options {
	if o.Keys != nil {
		f.origin = o.Keys.Origin
	}
	return o.view("replay", f.view)
}

func (f *Frames) view(v View) {
	at, payload := f.origin+int64(v.Now), v.Payload()
	b := binary.LittleEndian.AppendUint32(nil, uint32(at/int64(time.Second)))
	b = binary.LittleEndian.AppendUint32(b, uint32(at%int64(time.Second)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	f.write(append(b, payload...))
}

func (f *Frames) write(b []byte) {
	if f.err != nil {
		return
	}
	if _, err := f.to.Write(b); err != nil {
		f.err = fmt.Errorf("replay: frames: %w", err)
	}
}

// Err returns the first error of the writer.
func (f *Frames) Err() error { return f.err }
