// Package intentra is a hardened UDP transport for low-latency, high-frequency
// state broadcast between known peers in private networks.
//
// A [Transport] is one UDP socket with one event loop and any number of peers.
// A [Peer] is identified by its X25519 key. Every packet is sealed, and every
// received packet flows through a chain of stages, into which [Config].Stages
// inserts stages of the user.
//
// A listener says which keys may connect:
//
//	t, err := intentra.Listen(":9000", intentra.Config{Key: key, Authorize: allow.Authorize, Handler: handle})
//
// A dialer names the key that it expects, and reconnects automatically:
//
//	p, err := intentra.Dial(ctx, "hub:9000", hubKey, intentra.Config{Key: key})
//
// Each message travels with an [Intent]: Realtime, Latest or Reliable.
// [Peer.Send] and [Transport.Broadcast] never block and report what became of
// each message. Messages arrive at a Handler on the event loop, or through
// [Transport.Receive] from bounded queues.
//
// # Packages
//
// For applications:
//
//	intentra         Listen, Dial, Transport, Peer, Config, keys and allow lists
//	hub              a hub that relays topics between names, and its client
//	metrics          a prometheus.Collector over a transport's counters
//	recording        recordings of a transport, written and read
//
// For authors of stages:
//
//	pipeline         Stage, Packet, Verdict, the builder and the chains
//	stages           the default chains; each stage is a package below it
//	wire             the layout of packets and frames
//	fuzz             a fuzzing kit for one stage
//	fuzz/chain       a fuzzing kit for whole chains with live sessions
//
// For tools:
//
//	conn             the protocol core without I/O
//	udp              batched UDP sockets
//	sim              the simulator
//	sim/script       the language of its scenarios
//
// docs/PROTOCOL.md describes the protocol and ARCHITECTURE.md the code.
package intentra
