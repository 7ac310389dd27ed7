// Package noise runs the handshakes Noise_XX_25519_AESGCM_SHA256 and
// Noise_XX_25519_ChaChaPoly_SHA256 (Noise Protocol Framework, revision 34) on
// top of github.com/flynn/noise, and hands out the two cipher keys.
//
//	Initiator                                          Responder
//
//	NewInitiator                                       NewResponder
//	    |                                                  |
//	WriteInit      --- 1: e, payload ----------------> ReadInit
//	    |                                                  |
//	ReadResponse  <--- 2: e, ee, s, es, payload ------ WriteResponse
//	    |     ^ Reject: not the wanted peer                |
//	WriteFinal     --- 3: s, se, payload ------------> ReadFinal
//	    |                                                  |
//	  Keys                                               Keys
//
// Called out of this order, a method returns ErrState. A Read that fails leaves
// the handshake as it was, any number of times, so injected messages cannot keep
// the genuine one from being accepted. The payloads of messages 1 and 2 can be
// obtained by anyone; only the responder can read that of message 3.
//
// Sections of the specification and the code that implements them:
//
//	New...                         5.3 Initialize, 6 prologue, 8 protocol names
//	Write..., ReadInit, Read...    5.3 WriteMessage and ReadMessage, 7.5 XX
//	message lengths                3
//	Keys.Send, Keys.Receive        5.2 Split
//	Keys.Hash                      11.2 channel binding
//	Static, DH                     12.1
//	NewAEAD, AppendNonce           12.3, 12.4
//
// The machines draw no random bytes and read no clock. They are not safe for
// concurrent use; a Static is.
package noise
