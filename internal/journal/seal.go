package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strconv"
)

// The text of each entry ends with its number, from one, and a checksum over the
// text before the checksum:
//
//	{"kind":"flush","at":5,"n":17,"crc":"0a1b2c3d"}
//
// They detect entries that are missing, repeated or damaged. The packet of an entry
// is not covered: the replay finds the packet whose verdict differs.

// castagnoli is the table of CRC-32C (RFC 3720, appendix B.4), for which processors
// have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	beforeSum = `,"crc":"`
	afterSum  = `"}`
	sealSize  = len(beforeSum) + 2*crc32.Size + len(afterSum)
)

// seal appends text, a JSON object, with its number and checksum.
func seal(b, text []byte, number uint64) []byte {
	start := len(b)
	b = append(b, text[:len(text)-1]...)
	b = append(b, `,"n":`...)
	b = strconv.AppendUint(b, number, 10)
	return appendSum(b, b[start:])
}

// appendSum appends the checksum of sealed and the end of the object.
func appendSum(b, sealed []byte) []byte {
	sum := crc32.Checksum(sealed, castagnoli)
	b = appendHex(append(b, beforeSum...), sum)
	return append(b, afterSum...)
}

func appendHex(b []byte, sum uint32) []byte {
	return hex.AppendEncode(b, binary.BigEndian.AppendUint32(nil, sum))
}

// sound reports whether the checksum of text is right.
func sound(text []byte) bool {
	at := len(text) - sealSize
	return at >= 0 && bytes.Equal(text[at:], appendSum(make([]byte, 0, sealSize), text[:at]))
}
