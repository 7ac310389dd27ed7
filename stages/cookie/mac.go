package cookie

import (
	"bytes"
	"encoding"
	"hash"

	"golang.org/x/crypto/blake2s"
)

const (
	keySize = 32
	macSize = blake2s.Size128
)

// mac is BLAKE2s-128 with a key that can be changed without allocating, as every
// challenge needs another key. blake2s.New128 allocates. A keyed BLAKE2s is an unkeyed
// one with another initial state and the key as its first block (RFC 7693, section
// 2.9), and the state of an unkeyed one can be loaded.
type mac struct {
	hash hash.Hash
	// state is the initial state of hash. It is nil if the layout of states in
	// blake2s differs from the one below; then each key needs a New128.
	state []byte
}

// The layout of a state as blake2s marshals it: magic, 8 words of chain value,
// 2 words of counter, digest size, block, bytes used of the block.
const (
	stateChain  = len("b2s")
	stateDigest = stateChain + 8*4 + 2*4
	stateBlock  = stateDigest + 1
	stateUsed   = stateBlock + blake2s.BlockSize
	stateLen    = stateUsed + 1
)

// newMAC returns a mac without a key. It checks that loading a state has the same
// result as New128.
func newMAC() *mac {
	m := new(mac)
	m.load()
	key := []byte("the key of the check of the load")
	m.setKey(key)
	m.start()
	want, _ := blake2s.New128(key) // fails only for other key sizes
	if !bytes.Equal(m.hash.Sum(nil), want.Sum(nil)) {
		m.state = nil
	}
	m.setKey(key)
	return m
}

// load prepares hash and state for keys of keySize and digests of macSize.
func (m *mac) load() {
	h, _ := blake2s.New256(nil) // fails only for long keys
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil || len(state) != stateLen {
		return
	}
	// Digest size and key size are the low bytes of the parameter block, which
	// is XORed into the first chain word (RFC 7693 section 2.5). States hold
	// words in big-endian order.
	state[stateChain+3] ^= blake2s.Size ^ macSize
	state[stateChain+2] ^= keySize
	state[stateDigest] = macSize
	state[stateUsed] = blake2s.BlockSize
	m.hash, m.state = h, state
}

// setKey sets the key, of keySize, for the following messages.
func (m *mac) setKey(key []byte) {
	if m.state == nil {
		m.hash, _ = blake2s.New128(key) // fails only for other key sizes
		return
	}
	copy(m.state[stateBlock:], key)
}

// start begins a new message.
func (m *mac) start() {
	if m.state == nil {
		m.hash.Reset()
		return
	}
	// It fails only for states of another layout, which newMAC has checked.
	_ = m.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(m.state)
}

// appendSum appends the MAC of everything written to hash since start.
func (m *mac) appendSum(b []byte) []byte { return m.hash.Sum(b) }
