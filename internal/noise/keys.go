package noise

// Keys is the outcome of a handshake. It is a plain value, shared with nothing;
// its owner keeps the cipher keys in memory only, and calls Wipe when the ciphers
// have been made of them.
type Keys struct {
	// Send and Receive are the cipher keys, one per direction: what is Send at
	// one side is Receive at the other. Counters start at zero under each.
	Send, Receive [KeySize]byte
	// Hash is the handshake hash h (section 11.2), the same at both sides and
	// unique to this handshake. It is not secret.
	Hash [32]byte
	// Remote is the peer's static public key, byte for byte as it was sent and
	// proved. X25519 takes a few byte strings for the same point, so an
	// identity is the whole string and not the point.
	Remote [KeySize]byte
}

// Wipe overwrites the cipher keys.
func (k *Keys) Wipe() {
	clear(k.Send[:])
	clear(k.Receive[:])
}
