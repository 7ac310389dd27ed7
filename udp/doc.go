// Package udp is the socket of intentra: it moves UDP datagrams in batches, one
// system call for many of them where the system can, and never stalls its
// caller because of what the network or a peer does.
//
// On Linux a [Conn] calls recvmmsg and sendmmsg, and has the kernel cut apart
// runs of datagrams to one address (GSO) and join those from one address (GRO),
// so that they walk the path through the kernel once; elsewhere, and with
// [Config.Portable], it reads and writes one datagram a call through package
// net. Both keep the same rules:
//
//   - What the kernel reports about single datagrams (a closed port, a full
//     queue, a firewall, no route) is packet loss. It is counted by [Loss] and
//     the work goes on. The only error that ends a Conn is its own Close.
//   - A datagram that did not fit its buffer is dropped and counted: no
//     fragment is ever taken for a packet.
//   - Addresses come and go unmapped, and with a zone only where they are
//     link-local, so that a peer has one address. The zone is the name of the
//     interface.
//   - The socket is for unicast.
//   - What has waited in the kernel's queue for too long is dropped unopened,
//     where the kernel tells its age: who cannot keep up spends his time on
//     what is fresh.
//   - Neither reading nor writing allocates.
//
// It is the only package of intentra with code for one operating system.
package udp
