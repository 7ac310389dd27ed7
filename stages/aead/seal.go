package aead

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The drops of Seal, in the order of its Reasons.
const (
	DropSealNoKey = pipeline.DropFirst + iota
	DropReused
	DropNoRoom
)

// Seal is the stage "seal", the last of an outbound chain.
type Seal struct {
	keys     pipeline.Slots[sealKey]
	nonce    [nonceSize]byte
	observer Observer // nil outside tests
}

type sealKey struct {
	Key
	next uint64 // the lowest unused counter
}

var (
	_ pipeline.Stage           = (*Seal)(nil)
	_ pipeline.PlaintextReader = (*Seal)(nil)
	_ pipeline.Sealer          = (*Seal)(nil)
	_ pipeline.Guard           = (*Seal)(nil)
	_ pipeline.EpochObserver   = (*Seal)(nil)
	_ pipeline.Warmer          = (*Seal)(nil)
)

// NewSeal returns a Seal without keys.
func NewSeal() *Seal { return new(Seal) }

// InstallKey sets the key that seals the packets of the epoch, from the counter first
// on. It does nothing if the epoch is not open. The key is deleted when the epoch
// closes.
func (s *Seal) InstallKey(epoch pipeline.ID, k Key, first uint64) {
	slot := s.keys.Get(epoch)
	if slot == nil {
		return
	}
	if s.observer != nil && k.cipher != nil {
		k = k.observe(s.observer)
	}
	*slot = sealKey{k, first}
}

// Name returns "seal".
func (s *Seal) Name() string { return "seal" }

// Reasons names the drops.
func (s *Seal) Reasons() []string { return []string{"no_key", "reused", "no_room"} }

// ReadsPlaintext returns true. No stage after Seal reads plaintext.
func (s *Seal) ReadsPlaintext() bool { return true }

// SealsPlaintext marks Seal as a [pipeline.Sealer].
func (s *Seal) SealsPlaintext() {}

// Guards names what Seal guards against.
func (s *Seal) Guards() string { return "eavesdroppers" }

// EpochOpened makes room for the epoch's key. The chain calls it.
func (s *Seal) EpochOpened(n pipeline.EpochNotice) { s.keys.Open(n.Epoch) }

// EpochClosed deletes the epoch's key. The chain calls it.
func (s *Seal) EpochClosed(n pipeline.EpochNotice) { s.keys.Close(n.Epoch) }

// Process seals p.Data, header and frames, in place under p.Epoch's key and
// p.Counter, and appends the tag.
func (s *Seal) Process(p *pipeline.Packet) pipeline.Verdict {
	k := s.keys.Get(p.Epoch)
	switch {
	case k == nil || k.cipher == nil || len(p.Data) < wire.HeaderSize:
		return DropSealNoKey
	case p.Counter < k.next || p.Counter == ^uint64(0):
		return DropReused
	case cap(p.Data)-len(p.Data) < wire.TagSize:
		return DropNoRoom
	}
	k.next = p.Counter + 1
	k.put(&s.nonce, p.Counter)
	header, frames := p.Data[:wire.HeaderSize], p.Data[wire.HeaderSize:]
	p.Data = k.cipher.Seal(header, s.nonce[:], frames, header)
	return pipeline.Accept
}

// Warm reads the epoch's key. The chain calls it.
func (s *Seal) Warm(_, epoch pipeline.ID, _ uint64) uint64 {
	if k := s.keys.Get(epoch); k != nil && k.cipher != nil {
		// With AES-GCM the size is stored with the key, in the part that is needed first.
		return k.next + uint64(k.cipher.NonceSize())
	}
	return 0
}
