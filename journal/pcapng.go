package journal

import (
	"encoding/binary"
	"errors"
	"slices"
)

// What draft-ietf-opsawg-pcapng fixes.
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
	interfaceUnits   = 9 // if_tsresol
	packetFlags      = 2 // epb_flags
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

// enterprise is the number that custom blocks are marked with: the one that
// RFC 5612 keeps for documents and examples, as we have none of our own. What is
// ours is told by the Start entry in front.
const enterprise = 32473

// An option has at most 65,535 bytes, while the drops of a packet full of tiny
// messages take more than that to name. The text goes on in the next option of its
// kind; the comment ends.
const (
	maxPart    = 60_000
	maxComment = 2_000
)

// maxBlock bounds what is read as one block, in bytes: a datagram and more.
const maxBlock = 16 << 20

var errBlock = errors.New("damaged pcapng block")

// beginBlock appends the head of a block; endBlock fills in its length.
func beginBlock(b []byte, kind uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, kind)
	return append(b, 0, 0, 0, 0)
}

// endBlock completes the block that begins at start.
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

func appendOption(b []byte, start int, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...), start)
}

func endOptions(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, optionEnd) }

// appendSection appends the head of a file: a section of unknown length with one
// interface, whose packets are IP and whose times are in nanoseconds.
func appendSection(b []byte, application string) []byte {
	start := len(b)
	b = beginBlock(b, blockSection)
	b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 1<<64-1)
	b = appendOption(b, start, sectionAppName, []byte(application))
	b = endBlock(endOptions(b), start)
	start = len(b)
	b = beginBlock(b, blockInterface)
	b = binary.LittleEndian.AppendUint16(b, linkRaw)
	b = append(b, 0, 0, 0, 0, 0, 0) // reserved; no limit to the length of packets
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

// beginPacket appends an Enhanced Packet Block up to its options, at a time in
// nanoseconds since 1970; endPacket appends those.
func beginPacket(b []byte, at uint64, packet []byte) []byte {
	b = beginBlock(b, blockPacket)
	b = binary.LittleEndian.AppendUint32(b, 0) // the interface
	b = binary.LittleEndian.AppendUint32(b, uint32(at>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(at))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(packet)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(packet)))
	return pad(append(b, packet...), 0)
}

// endPacket completes the packet at the start of b with the direction, a comment
// for readers, and a text of ours, in parts if it is long.
func endPacket(b []byte, direction uint32, comment string, text []byte) []byte {
	b = appendOption(b, 0, packetFlags, binary.LittleEndian.AppendUint32(nil, direction))
	if comment != "" {
		b = appendOption(b, 0, optionComment, []byte(comment[:min(len(comment), maxComment)]))
	}
	for part := range slices.Chunk(text, maxPart) {
		b = appendOption(b, 0, optionCustomText, append(binary.LittleEndian.AppendUint32(nil, enterprise), part...))
	}
	return endBlock(endOptions(b), 0)
}
