package journal

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// ErrKeys is returned for a file that is not a keys file or is damaged. The text of
// the error says which, and where.
var ErrKeys = errors.New("recording: not a keys file, as Config.Record or --record-keys writes it")

// The first line of a keys file.
const (
	keysName   = "intentra keys "
	keysHeader = keysName + "3 SECRET: anyone who has this file can read the recording and impersonate this side"
)

// recordingSize is the size of Keys.Recording before it is encoded, in bytes.
const recordingSize = 16

// maxKeysLine is the longest line that is read, in bytes.
const maxKeysLine = 1 << 20

// Keys is the content of a keys file. After its first line the file has one line
// for each secret: words separated by spaces, bytes in hexadecimal, and at the end
// a CRC-32C over the words of all lines up to it.
//
//	recording ID                      Start.Recording
//	where ORIGIN LOCAL                Start.Origin and Start.Local
//	static PRIVATE                    our private key, or that of an identity of DialAs
//	random BYTES                      random bytes, in the order in which they were drawn
//	epoch AT LOCAL REMOTE SEQ SUITE ROLE OWN PEER RECEIVE SEND
//	                                  the keys of an epoch, with its time, both receiver
//	                                  indexes, its number in the session, its suite,
//	                                  "dialer" or "listener", and both public keys
//	end                               the recording is complete
type Keys struct {
	// Recording is a random number in hexadecimal that identifies the recording. It
	// is empty if the file ends before it.
	Recording string
	// Whole reports whether the file has its last line. A file that was cut off, or
	// is still being written, has not.
	Whole bool
	// Statics are our private keys, the endpoint's own first.
	Statics [][32]byte
	Random  []byte
	Epochs  []Epoch
	Origin  int64
	Local   netip.AddrPort
}

// Epoch is the keys of an epoch and the time at which it opened.
type Epoch struct {
	At pipeline.Time
	conn.EpochKeys
}

// ReadKeys reads the named keys file. The error is ErrKeys if it is not a keys file
// or is damaged. Errors never quote the file.
func ReadKeys(name string) (*Keys, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	k, err := ParseKeys(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return k, nil
}

// ParseKeys is ReadKeys for an open file. It ignores an incomplete last line, which
// a killed process may leave.
func ParseKeys(r io.Reader) (*Keys, error) {
	if r == nil {
		return nil, errors.New("recording: the reader of the keys is nil")
	}
	in := bufio.NewReaderSize(r, 1<<16)
	k := new(Keys)
	var sum keysSum
	for number := 1; ; number++ {
		line, err := readLine(in)
		if err == io.EOF {
			if number == 1 {
				return nil, ErrKeys
			}
			return k, nil
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if number == 1 {
			if err := checkKeysHeader(line); err != nil {
				return nil, err
			}
			continue
		}
		if line, err = sum.unseal(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if !k.parse(strings.Split(line, " ")) {
			return nil, fmt.Errorf("line %d: %w", number, ErrKeys)
		}
	}
}

// checkKeysHeader checks the first line.
func checkKeysHeader(line string) error {
	rest, ours := strings.CutPrefix(line, keysName)
	version, _, _ := strings.Cut(rest, " ")
	if _, err := strconv.ParseUint(version, 10, 16); ours && err == nil && line != keysHeader {
		return keysError("a keys file in another version of the format, or one with a damaged first line")
	}
	if line != keysHeader {
		return ErrKeys
	}
	return nil
}

func readLine(in *bufio.Reader) (string, error) {
	var line strings.Builder
	for {
		part, err := in.ReadSlice('\n')
		line.Write(part)
		switch {
		case line.Len() > maxKeysLine:
			return "", ErrKeys
		case err == nil:
			return strings.TrimSuffix(line.String(), "\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

func (k *Keys) parse(words []string) bool {
	switch {
	case words[0] == "recording" && len(words) == 2:
		k.Recording = words[1]
		return unhex(make([]byte, recordingSize), words[1])
	case words[0] == "end" && len(words) == 1:
		k.Whole = true
		return true
	case words[0] == "static" && len(words) == 2:
		var s [32]byte
		k.Statics = append(k.Statics, s)
		return unhex(k.Statics[len(k.Statics)-1][:], words[1])
	case words[0] == "where" && len(words) == 3:
		origin, err := strconv.ParseInt(words[1], 10, 64)
		local, err2 := netip.ParseAddrPort(words[2])
		k.Origin, k.Local = origin, local
		return err == nil && err2 == nil
	case words[0] == "random" && len(words) == 2:
		b, err := hex.DecodeString(words[1])
		k.Random = append(k.Random, b...)
		return err == nil
	case words[0] == "epoch" && len(words) == 11:
		e, ok := parseEpoch(words[1:])
		k.Epochs = append(k.Epochs, e)
		return ok
	}
	return false
}

func parseEpoch(words []string) (e Epoch, ok bool) {
	at, err := strconv.ParseInt(words[0], 10, 64)
	ok = err == nil
	number := func(word string) uint32 {
		n, err := strconv.ParseUint(word, 10, 32)
		ok = ok && err == nil
		return uint32(n)
	}
	e.At = pipeline.Time(at)
	e.Local, e.Remote, e.Seq = number(words[1]), number(words[2]), number(words[3])
	suite := number(words[4])
	e.Suite = wire.Suite(suite)
	e.Dialer = words[5] == "dialer"
	ok = ok && suite < 256 && e.Suite.Valid() && (e.Dialer || words[5] == "listener") &&
		unhex(e.Own[:], words[6]) && unhex(e.Peer[:], words[7]) && unhex(e.Receive[:], words[8]) && unhex(e.Send[:], words[9])
	return e, ok
}

func unhex(to []byte, text string) bool {
	if len(text) != hex.EncodedLen(len(to)) {
		return false
	}
	_, err := hex.Decode(to, []byte(text))
	return err == nil
}

// Each of the following methods writes a line of the keys file. head writes the
// first two.

func (w *Writer) head() {
	w.append(&w.keys, []byte(keysHeader+"\n"))
	w.secret([]byte("recording " + w.id))
}

func (w *Writer) ended() { w.secret([]byte("end")) }

func (w *Writer) where(origin int64, local netip.AddrPort) {
	w.secret(fmt.Appendf(nil, "where %d %s", origin, local))
}

func (w *Writer) static(private [32]byte) {
	w.secret(hex.AppendEncode([]byte("static "), private[:]))
}

func (w *Writer) random(b []byte) {
	w.secret(hex.AppendEncode([]byte("random "), b))
}

func (w *Writer) epoch(k conn.EpochKeys, at pipeline.Time) {
	role := "listener"
	if k.Dialer {
		role = "dialer"
	}
	w.secret(fmt.Appendf(nil, "epoch %d %d %d %d %d %s %x %x %x %x",
		at, k.Local, k.Remote, k.Seq, k.Suite, role, k.Own, k.Peer, k.Receive, k.Send))
}
