// Package stages composes the drop-in chains of intentra out of the stages in
// its folders:
//
//	in:  cookie ratelimit header aead replay ack | dispatch
//	out: pack | ack seal
//
// Left of the bar inbound, and right of it outbound, a stage sees whole
// packets; on the other side it sees single messages. A user's own stage goes
// between ack and dispatch, and in front of pack, unless it says otherwise.
//
// All folders have one shape: doc.go says what the stage is for and what
// bounds its state, the algorithm is a small type that knows nothing of
// stages, stage.go fits it to the chain, and a fuzz test sits beside it.
package stages
