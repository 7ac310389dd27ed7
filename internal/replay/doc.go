// Package replay has the real protocol core do once more what a journal holds,
// and compares: the verdict of each packet, what was delivered, each datagram
// sent, and the totals by stage and reason. The same journal with the same code
// and the same stages gives the same, bit for bit; what differs is listed.
//
// It replays what package journal has written in full, from the private keys and
// the randomness in the keys file. Of a plain capture, taken by tcpdump or
// dumpcap beside a transport that wrote its keys, it opens the packets that the
// keys fit, and sends them through the real inbound chain.
package replay
