package pipeline

// Warmer is implemented by a stage whose state for an epoch is worth fetching
// into the processor's caches before the epoch's next packet is processed.
type Warmer interface {
	// Warm reads what Process will need for a packet of the epoch with about
	// the given counter, and returns a number that depends on what it has read,
	// so that the compiler keeps the reads. It must not change anything.
	Warm(session, epoch ID, counter uint64) uint64
}

// Warm calls all stages that implement [Warmer]. It is for a driver that knows which
// packets come next, and changes nothing.
func (c *chain) Warm(session, epoch ID, counter uint64) (sum uint64) {
	i := 0
	defer func() {
		if i < len(c.warmers) {
			c.faulted(c.warmers[i].at, methodWarm, cause(recover()))
		}
	}()
	for ; i < len(c.warmers); i++ {
		sum += c.warmers[i].to.Warm(session, epoch, counter)
	}
	return sum
}
