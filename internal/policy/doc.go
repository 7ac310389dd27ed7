// Package policy is the rules of this module that the compiler does not hold.
// It has no code, only tests:
//
//   - imports_test.go: which folder may import which, so that arrows point down
//     only. A new folder needs a row there.
//   - purity_test.go: the protocol core takes time, randomness and datagrams
//     from outside. In its folders nothing reads a clock, draws a random
//     number, starts a goroutine, waits, or lets the order of a map or an
//     address show, itself or by what it calls. What it may call is listed
//     there, and so are the exceptions and what the checker cannot see.
//   - platform_test.go: code for one operating system stands in udp alone.
//
// Each checker is itself tested on small sources that break its rules.
package policy
