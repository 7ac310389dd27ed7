// Package script runs simulations written as text: one step on each line, with
// the output of each step below it.
//
//	seed 7
//	net delay=20ms loss=0.05
//	node hub
//	node robot keepalive=500ms
//	dial robot hub
//	run 100ms
//	> 60ms robot: up hub
//	> 60ms hub: up robot
//	load robot hub latest 1 every=10ms size=100
//	rebind robot
//	run 10s
//	expect delivered hub > 500
//	settle 30s
//
// Lines that begin with > are output. Run can compare them with the output of the
// run, which Result.Text contains. Empty lines and those that begin with # are
// comments. Words are separated by spaces; "..." is one word, with the escapes of
// Go. Durations are written as in Go, probabilities from 0 to 1.
//
// The checks of sim.World.Audit run on every step.
//
// # Nodes
//
//	seed N                    in the first step alone: the seed of the world. The
//	                          tests run testdata with each seed of a range N..M
//	node NAME [SETTING=...]   makes a node; its settings are listed below, their
//	                          defaults are those of intentra.Config
//	crowd NAME N ADDR [SETTING=...]   makes N nodes behind one IP address, such as
//	                          robots behind a gateway, on ports from 10000 on. Dial,
//	                          connected and apart take the NAME for all of them
//	dial A B                  A dials B: now, after each restart of A, and one
//	                          second after a dial has failed
//	close A B                 A ends its session with B and stops dialling it
//	shutdown A                A ends and notifies its peers
//	kill A                    A ends at once, without notifying its peers
//	restart A                 A starts again, and dials the same peers
//	pause A, suspend A        A does nothing; its clock runs, or stops
//	resume A                  ends pause and suspend
//	jump A D                  advances A's clock
//	slow A D                  A's handshake worker takes D for each job
//	rebind A [ADDR]           gives A the address, or an unused one
//	addaddr A [ADDR]          gives A a further address, or an unused one
//	dropaddr A N              takes the Nth address from A, counted from one, unless
//	                          it has no Nth or no other
//	name A WHAT               the name of A resolves to WHAT: own, the addresses that
//	                          it has at the time, which is the default; none; or a
//	                          list such as 192.0.2.1:4000,B of addresses and of nodes,
//	                          which represent the addresses that they have now
//	lookup A D                A takes D to resolve a name
//
// The settings of a node:
//
//	allow=A,B,...             the nodes that may connect to it; the default is all
//	drift=N                   by how many millionths its clock runs faster, -100 to
//	                          100
//	job=D                     the time that its handshake worker takes for a job
//	send-buffer=N             bytes that may wait in the queues of its links
//	suite=aesgcm|chachapoly   the cipher suite of its dials
//	roaming=yes|no            whether its peers may change addresses
//	rekey=N, rekey-after=D    RekeyAfterPackets, RekeyAfter
//	datagram=N                MaxDatagram
//	message=N                 MaxMessage
//	max-peers=N               MaxPeers
//	max-handshakes=N          MaxHandshakes
//	per-address=N             MaxHandshakesPerAddress
//	handshake=D               HandshakeTimeout
//	rate=N, burst=N           PeerRate, PeerBurst
//	messages=N, bytes=N       PeerMessageRate, PeerByteRate
//	bandwidth=N               PeerBandwidth
//	window=N                  ReplayWindow
//	queue=N                   SendQueueMessages
//	reliable-queue=N          ReliableQueueMessages
//	idle=D, keepalive=D       IdleTimeout, KeepAlive
//	unanswered=D, forget=D    Unanswered, ForgetAfter
//
// # The network
//
//	net [SETTING=...]         sets all links that are not set by link or links
//	link A B [SETTING=...]    sets the link from A to B
//	links A B [SETTING=...]   sets both links between A and B
//	partition A,B C,D ...     cuts the links between the groups
//	heal                      ends a partition
//
// The settings of a link; the default is a delay of 5 ms and no faults. See
// sim.Link:
//
//	delay=D, jitter=D         each datagram takes delay, and up to jitter more
//	loss=P                    each datagram is lost with this probability
//	burst=ENTER/LEAVE/LOSS    in a burst it is lost with probability LOSS; bursts
//	                          begin and end with probability ENTER and LEAVE at
//	                          each datagram
//	dup=P                     it arrives twice with this probability
//	reorder=P, reorder-delay=D   with probability P it takes D longer
//	corrupt=P, truncate=P     one of its bits is flipped, or its end is cut off
//	mtu=N                     the largest IP packet in bytes, with its headers
//	local-mtu=N               the same for the sender's network card: its kernel
//	                          refuses a larger one
//	rate=N                    bytes per second
//	queue=N                   the maximum number of bytes that wait
//	cut=yes|no                all datagrams are lost
//
// # Messages
//
//	send A B INTENT CHANNEL "TEXT"
//	load A B INTENT CHANNEL every=D [size=N or N..M] [count=N]
//	    [ttl=D] [priority=low|normal|high|urgent] [token=yes] [stamp=yes]
//
// B may be * for all peers that A is connected with. INTENT is realtime, latest or
// reliable.
//
// # Adversaries
//
//	record N                  keeps the last N datagrams on the wire
//	replay TO [from=ADDR]     makes all of them arrive at TO, from their sources
//	                          or from ADDR
//	inject FROM TO HEX        makes a datagram arrive; FROM and TO are nodes or
//	                          addresses
//	garbage TO N [size=N or N..M] [from=ADDR]   makes N random datagrams arrive
//	starts TO every=D from=ADDR [count=N] [delay=D]   an adversary at the IP address
//	                          starts handshakes with the node and finishes none;
//	                          delay is the time that its datagrams take
//
// # Time and conditions
//
//	run D                     lets D pass, or a random time from D..E
//	await D CONDITION         lets time pass until it holds, and fails after D
//	expect CONDITION          fails unless it holds now
//	settle D                  ends all faults and loads, gives an IPv4 address to
//	                          those that have lost theirs, and fails unless within D
//	                          all pairs of which one dials the other are
//	                          connected, a new Reliable message arrives in each
//	                          direction (and counts as delivered), and all earlier
//	                          Reliable messages arrive that were not given up, and
//	                          every message with a token has its outcome
//	show A                    prints A's counters
//
// CONDITION is one of
//
//	connected A B             A has a session with B
//	apart A B                 A has no session with B
//	COUNTER A OP N            compares; A may be * for the sum over all nodes, and
//	                          OP is = != < <= > or >=
//
// where COUNTER is delivered, peers, sessions, rekeys, roams, strikes, takeovers, panics,
// cookies, handshakes/OUTCOME, events/KIND or drops/STAGE[/REASON].
package script
