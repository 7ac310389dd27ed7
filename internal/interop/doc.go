// Package interop tests docs/PROTOCOL.md: an independent implementation of the
// protocol, written from that document alone, talks to the real endpoint. It
// has no Go code to import.
package interop
