// Package ours is intentra through its public API: every message passes the whole
// default chain. There are three variants.
//
// In "intentra", messages go to a Handler; in "intentra-receive", to queues that
// Receive reads. In both, a sending process has one transport, and so one
// socket, with a session for each connection under its own identity (DialAs).
//
// "intentra-nogso" has the receiver of "intentra", but at the senders each
// connection has its own socket, and a system call carries one datagram. A
// Transport for each connection would mean thousands of event loops in a
// process, where raw-nogso has one loop. So here one loop drives the protocol
// core, package conn, over all these sockets.
package ours
