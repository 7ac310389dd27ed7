// Package load generates load on real transports and measures them, over the
// loopback interface of one machine. `intentra bench`, `intentra demo` and the
// module bench use it.
//
// One process, the parent, has the side that is measured, and starts child
// processes ([Child]) that have the other side. A child [Serve]s the calls of its
// parent over its standard input and output, which also carry secrets, and ends
// when its standard input is closed, so that no child outlives its parent.
//
// A message begins with a [Stamp]: when it was sent, on a clock that all
// processes share ([Now]), and to which measurement it belongs. A [Pacer] says
// how many messages are due, and a [Receiver] counts those that arrive. These
// three do not depend on intentra's transport, so that other transports can be
// measured in the same way.
package load
