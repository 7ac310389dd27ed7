package recvq

// ownedBytes is the size of the memory from which payloads are handed to their
// owners.
const ownedBytes = 16 << 10

// own returns a copy of a payload that belongs to the receiver. Copies share
// memory that is allocated for as many of the bytes that wait as fit into
// ownedBytes, so that most of them do without an allocation of their own. The
// caller holds read.
func (g *Group[P]) own(payload []byte) []byte {
	n := len(payload)
	if n == 0 {
		return nil
	}
	if n > len(g.owned) {
		g.owned = make([]byte, max(n, min(g.rest, ownedBytes)))
	}
	copied := g.owned[:n:n]
	g.owned = g.owned[n:]
	copy(copied, payload)
	return copied
}
