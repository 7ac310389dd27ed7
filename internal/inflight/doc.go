// Package inflight bounds how many bytes one peer has in flight: sent, and neither
// acknowledged nor considered lost. All peers share the send buffer of one socket.
// Without a bound, the packets of a peer behind a slow link fill it, and the others
// wait for that link.
//
// A [Limit] is no congestion control. It reacts to a lasting queue on the route, which
// occupies the send buffer and makes states old, and to a refusal of the local system.
// It never reacts to loss: at 20 % random loss the full rate is sent.
//
// The package is pure: the caller passes the time.
package inflight
