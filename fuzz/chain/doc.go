// Package chain fuzzes the default chains with the user's stages in them. The
// change is what intentra.Config.Stages takes:
//
//	func FuzzChain(f *testing.F) {
//		chain.Fuzz(f, func(s *stages.Set) error {
//			s.InsertAfter("ack", newGeofence())
//			return nil
//		})
//	}
//
// In the chains there are sessions of several peers, of both suites, one of them
// after a rekey. What comes is everyone at once: strangers with any bytes,
// observers who repeat, hold back and change what they have seen and send it from
// elsewhere, dialers with their cookies, honest peers, and malicious ones who
// seal what they like under counters that they like.
//
// # What is asserted
//
//   - No stage panics, or calls runtime.Goexit.
//   - Packets and messages are conserved, in both chains, after each packet.
//   - A packet is taken for a peer's only if it has been sealed with that peer's
//     key, and once. Nothing else is accepted, or counts against the peer.
//   - A message comes out of a packet, before the user's message stages, only if it
//     was sealed in it, and a Reliable one once a session, whatever packets it is in.
//   - An answer is no longer than its question, and lies in the memory that Reply
//     had; where the default stages stand in front, the cookie stage alone answers.
//     A handshake begins only with a cookie that was given to the same address for
//     the same message.
//   - No byte outside of a datagram changes, and the outbound chain keeps to the
//     capacity of its packet and to the growth that its stages declare.
//   - The same input has the same outcome in chains made anew. So the change
//     must make new stages each time that it is called; one that comes again, known
//     by its address, is refused. The failure names the user's stages in the chain
//     where the outcomes first differ. That no buffer is kept is asserted by package fuzz
//     alone.
//   - With all sessions closed, nothing is held back.
//
// Where the user's stages stand among those that see whole packets, a genuine
// packet may be dropped or consumed by them; the assertions are for at most then,
// not exactly. How to run it is said in package fuzz, which fuzzes one stage
// alone.
package chain
