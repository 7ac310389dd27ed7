// Package replay feeds a recording to the real protocol core again and compares
// the verdict of each packet, the messages delivered, each datagram sent, and the
// totals by stage and reason. With the same code and the same stages all of it is
// identical, bit for bit; every difference is reported.
//
// A recording of package journal is replayed in full, with the private keys and
// the random bytes of its keys file. In a plain capture, taken by tcpdump or
// dumpcap on a machine whose transport wrote a keys file, the data packets that
// those keys open are passed through the real inbound chain.
package replay
