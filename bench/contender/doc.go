// Package contender is what all contenders share: the interface that each
// transport implements, the sink that counts its messages, and sockets and
// certificates that are the same for all.
package contender
