// Package intentra is a hardened UDP transport for low-latency, high-frequency
// state broadcast between known peers in private networks.
//
// A [Transport] is one UDP socket with one event loop, and any number of
// peers. A [Peer] is known by its X25519 key. Every packet is sealed, and every
// received one flows through a chain of stages (see packages pipeline and
// stages), into which [Config].Stages puts stages of the user's own.
//
// A listener says who may connect:
//
//	t, err := intentra.Listen(":9000", intentra.Config{Key: key, Authorize: allow.Allows, Handler: handle})
//
// A dialer says whom it expects, and stays connected by itself from then on:
//
//	p, err := intentra.Dial(ctx, "hub:9000", hubKey, intentra.Config{Key: key})
//
// Messages travel with an [Intent]: Realtime, Latest or Reliable. [Peer.Send]
// and [Transport.Broadcast] never block, and say what has become of each
// message. Messages come to a Handler on the event loop, or by
// [Transport.Receive] from bounded queues.
//
// docs/PROTOCOL.md describes the protocol and ARCHITECTURE.md the code.
package intentra
