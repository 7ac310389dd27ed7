// Package wire encodes and decodes intentra packets: the 16-byte header, the
// handshake packets, and the frames inside a sealed packet. It holds no state and
// makes no decisions. docs/PROTOCOL.md specifies the format.
//
// All integers are big-endian. Every field has exactly one encoding: reserved bits
// must be zero and variable-length integers minimal, so that no two byte strings
// encode the same packet.
//
// Parsing never allocates, and parsed slices alias the input.
package wire
