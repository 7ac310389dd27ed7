// Package wire is the byte layout of intentra packets: the 16-byte header, the
// handshake packets, and the frames inside a sealed packet. It parses, appends
// and peeks; it holds no state and decides nothing. docs/PROTOCOL.md is the
// same in prose.
//
// All integers are big-endian. Every field has exactly one encoding: what is
// reserved must be zero and what is variable must be minimal, so that no two
// byte strings mean the same packet.
//
// Parsing never allocates, and parsed slices alias the input.
package wire
