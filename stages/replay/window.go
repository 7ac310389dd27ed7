package replay

import "fmt"

// Limit is fixed by the protocol: counters are below it, because a key seals no more
// packets (PROTOCOL.md, section 4).
const Limit = 1 << 28

// What we chose: the limits of a window, in bits. The default is the size that
// WireGuard uses; at 10,000 packets/s it spans 0.8 s of reordering.
const (
	MinBits     = 64
	MaxBits     = 65536
	DefaultBits = 8192
)

const wordBits = 64

// Window remembers which counters of one epoch have been accepted. It is the
// algorithm of RFC 6479: a bitmap on a ring of words that slides by clearing
// whole words, so that no bits are ever shifted.
//
// With h the highest counter accepted so far, it records for exactly the counters
// h-bits to h whether they were accepted; lower ones are too old, higher ones are new.
// Counters do not wrap.
//
// Make a Window with [NewWindow]; the zero Window accepts nothing. Copies share their
// bitmap. A Window is not safe for concurrent use.
type Window struct {
	// ring has bits/64 + 1 words at its full size: the word that contains h is
	// seldom full, and the others must cover all bits below it. It starts small
	// and doubles as h grows, up to full words, so that an idle epoch takes little
	// memory and the window is never shorter than bits.
	ring    []uint64
	full    int32 // words
	highest uint64
}

// firstWords is the initial size of a ring in words: 80 bytes, a size class of the
// allocator.
const firstWords = 10

// Result is the decision of a Window about a counter. The zero Result refuses it.
type Result uint8

const (
	// Replayed means that the counter was accepted before.
	Replayed Result = iota
	// TooOld means that the counter is below the window, so whether it was accepted
	// before is unknown.
	TooOld
	// Accepted means that the counter was new.
	Accepted
)

// NewWindow returns an empty window that reaches bits below the highest
// counter. It panics unless bits is a power of two from [MinBits] to [MaxBits].
func NewWindow(bits int) Window {
	if !validBits(bits) {
		panic(fmt.Sprintf("replay: NewWindow(%d) is not a power of two from %d to %d", bits, MinBits, MaxBits))
	}
	full := bits/wordBits + 1
	return Window{ring: make([]uint64, min(firstWords, full)), full: int32(full)}
}

func validBits(bits int) bool {
	return bits >= MinBits && bits <= MaxBits && bits&(bits-1) == 0
}

// Accept returns [Accepted] and records counter if it is new; with any other result the
// window does not change. The caller has authenticated the packet: a forged counter
// would push genuine ones out of the window.
func (w *Window) Accept(counter uint64) Result {
	if w.full == 0 {
		return TooOld
	}
	switch {
	case counter > w.highest:
		w.grow(counter)
		w.slide(counter)
	case w.highest-counter > uint64(w.full-1)*wordBits:
		return TooOld
	}
	words := uint64(len(w.ring))
	word, bit := &w.ring[counter/wordBits%words], uint64(1)<<(counter%wordBits)
	if *word&bit != 0 {
		return Replayed
	}
	*word |= bit
	return Accepted
}

// grow makes the ring large enough, up to its full size, to lose nothing when highest
// becomes the highest counter.
func (w *Window) grow(highest uint64) {
	words := len(w.ring)
	for words < int(w.full) && highest/wordBits >= uint64(words) {
		words = min(2*words, int(w.full))
	}
	if words > len(w.ring) {
		// No word was reused yet: word i is at i.
		w.ring = append(make([]uint64, 0, words), w.ring...)[:words]
	}
}

// slide moves the window up to its new highest counter and clears the words that are
// reused. Its time is bounded by the size of the ring.
func (w *Window) slide(highest uint64) {
	words := uint64(len(w.ring))
	from, to := w.highest/wordBits, highest/wordBits
	w.highest = highest
	if to-from >= words {
		clear(w.ring)
		return
	}
	for i := from + 1; i <= to; i++ {
		w.ring[i%words] = 0
	}
}
