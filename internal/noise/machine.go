package noise

import (
	"bytes"
	"errors"
	"fmt"

	flynn "github.com/flynn/noise"

	"github.com/intentra/intentra/wire"
)

// maxMessage is the length limit of section 3: "All Noise messages are less
// than or equal to 65535 bytes in length."
const maxMessage = 65535

// overhead is what each message has besides its payload, by its number. In
// message 1 payloads are in the clear.
var overhead = [...]int{
	1: KeySize,
	2: KeySize + KeySize + wire.TagSize + wire.TagSize,
	3: KeySize + wire.TagSize + wire.TagSize,
}

// machine is what Initiator and Responder share: flynn's state, and what it
// takes to make that state again.
//
// flynn does not roll back all of its state when ReadMessage fails: its cipher
// key, nonce and remote keys move on, and after an error from DH its hashes do
// as well. So a state that has failed is thrown away, and the next call replays
// the transcript into a new one. That is at most two messages, of bytes that
// were accepted before.
type machine struct {
	// expect is the number of the message that comes next; zero if none does,
	// as in the zero value and when the handshake is over.
	expect int
	config flynn.Config
	dh     *dh
	// transcript has, by message number, the payload of what was written and
	// the whole of what was read. Message 3 ends the handshake.
	transcript [3][]byte
	// state is nil from a failure to the next call.
	state *flynn.HandshakeState
}

// newMachine overwrites ephemeral.
func newMachine(initiator bool, suite wire.Suite, s *Static, prologue []byte, ephemeral *[KeySize]byte) (machine, error) {
	d, err := newDH(s, ephemeral)
	if err != nil {
		return machine{}, err
	}
	ciphers, err := newCipherSuite(suite, d)
	if err != nil {
		return machine{}, err
	}
	return machine{
		expect: 1,
		dh:     d,
		// Random stays nil: flynn hands it to GenerateKeypair and nothing else.
		config: flynn.Config{
			CipherSuite:   ciphers,
			Pattern:       flynn.HandshakeXX,
			Initiator:     initiator,
			Prologue:      bytes.Clone(prologue),
			StaticKeypair: d.key(ownStatic),
		},
	}, nil
}

// write makes message n. The cipher states are nil unless n is 3. After an
// error of flynn's, which is a low-order key in the message before, the
// handshake is over.
func (m *machine) write(n int, payload []byte) (msg []byte, c1, c2 *flynn.CipherState, err error) {
	if m.expect != n {
		return nil, nil, nil, ErrState
	}
	if len(payload) > maxMessage-overhead[n] {
		return nil, nil, nil, ErrLength
	}
	if err = m.rebuild(); err == nil {
		msg, c1, c2, err = m.state.WriteMessage(nil, payload)
	}
	if err != nil {
		m.close()
		return nil, nil, nil, refused(err)
	}
	m.advance(payload)
	return msg, c1, c2, nil
}

// read takes message n. The cipher states are nil unless n is 3. After an error
// the machine still expects message n.
func (m *machine) read(n int, msg []byte, payloadSize int) (payload []byte, c1, c2 *flynn.CipherState, err error) {
	if m.expect != n {
		return nil, nil, nil, ErrState
	}
	if payloadSize < 0 || payloadSize > maxMessage-overhead[n] || len(msg) != overhead[n]+payloadSize {
		return nil, nil, nil, ErrLength
	}
	if err = m.rebuild(); err == nil {
		payload, c1, c2, err = m.state.ReadMessage(nil, msg)
	}
	if err != nil {
		m.state = nil
		return nil, nil, nil, refused(err)
	}
	m.advance(msg)
	return payload, c1, c2, nil
}

func (m *machine) advance(replay []byte) {
	if m.expect < len(m.transcript) {
		m.transcript[m.expect] = bytes.Clone(replay)
	}
	m.expect++
}

// rebuild makes sure that there is a state in which message m.expect is next.
func (m *machine) rebuild() error {
	if m.state != nil {
		return nil
	}
	state, err := flynn.NewHandshakeState(m.config)
	for n := 1; n < m.expect && err == nil; n++ {
		if writes := (n%2 == 1) == m.config.Initiator; writes {
			_, _, _, err = state.WriteMessage(nil, m.transcript[n])
		} else {
			_, _, _, err = state.ReadMessage(nil, m.transcript[n])
		}
	}
	if err == nil {
		m.state = state
	}
	return err
}

// finish ends a handshake whose message 3 has passed.
func (m *machine) finish(send, receive *flynn.CipherState) Keys {
	k := Keys{Send: send.UnsafeKey(), Receive: receive.UnsafeKey(), Remote: m.remote()}
	copy(k.Hash[:], m.state.ChannelBinding())
	m.close()
	return k
}

// remote copies the peer's static key: flynn's slice is part of its state.
func (m *machine) remote() (key [KeySize]byte) {
	copy(key[:], m.state.PeerStatic())
	return key
}

// close overwrites and lets go of all that the handshake held. The zero value
// stays what it is.
func (m *machine) close() {
	if m.dh != nil {
		m.dh.wipe()
	}
	*m = machine{}
}

func refused(err error) error {
	if errors.Is(err, ErrMessage) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrMessage, err)
}
