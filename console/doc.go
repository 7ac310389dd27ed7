// Package console serves a live page of a transport and, if there is one, of its hub:
// a verdict, the chain as a flow diagram with every drop at its stage, the peers, the
// topics, latency, a map of declared positions, and events.
//
// A [Console] is an http.Handler that any program can mount:
//
//	page, err := console.New(console.Config{Hub: h})
//	http.Handle("/console/", http.StripPrefix("/console", page))
//
// Nothing is sampled while no page is open. While one is, counters are read ten times
// a second, those of single peers and topics in slices of at most 1,000, never on the
// path of packets. The files of the page are those of the folder page, unchanged: plain
// ES modules without a framework, a build step or third-party code.
//
// The page reads counters, names, keys, addresses, topic names, and the positions in
// the newest values of topics that declare a layout. It never contains other payloads
// or private keys. [Guard] decides which requests are answered.
package console
