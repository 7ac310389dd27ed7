// Package fragment cuts messages that are larger than a datagram into fragments, and
// puts them together again.
//
// [Cut] says which part of a message is sent next. [Table] holds what has arrived of
// the messages of all sessions until they are complete. A message is delivered whole or
// not at all: what is incomplete leaves the table only by being dropped.
package fragment
