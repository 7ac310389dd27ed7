package noise

// Keys is the result of a handshake. It shares no memory. The caller must not
// write the cipher keys to disk, and calls Wipe after creating the ciphers.
type Keys struct {
	// Send and Receive are the cipher keys, one per direction: one side's Send
	// is the other side's Receive. Each starts with counter zero.
	Send, Receive [KeySize]byte
	// Hash is the handshake hash h (section 11.2), the same at both sides and
	// unique to this handshake. It is not secret.
	Hash [32]byte
	// Remote is the peer's static public key, byte for byte as it was sent.
	// Several byte strings encode the same X25519 point, so an identity is the
	// byte string and not the point.
	Remote [KeySize]byte
}

// Wipe overwrites the cipher keys.
func (k *Keys) Wipe() {
	clear(k.Send[:])
	clear(k.Receive[:])
}
