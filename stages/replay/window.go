package replay

import "fmt"

// Limit is fixed by the protocol: no counter may reach it, because a key may seal
// at most this many packets (PROTOCOL.md, section 4).
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
// With h the highest counter accepted so far, it knows of exactly the counters
// h-bits to h whether they have been accepted; everything below is too old,
// everything above is new. Counters do not wrap: the successor of 2^64-1 would
// be 0, which is then too old or a replay.
//
// A Window comes from [NewWindow]; the zero Window accepts nothing. Copies share
// their bitmap. Not safe for concurrent use.
type Window struct {
	// ring has one word more than the bits that it reaches, divided by 64: the
	// word that holds h is seldom full, and the others must reach all of bits
	// below it. It starts small and doubles as h grows, up to full words, so
	// that an idle epoch takes little and none ever forgets too early.
	ring    []uint64
	full    int32 // words
	highest uint64
}

// firstWords is how large a ring is at first, one word for each 64 counters
// and one more: 80 bytes, which is a size that the allocator has.
const firstWords = 10

// Result is what a Window says of a counter. The zero Result refuses.
type Result uint8

const (
	// Replayed: the counter has been accepted before.
	Replayed Result = iota
	// TooOld: the counter lies below the window, which cannot tell whether it
	// has been accepted before.
	TooOld
	// Accepted: the counter is new, and from now on it is not.
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

// Accept says whether counter is new, and remembers it if so. Any other result
// leaves the window as it was. The caller has authenticated the packet: a
// forged counter would push genuine ones out of the window.
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

// grow makes the ring large enough to lose nothing when highest becomes the
// highest counter, or as large as it may be.
func (w *Window) grow(highest uint64) {
	words := len(w.ring)
	for words < int(w.full) && highest/wordBits >= uint64(words) {
		words = min(2*words, int(w.full))
	}
	if words > len(w.ring) {
		// No word has been taken over yet: word i is at i.
		w.ring = append(make([]uint64, 0, words), w.ring...)[:words]
	}
}

// slide moves the window up to its new highest counter and clears the words
// that it takes over. Its work is bounded by the size of the ring.
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
