// Package dissector tests the Wireshark dissector wireshark/intentra.lua against
// package wire. It has no Go code to import. The tests run tshark, and are
// skipped where it is not installed.
package dissector
