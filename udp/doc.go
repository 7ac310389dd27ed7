// Package udp implements the UDP socket of intentra. It transfers datagrams in
// batches, with one system call for many datagrams where the system supports that,
// and never blocks its caller because of the network or a peer.
//
// On Linux a [Conn] uses recvmmsg and sendmmsg. The kernel splits runs of datagrams
// to one address (GSO) and coalesces those from one address (GRO), so that a run
// passes through the kernel once. On other systems, and with [Config.Portable], a
// Conn transfers one datagram per call with package net. Both implementations keep
// these rules:
//
//   - Errors that the kernel reports about single datagrams (a closed port, a full
//     queue, a firewall, no route) are packet loss. They are counted by [Loss]. A
//     Conn ends only by Close, or if it is broken: see [Conn.ReadBatch].
//   - A datagram that does not fit its buffer is dropped and counted, so that no
//     fragment is taken for a packet.
//   - Addresses are unmapped and have a zone only if they are link-local, so that a
//     peer has a single address. The zone is the name of the interface.
//   - Only unicast addresses are supported.
//   - A datagram that was in the kernel's queue for too long is dropped, if the
//     kernel reports its age, so that an overloaded receiver processes fresh ones.
//   - Neither reading nor writing allocates.
//
// It is the only package of intentra with code for one operating system.
package udp
