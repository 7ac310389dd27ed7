// Package policy tests rules of this module that the compiler does not enforce:
//
//   - imports_test.go: which folder may import which. A new folder needs a rule
//     there.
//   - purity_test.go: the protocol core gets time, randomness and datagrams as
//     inputs. Its code neither reads a clock, draws random numbers, starts
//     goroutines nor waits, and its output depends neither on the order of maps
//     nor on addresses. The file lists what the core may call, the exceptions,
//     and what the checker cannot see.
//   - platform_test.go: code for one operating system is in udp only.
//   - readme_test.go: the README shows examples that are compiled and run.
//
// Each checker is itself tested on small sources that break its rules.
package policy
