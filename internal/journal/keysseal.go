package journal

import (
	"encoding/hex"
	"hash/crc32"
	"strings"
)

// keysSum is the checksum at the end of each line of a keys file but the first:
//
//	random 0102 9a3b4c5d
//
// It is a CRC-32C over the words of this line and of all lines before it. It detects
// lines that are missing, repeated, damaged or moved, but not forgery; a file that
// was cut off, or is still being written, is valid as far as it goes. The zero value
// is the sum before the first line.
type keysSum uint32

// keysSealSize is the number of bytes that seal adds to a line.
const keysSealSize = len(" ") + 2*crc32.Size + len("\n")

// add returns the sum with a line added.
func (s keysSum) add(line []byte) keysSum {
	return keysSum(crc32.Update(crc32.Update(uint32(s), castagnoli, line), castagnoli, []byte{'\n'}))
}

// seal adds a line to the sum and appends the line and the sum to b.
func (s *keysSum) seal(b, line []byte) []byte {
	*s = s.add(line)
	b = append(append(b, line...), ' ')
	return append(appendHex(b, uint32(*s)), '\n')
}

// unseal adds a line to the sum and returns its words. It fails if the line's sum
// is wrong.
func (s *keysSum) unseal(line string) (words string, err error) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 || len(line)-at-1 != hex.EncodedLen(crc32.Size) {
		return "", keysError("it does not end with a checksum: the file is damaged there, copy it again")
	}
	*s = s.add([]byte(line[:at]))
	if string(appendHex(nil, uint32(*s))) != line[at+1:] {
		return "", keysError("its checksum is wrong: this line is damaged, or lines before it are missing; copy the file again")
	}
	return line[:at], nil
}

// keysError is an ErrKeys with a text of its own.
type keysError string

func (e keysError) Error() string        { return "recording: " + string(e) }
func (e keysError) Is(target error) bool { return target == ErrKeys }
