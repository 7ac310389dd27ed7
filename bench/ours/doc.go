// Package ours is intentra, by its public API: every message takes the whole
// default chain. It has three variants.
//
// "intentra": messages go to a Handler. "intentra-receive": they wait in queues
// for Receive. In both a sending process has one transport, and so one socket,
// with a session for each connection under an identity of its own (DialAs).
//
// "intentra-nogso": the receiver is that of "intentra"; at the senders each
// connection has a socket of its own, and a system call carries one datagram.
// A Transport for each would spend the machine on thousands of event loops at
// the senders, where raw-nogso has one; so here the protocol core, conn, has
// one loop over all those sockets.
package ours
