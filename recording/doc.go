// Package recording records a transport to files, and reads the packets of such
// a recording, or of any capture, one by one.
//
// A [Writer] in intentra.Config.Record records everything that the transport's
// protocol core receives, is called with, and sends. The command "intentra replay" feeds
// a recording to the same core again and compares the outcome bit for bit; it
// needs the keys file that belongs to the recording.
//
// A recording is a pcapng file, which Wireshark and tcpdump open. Each datagram is
// an Enhanced Packet Block with a synthesised IP and UDP header; the comment of a
// received packet is its verdict. Everything else (calls, timer ticks, messages
// sent) is in custom blocks between the packets, as JSON. Times have nanosecond
// resolution. Each entry ends with its number and a CRC-32C, which detect damage
// but not forgery.
//
// The keys file is optional. It holds the transport's private key, all random
// bytes drawn and the keys of every session: anyone who has it can read all recorded
// traffic and impersonate the transport. The recording itself holds the messages
// sent by this side in plain text. Both files are created with mode 0600.
//
// Recording never blocks the transport: if the disk is too slow, the recording
// ends with [ErrBehind] and the transport continues. Recording adds about half to the
// processor time (docs/PERFORMANCE.md).
package recording
