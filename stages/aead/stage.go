package aead

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The drops of Open.
const (
	DropNoKey = pipeline.DropFirst + iota
	DropShort
	DropForged
)

// Open is the stage "aead" of an inbound chain.
type Open struct {
	keys pipeline.Slots[openKey]
	// nonce lives here and not on the stack, from where it would escape
	// through the cipher's interface for each packet.
	nonce [nonceSize]byte
}

type openKey struct {
	Key
	failed uint64
}

// NewOpen returns an Open without keys.
func NewOpen() *Open { return new(Open) }

// InstallKey gives the epoch, which must be open, the key to open its packets
// with. It is forgotten when the epoch closes.
func (s *Open) InstallKey(epoch pipeline.ID, k Key) {
	if slot := s.keys.Get(epoch); slot != nil {
		slot.Key = k
	}
}

// Failures returns how many packets of the epoch have failed to open.
func (s *Open) Failures(epoch pipeline.ID) uint64 {
	if slot := s.keys.Get(epoch); slot != nil {
		return slot.failed
	}
	return 0
}

// Name returns "aead".
func (s *Open) Name() string { return "aead" }

// Reasons names the drops.
func (s *Open) Reasons() []string { return []string{"no_key", "short", "forged"} }

// ReadsPlaintext returns false: Open makes it.
func (s *Open) ReadsPlaintext() bool { return false }

// OpensPlaintext marks Open as a [pipeline.Opener].
func (s *Open) OpensPlaintext() {}

// Guards tells what Open protects from.
func (s *Open) Guards() string { return "forged packets" }

// EpochOpened makes room for the epoch's key.
func (s *Open) EpochOpened(n pipeline.EpochNotice) { s.keys.Open(n.Epoch) }

// EpochClosed forgets the epoch's key.
func (s *Open) EpochClosed(n pipeline.EpochNotice) { s.keys.Close(n.Epoch) }

// Process opens p.Data in place.
func (s *Open) Process(p *pipeline.Packet) pipeline.Verdict {
	k := s.keys.Get(p.Epoch)
	if k == nil || k.cipher == nil {
		return DropNoKey
	}
	if len(p.Data) < wire.Overhead {
		return DropShort
	}
	k.put(&s.nonce, p.Counter)
	header, sealed := p.Data[:wire.HeaderSize], p.Data[wire.HeaderSize:]
	plain, err := k.cipher.Open(sealed[:0], s.nonce[:], sealed, header)
	if err != nil {
		k.failed++
		return DropForged
	}
	// Without spare capacity, which is the tag's and the next datagram's: a
	// stage that appends must not write there.
	p.SetPlaintext(plain[:len(plain):len(plain)])
	return pipeline.Accept
}

// Warm reads the epoch's key. The chain calls it.
func (s *Open) Warm(_, epoch pipeline.ID, _ uint64) uint64 {
	if k := s.keys.Get(epoch); k != nil {
		return k.failed
	}
	return 0
}
