package journal

import (
	"encoding/binary"
	"slices"
)

// Values of draft-ietf-opsawg-pcapng.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockSimple    = 3
	blockPacket    = 6
	blockCustom    = 0xbad // with binary data, which tools may copy

	byteOrderMagic = 0x1a2b3c4d

	optionEnd        = 0
	optionComment    = 1
	optionCustomText = 2988
	interfaceUnits   = 9  // if_tsresol
	interfaceOffset  = 14 // if_tsoffset
	packetFlags      = 2  // epb_flags
	flagInbound      = 1
	flagOutbound     = 2
	sectionAppName   = 4 // shb_userappl
	nanoseconds      = 9 // as a power of ten
	linkRaw          = 101
	blockOverhead    = 12
	customHeader     = 4
	packetHeader     = 20
	sectionHeader    = 16
	interfaceHeader  = 8
)

// enterprise is the enterprise number of our custom blocks: the one that RFC 5612
// reserves for documentation, as the project has none. Our blocks are recognised
// by the mark of the section and by the Start entry.
const enterprise = 32473

// mark, followed by the version, is the application name in the section header of a
// recording. It identifies a recording that was cut off before its first entry.
const mark = "intentra journal v"

// An option has at most 65,535 bytes, which the drops of a packet full of tiny
// messages can exceed. A longer text continues in further options; a longer comment
// is cut off.
const (
	maxPart    = 60_000
	maxComment = 2_000
)

// maxBlock is the longest block that is read, in bytes.
const maxBlock = 16 << 20

// beginBlock appends the header of a block. endBlock fills in its length.
func beginBlock(b []byte, kind uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, kind)
	return append(b, 0, 0, 0, 0)
}

// endBlock completes the block that starts at start.
func endBlock(b []byte, start int) []byte {
	b = pad(b, start)
	n := uint32(len(b) - start + 4)
	binary.LittleEndian.PutUint32(b[start+4:], n)
	return binary.LittleEndian.AppendUint32(b, n)
}

func pad(b []byte, start int) []byte {
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func appendOption[T []byte | string](b []byte, start int, code uint16, value T) []byte {
	return pad(append(beginOption(b, code, len(value)), value...), start)
}

// beginOption appends the header of an option of n bytes.
func beginOption(b []byte, code uint16, n int) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	return binary.LittleEndian.AppendUint16(b, uint16(n))
}

func endOptions(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, optionEnd) }

// appendSection appends the header of a file: a section of unknown length, and one
// interface for IP packets with times in nanoseconds.
func appendSection(b []byte, application string) []byte {
	start := len(b)
	b = beginBlock(b, blockSection)
	b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 1<<64-1)
	b = appendOption(b, start, sectionAppName, application)
	b = endBlock(endOptions(b), start)
	start = len(b)
	b = beginBlock(b, blockInterface)
	b = binary.LittleEndian.AppendUint16(b, linkRaw)
	b = append(b, 0, 0, 0, 0, 0, 0) // reserved; no snapshot length
	b = appendOption(b, start, interfaceUnits, []byte{nanoseconds})
	return endBlock(endOptions(b), start)
}

// appendCustom appends a custom block.
func appendCustom(b, data []byte) []byte {
	start := len(b)
	b = beginBlock(b, blockCustom)
	b = binary.LittleEndian.AppendUint32(b, enterprise)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return endBlock(append(b, data...), start)
}

// outline is a packet without the text of its entry.
type outline struct {
	at        uint64 // in nanoseconds since 1970
	data      []byte // IP
	direction uint32
	comment   string // for readers
}

// appendPacket appends an Enhanced Packet Block with the text of an entry, which is
// split into several options if it is long.
func appendPacket(b []byte, p *outline, text []byte) []byte {
	start := len(b)
	b = beginBlock(b, blockPacket)
	b = binary.LittleEndian.AppendUint32(b, 0) // the interface
	b = binary.LittleEndian.AppendUint32(b, uint32(p.at>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.at))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.data)))
	b = pad(append(b, p.data...), start)
	b = beginOption(b, packetFlags, 4)
	b = binary.LittleEndian.AppendUint32(b, p.direction)
	if p.comment != "" {
		b = appendOption(b, start, optionComment, p.comment[:min(len(p.comment), maxComment)])
	}
	for part := range slices.Chunk(text, maxPart) {
		b = beginOption(b, optionCustomText, customHeader+len(part))
		b = binary.LittleEndian.AppendUint32(b, enterprise)
		b = pad(append(b, part...), start)
	}
	return endBlock(endOptions(b), start)
}
