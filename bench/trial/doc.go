// Package trial measures one contender. It starts a receiver and its senders as
// child processes, which are this executable again, and has them send, echo and
// connect.
package trial
