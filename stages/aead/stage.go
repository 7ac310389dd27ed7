package aead

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The stage's drops, in the order of Reasons.
const (
	DropNoKey = pipeline.DropFirst + iota
	DropShort
	DropForged
)

// Stage is the stage "aead" of an inbound chain: it opens packets. It belongs to
// its chain's goroutine.
type Stage struct {
	keys pipeline.Slots[openKey]
	// nonce is here and not on the stack, because it would escape through the
	// cipher's interface and be allocated for each packet.
	nonce [nonceSize]byte
}

type openKey struct {
	Key
	failed uint64
}

var (
	_ pipeline.Stage           = (*Stage)(nil)
	_ pipeline.PlaintextReader = (*Stage)(nil)
	_ pipeline.Opener          = (*Stage)(nil)
	_ pipeline.Guard           = (*Stage)(nil)
	_ pipeline.EpochObserver   = (*Stage)(nil)
	_ pipeline.Warmer          = (*Stage)(nil)
)

// New returns a stage without keys.
func New() *Stage { return new(Stage) }

// InstallKey sets the key that opens the packets of the epoch. It does nothing if the
// epoch is not open. The key is deleted when the epoch closes.
func (s *Stage) InstallKey(epoch pipeline.ID, k Key) {
	if slot := s.keys.Get(epoch); slot != nil {
		slot.Key = k
	}
}

// Failures returns how many packets of the epoch failed to open.
func (s *Stage) Failures(epoch pipeline.ID) uint64 {
	if slot := s.keys.Get(epoch); slot != nil {
		return slot.failed
	}
	return 0
}

// Name returns "aead".
func (s *Stage) Name() string { return "aead" }

// Reasons names the drops.
func (s *Stage) Reasons() []string { return []string{"no_key", "short", "forged"} }

// ReadsPlaintext returns false: the stage produces the plaintext.
func (s *Stage) ReadsPlaintext() bool { return false }

// OpensPlaintext marks the stage as a [pipeline.Opener].
func (s *Stage) OpensPlaintext() {}

// Guards names what the stage guards against.
func (s *Stage) Guards() string { return "forged packets" }

// EpochOpened makes room for the epoch's key. The chain calls it.
func (s *Stage) EpochOpened(n pipeline.EpochNotice) { s.keys.Open(n.Epoch) }

// EpochClosed deletes the epoch's key. The chain calls it.
func (s *Stage) EpochClosed(n pipeline.EpochNotice) { s.keys.Close(n.Epoch) }

// Process opens p.Data in place.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
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
func (s *Stage) Warm(_, epoch pipeline.ID, _ uint64) uint64 {
	if k := s.keys.Get(epoch); k != nil && k.cipher != nil {
		return k.failed + uint64(k.cipher.NonceSize()) // as in Seal.Warm
	}
	return 0
}
