// Package journal writes down all that a protocol core is given, in order, and
// reads it again: with it and the keys, package replay has the real core do the
// same once more, bit for bit.
//
// A journal is a pcapng file, which Wireshark and tcpdump open. Each datagram is
// an ordinary packet behind a made-up IP and UDP header, with its verdict in the
// packet's comment. The rest (calls, timer ticks, finished handshake jobs,
// messages pushed) stands in custom blocks, an [Entry] each, as JSON, so that
// they can be read without this package. Times are exact.
//
// The section in front names the format and its version. Each entry ends with its
// number and a CRC-32C, so that a file that was cut off at its beginning, or has
// lost or changed something on the way, is told from a recording of something
// else. Against who wants to deceive this is no help. What a packet itself has is
// not covered: the replay comes to another verdict for it, or sends another.
//
// The keys, if asked for, go to a second file: our private keys, all random
// bytes drawn, and the keys of each epoch; see [Keys]. A random number in both
// files says that they belong together, and each line ends with a CRC-32C over all
// up to it. Who has the keys can read everything in the journal, and can pose as
// this side: the file has mode 0600, and is to be treated as the private key itself.
//
// Without the keys file, a journal holds no secrets but what the user himself has
// sent: messages pushed are in it as plain text. So it has mode 0600 too.
//
// Recording costs about half as much processor time again (docs/PERFORMANCE.md),
// and room on the disk for all that comes and goes. It never holds up the loop: what the disk
// does not take in time ends the recording, and not the transport.
package journal
