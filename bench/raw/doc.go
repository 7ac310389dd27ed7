// Package raw is the limit: the loop that one would write by hand for this work
// and nothing else. No library, no handshake, no acknowledgement, no packing; a
// connection is an index, its keys follow from that.
//
// A datagram is a 16-byte header (the index in bytes 4 to 7, a counter in 8 to
// 15; all of it additional data), a message, and the tag of AES-256-GCM. The
// sender fills a GSO call with 64 of them; the receiver takes up to 64 such
// trains in one recvmmsg with GRO, and for each datagram looks the session up,
// asks its token bucket, opens in place, checks for replay, and calls a function
// value with the message. "raw-nogso" has the same receiver, and a socket for
// each connection at the senders, where a system call carries one datagram.
package raw
