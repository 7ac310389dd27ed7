// Package threat holds the adversaries of docs/THREATMODEL.md, one to a file,
// and the tests that hold the endpoint against them: TestThreat01 to
// TestThreat34, named by their rows in the table there.
//
// Most run in package sim, where honest traffic flows twice through the same
// virtual seconds, once in peace and once under attack, and both deliveries are
// reported. Rows about sockets and the user's own code run over loopback, and
// those about what the kernel may do in package udp, whose system calls a test
// can replace; row 34, which winds counters forward, is in package conn.
//
//	go test ./... -run Threat -v
package threat
