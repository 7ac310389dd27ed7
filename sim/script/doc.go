// Package script runs simulations that are written down: text, one step a line,
// with what came of each step below it.
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
// Lines that begin with > are output. Parse reads them, Run says where they
// differ from what has come out, and Result.Text has those that are right. An
// empty line, and one that begins with #, is a comment. Words are separated by
// spaces; "..." is one word, with the escapes of Go. Durations are as Go has
// them, probabilities from 0 to 1.
//
// All that sim.World.Audit knows to check is checked on every step.
//
// # Nodes
//
//	seed N                    in the first step alone: the seed of the world. The
//	                          tests run testdata with each seed of a range N..M
//	node NAME [SETTING=...]   makes a node; for the settings see below. One that
//	                          is left out is that of intentra.Config
//	dial A B                  A keeps B connected: also after A's restart, and a
//	                          second after a dial has come to nothing
//	close A B                 A ends its session with B and dials no more
//	shutdown A                A ends in good order
//	kill A                    A ends at once; nobody is told
//	restart A                 A starts again, and dials whom it is to dial
//	pause A, suspend A        A does nothing; its clock goes on, or stands still
//	resume A                  ends that
//	jump A D                  sets A's clock forward
//	slow A D                  A's handshake worker takes D for each job
//	rebind A [ADDR]           gives A another address, a new one if none is given
//
// The settings of a node:
//
//	addr=ADDR                 its address, such as 192.0.2.1:4000
//	allow=A,B,...             who may connect to it; without it, everybody
//	job=D                     how long its handshake worker takes for a job
//	suite=aesgcm|chachapoly   the cipher suite that it dials with
//	roaming=yes|no            whether its peers may change their addresses
//	rekey=N, rekey-after=D    RekeyAfterPackets, RekeyAfter
//	datagram=N                MaxDatagram
//	max-peers=N               MaxPeers
//	max-handshakes=N          MaxHandshakes
//	per-address=N             MaxHandshakesPerAddress
//	handshake-rate=N          HandshakeRate
//	handshake=D               HandshakeTimeout
//	rate=N, burst=N           PeerRate, PeerBurst
//	window=N                  ReplayWindow
//	queue=N                   SendQueueMessages
//	reliable-queue=N          ReliableQueueMessages
//	idle=D, keepalive=D       IdleTimeout, KeepAlive
//	unanswered=D, forget=D    Unanswered, ForgetAfter
//
// # The network
//
//	net [SETTING=...]         what all links are that have no own
//	link A B [SETTING=...]    the link from A to B
//	links A B [SETTING=...]   both links between A and B
//	partition A,B C,D ...     cuts the links between the groups
//	heal                      ends a partition
//
// The settings of a link, which without any is perfect and takes no time; see
// sim.Link:
//
//	delay=D, jitter=D         each datagram takes delay, and up to jitter more
//	loss=P                    one in 1/P is lost
//	burst=ENTER/LEAVE/LOSS    in bad times, LOSS are lost; ENTER and LEAVE are
//	                          the probabilities, at each datagram, that they
//	                          begin and end
//	dup=P                     is there twice
//	reorder=P, reorder-delay=D   takes that much longer
//	corrupt=P, truncate=P     has a bit flipped, or its end missing
//	rate=N                    bytes per second that it carries
//	queue=N                   bytes that wait for that, at most
//	cut=yes|no                carries nothing
//
// # Messages
//
//	send A B INTENT CHANNEL "TEXT"
//	load A B INTENT CHANNEL every=D [size=N or N..M] [count=N]
//	stop [A]                  ends the loads of A, or all
//
// B may be * for all that A is connected with. INTENT is realtime, latest or
// reliable.
//
// # Adversaries
//
//	record N                  keeps the last N datagrams on the wire
//	replay TO [from=ADDR]     has all kept ones arrive at TO, from where they
//	                          came or from ADDR
//	inject FROM TO HEX        has a datagram arrive; FROM and TO are nodes or
//	                          addresses
//	garbage TO N [size=N or N..M] [from=ADDR]   has N of random bytes arrive
//
// # Time and questions
//
//	run D                     lets D pass, or of a range D..E a time at random
//	await D CONDITION         lets time pass until it holds, at most D
//	expect CONDITION          it holds now
//	settle D                  ends all faults and loads; then all pairs of which
//	                          one dials the other are connected within D, a
//	                          Reliable message each way, which counts as
//	                          delivered, arrives within D, and so do all
//	                          Reliable ones that were taken and not given up
//	show A                    prints A's counters
//
// CONDITION is one of
//
//	connected A B             A has a session with B
//	apart A B                 it has none
//	COUNTER A OP N            A may be * for all nodes together; OP is = != < <=
//	                          > or >=
//
// where COUNTER is delivered, peers, sessions, rekeys, roams, strikes, takeovers, panics,
// cookies, handshakes/OUTCOME, events/KIND or drops/STAGE[/REASON].
package script
