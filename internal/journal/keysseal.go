package journal

import (
	"encoding/hex"
	"hash/crc32"
	"strings"
)

// keysSum is the checksum that each line of a keys file but the first ends with:
//
//	random 0102 9a3b4c5d
//
// It is a CRC-32C over the words of this line and of all those before it. So a line
// that was lost, doubled, changed or moved is found, and not taken for what the
// recorded core had drawn; a file that was cut off, or is still being written, is
// sound as far as it goes. Against who wants to deceive this is no help. The zero
// value stands in front of the first.
type keysSum uint32

// keysSealSize is what seal adds to a line, in bytes.
const keysSealSize = len(" ") + 2*crc32.Size + len("\n")

// add returns the sum with one more line.
func (s keysSum) add(line []byte) keysSum {
	return keysSum(crc32.Update(crc32.Update(uint32(s), castagnoli, line), castagnoli, []byte{'\n'}))
}

// seal appends a line with the sum up to it.
func (s *keysSum) seal(b, line []byte) []byte {
	*s = s.add(line)
	b = append(append(b, line...), ' ')
	return append(appendHex(b, uint32(*s)), '\n')
}

// unseal returns the words of a line, if all up to it is as seal has made it.
func (s *keysSum) unseal(line string) (words string, err error) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 || len(line)-at-1 != hex.EncodedLen(crc32.Size) {
		return "", keysError("it does not end with a checksum: the file is damaged there, take another copy of it")
	}
	*s = s.add([]byte(line[:at]))
	if string(appendHex(nil, uint32(*s))) != line[at+1:] {
		return "", keysError("its checksum is wrong: it was changed, or is not the one that followed on the line before; take another copy of the file")
	}
	return line[:at], nil
}

// keysError is ErrKeys in other words.
type keysError string

func (e keysError) Error() string        { return "journal: " + string(e) }
func (e keysError) Is(target error) bool { return target == ErrKeys }
