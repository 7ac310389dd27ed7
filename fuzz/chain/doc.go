// Package chain fuzzes the default chains with the user's stages in them. The
// change is the function that intentra.Config.Stages takes:
//
//	func FuzzChain(f *testing.F) {
//		chain.Fuzz(f, func(s *stages.Set) error {
//			s.InsertAfter("ack", newGeofence())
//			return nil
//		})
//	}
//
// The chains have sessions of three peers and both suites, one of them after a
// rekey. Everyone sends at once: strangers send any bytes; observers replay,
// withhold and change what they have seen, and send it from other addresses;
// dialers return their cookies; honest peers send messages; malicious peers seal
// any frames under any counter.
//
// # What is checked
//
//   - No stage panics or calls runtime.Goexit.
//   - Packets and messages are conserved in both chains, after each packet.
//   - A packet is attributed to a peer only if it was sealed with that peer's key,
//     and only once. No other packet is accepted or counts against a peer.
//   - A message reaches the user's stages only if it was sealed in the packet, and a
//     Reliable one only once a session, however many packets carry it.
//   - A reply is no longer than the packet that it answers, and lies in the memory of
//     Reply. Where only default stages precede, only cookie replies, and a handshake
//     begins only with a cookie that was issued to the same address for the same Init.
//   - No byte outside of a datagram changes, and the outbound chain keeps to the
//     capacity of its packet and to the growth that its stages declare.
//   - A packer appends exactly as many bytes as its Size says, and packs a Reliable
//     message again when it is retransmitted.
//   - The same input has the same outcome in new chains. So the change must make new
//     stages on each call: a stage that it returns twice is refused, by its address.
//     The failure names the user's stages in the chain where the outcomes first
//     differ. Package fuzz checks that a stage keeps no buffer.
//   - Once all sessions are closed, no message is held back.
//
// If the user's stages include some that see whole packets, these may drop or
// consume genuine packets, so only upper bounds are checked. Package fuzz, which
// fuzzes a stage alone, says how to run a fuzz test.
package chain
