package pipeline

// Stage is one step of a chain.
//
// A stage is called from one goroutine at a time. It must not block, keep the
// packet or its buffers, read a clock, or allocate for each packet.
type Stage interface {
	// Name is the stage's name: unique in its chain, a label in metrics, and
	// the anchor for insertion. Lower-case letters, digits and underscores.
	Name() string
	// Reasons lists the names of the stage's drops, of the same alphabet, at
	// most [MaxReasons]: Verdict [DropFirst]+i is counted under the i-th. The
	// chain reads it once, at Build.
	Reasons() []string
	// Process decides about one packet or, after the splitter, one message.
	Process(p *Packet) Verdict
}

// Splitter is the stage that takes an authenticated packet apart. Stages behind
// it run once per message. An inbound chain has at most one.
type Splitter interface {
	Stage
	// Next puts the next message of p in hand: channel, intent and payload.
	// With ok false there is none left. A verdict that drops counts as a drop
	// of that one message; with Accept it goes on to the stages behind.
	// The chain calls Next after Process has accepted p, until ok is false.
	Next(p *Packet) (v Verdict, ok bool)
}

// Packer is the stage of an outbound chain that appends the message in hand to
// the packet's Data. Stages before it run once per message, stages behind it
// once per packet.
type Packer interface {
	Stage
	// Size returns how many bytes Process would append to p.Data.
	Size(p *Packet) int
}

// Settler is implemented by a stage that wants to hear how a packet ended.
// Settle is called once for each packet that the chain was given, whatever its
// verdict, after all its messages.
type Settler interface {
	Settle(p *Packet, v Verdict)
}

// PlaintextReader is implemented by a stage that declares whether it looks at
// the plaintext. A stage that does not declare is taken to read it, and cannot
// stand before AEAD open (inbound) or behind seal (outbound).
type PlaintextReader interface {
	ReadsPlaintext() bool
}

// Opener marks the stage that authenticates and decrypts.
type Opener interface{ OpensPlaintext() }

// Sealer marks the stage that encrypts, the last to see plaintext.
type Sealer interface{ SealsPlaintext() }

// Guard is implemented by a stage that protects the others. Build refuses a
// chain from which a guard has been taken out, unless told otherwise by
// [InsecureWithout].
type Guard interface {
	// Guards says in a few words against what, for the error message. A stage
	// that replaces a guard must return the same words.
	Guards() string
}

// Grower is implemented by an outbound message stage that may make a message
// longer, by at most MaxGrowth bytes.
type Grower interface{ MaxGrowth() int }

// PeerNotice tells of an identity that has become known or been forgotten. A
// peer outlives its sessions.
type PeerNotice struct {
	Peer ID
	// Key is the peer's static public key (X25519).
	Key [32]byte
}

// SessionNotice tells of a session, one connection with a peer.
type SessionNotice struct{ Peer, Session ID }

// EpochNotice tells of an epoch, one set of keys in a session. Epoch is the
// receiver index on the wire. It carries no keys.
type EpochNotice struct {
	Peer, Session, Epoch ID
	// Seq numbers the epochs of a session from zero.
	Seq uint32
}

// PeerObserver is implemented by a stage that keeps state for each peer.
type PeerObserver interface {
	PeerOpened(PeerNotice)
	PeerClosed(PeerNotice)
}

// SessionObserver is implemented by a stage that keeps state for each session;
// see [PerSession].
type SessionObserver interface {
	SessionOpened(SessionNotice)
	SessionClosed(SessionNotice)
}

// EpochObserver is implemented by a stage that keeps state for each epoch.
type EpochObserver interface {
	EpochOpened(EpochNotice)
	EpochClosed(EpochNotice)
}

// Func makes a stage of a function, in one line:
//
//	geofence := pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
//		if outside(p.Payload()) {
//			return pipeline.DropFirst
//		}
//		return pipeline.Accept
//	})
//
// The stage is taken to read the plaintext.
func Func(name string, reasons []string, process func(*Packet) Verdict) Stage {
	return &funcStage{name, reasons, process}
}

type funcStage struct {
	name    string
	reasons []string
	process func(*Packet) Verdict
}

func (f *funcStage) Name() string              { return f.name }
func (f *funcStage) Reasons() []string         { return f.reasons }
func (f *funcStage) Process(p *Packet) Verdict { return f.process(p) }
