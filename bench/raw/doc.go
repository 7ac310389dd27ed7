// Package raw is the raw limit: a hand-written loop that does this work and
// nothing else. It has no library, handshake, acknowledgements or packing. A
// connection is an index, from which its keys are derived.
//
// A datagram is a 16-byte header, a message, and the tag of AES-256-GCM. The
// header has the index in bytes 4 to 7 and a counter in bytes 8 to 15, and is
// additional data of the AEAD. The sender fills a GSO call with 64 datagrams.
// The receiver takes up to 64 such runs with one recvmmsg with GRO. For each
// datagram it looks up the session, takes a token from its bucket, decrypts in
// place, checks for replay, and calls a function value with the message.
// "raw-nogso" has the same receiver, but a socket for each connection at the
// senders, so that a system call carries one datagram.
package raw
