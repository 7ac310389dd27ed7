// Package threat tests the rows of docs/THREATMODEL.md against a whole endpoint:
// TestThreatNN... in threatNN_..._test.go holds the adversary of row NN and the
// test that the endpoint withstands it.
//
// Most tests run in package sim. Honest peers exchange the same messages in the
// same virtual seconds twice, without and with the attack, and the test reports
// both delivery rates. Tests of sockets and of the user's code run over loopback.
// Two rows are tested where a test can reach further in: system call errors in
// package udp, counters near their limits in package conn.
//
//	go test ./... -run Threat -v
package threat
