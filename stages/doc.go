// Package stages builds the default chains of intentra from the stages in its
// folders:
//
//	in:  cookie ratelimit header aead replay ack | dispatch
//	out: pack | ack seal
//
// Inbound, the stages left of the bar process whole packets and those right of it
// single messages; outbound it is the other way round. A user's stage usually goes
// between ack and dispatch, or before pack.
//
// All folders have one shape, for which stages/replay is the model: doc.go states
// the purpose of the stage and the bound of its state, the algorithm is a small type
// independent of stages, stage.go adapts it to the chain, and a fuzz test holds it
// to the laws of package fuzz.
package stages
