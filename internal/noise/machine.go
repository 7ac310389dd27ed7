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

// overhead is the number of bytes that each message adds to its payload, by
// message number. The payload of message 1 has no tag.
var overhead = [...]int{
	1: KeySize,
	2: KeySize + KeySize + wire.TagSize + wire.TagSize,
	3: KeySize + wire.TagSize + wire.TagSize,
}

// machine is the part that Initiator and Responder share: flynn's state, and the
// means to rebuild it.
//
// When ReadMessage fails, flynn does not restore its cipher key, nonce and remote
// keys, and after an error from DH not its hashes either. So a machine discards
// the state, and the next call replays the transcript, of at most two messages
// that were accepted before, into a new one.
type machine struct {
	// expect is the number of the next message. It is zero in the zero value
	// and when the handshake has ended.
	expect int
	config flynn.Config
	dh     *dh
	// transcript holds, by message number, the payload of each written message
	// and the whole of each read one. Message 3 ends the handshake.
	transcript [3][]byte
	// state is nil after a failure, until the next call rebuilds it.
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
		// Random stays nil: flynn passes it to GenerateKeypair only.
		config: flynn.Config{
			CipherSuite:   ciphers,
			Pattern:       flynn.HandshakeXX,
			Initiator:     initiator,
			Prologue:      bytes.Clone(prologue),
			StaticKeypair: d.key(ownStatic),
		},
	}, nil
}

// write returns message n. The cipher states are nil unless n is 3. An error
// from flynn means that the previous message contained a low-order key; it ends
// the handshake.
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
		return nil, nil, nil, messageError(err)
	}
	m.advance(payload)
	return msg, c1, c2, nil
}

// read reads message n. The cipher states are nil unless n is 3. After an error
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
		return nil, nil, nil, messageError(err)
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

// rebuild ensures that m.state is ready for message m.expect.
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

// finish ends the handshake after message 3, and returns its keys.
func (m *machine) finish(send, receive *flynn.CipherState) Keys {
	k := Keys{Send: send.UnsafeKey(), Receive: receive.UnsafeKey(), Remote: m.remote()}
	copy(k.Hash[:], m.state.ChannelBinding())
	m.close()
	return k
}

// remote returns a copy of the peer's static key. flynn's slice is part of its
// state.
func (m *machine) remote() (key [KeySize]byte) {
	copy(key[:], m.state.PeerStatic())
	return key
}

// close overwrites the secrets of the handshake and resets m to its zero value.
func (m *machine) close() {
	if m.dh != nil {
		m.dh.wipe()
	}
	*m = machine{}
}

func messageError(err error) error {
	if errors.Is(err, ErrMessage) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrMessage, err)
}
