// Package journal records the inputs of a protocol core, in order, and reads
// recordings. With a recording and its keys, package replay makes the real core do
// the same again, bit for bit. Package recording is the public side of it.
//
// A recording is a pcapng file. Each datagram is an Enhanced Packet Block with
// synthesised IP and UDP headers and its verdict as the comment. Everything else
// (calls, timer ticks, finished handshake jobs, messages queued) is an [Entry] in
// a custom block, as JSON, which can be read without this package. Times have
// nanosecond resolution.
//
// The section header names the format and its version. Each entry ends with its
// number and a CRC-32C, which detect that entries are missing, repeated or
// damaged, but not forgery. They do not cover the packet of a datagram: if that is
// damaged, the replay reaches another verdict or sends another datagram.
//
// The keys file is optional. It holds our private keys, all random bytes drawn and
// the keys of each epoch; see [Keys]. A random number in both files tells that
// they belong together. Each line ends with a CRC-32C over all lines up to it.
//
// Without its keys file, a recording holds no secrets except the messages that
// this side has queued, in plain text. Both files are created with mode 0600.
package journal
