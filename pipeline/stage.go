package pipeline

// Stage is one step of a chain.
//
// A stage is called from one goroutine at a time. It must not block, keep the
// packet or its buffers, read a clock, or allocate for each packet.
type Stage interface {
	// Name returns the stage's name: unique in its chain, a label in metrics, and
	// the anchor for insertions. It consists of lower-case letters, digits and
	// underscores. The Builder calls it once.
	Name() string
	// Reasons returns the names of the stage's drops, with the same characters, at
	// most [MaxReasons]: Verdict [DropFirst]+i is counted under the i-th. The
	// Builder calls it once.
	Reasons() []string
	// Process returns the verdict on one packet or, after the splitter and before
	// the packer, on one message. If it panics, the packet or message is dropped
	// and counted as "panic".
	Process(p *Packet) Verdict
}

// Splitter is the stage that splits an authenticated packet into messages. The
// stages after it run once per message. An inbound chain has at most one.
type Splitter interface {
	Stage
	// Next makes the next message of p the current one: it sets channel, intent and
	// payload. If ok is false, there are no more. A verdict that drops applies to
	// that message alone; an accepted message is passed to the following stages.
	// The chain calls Next after Process has accepted p, until ok is false. If Next
	// panics, the rest of the packet is lost and not acknowledged.
	Next(p *Packet) (v Verdict, ok bool)
}

// Packer is the stage of an outbound chain whose Process appends the current message
// to the packet's Data. The stages before it run once per message, those after it
// once per packet.
type Packer interface {
	Stage
	// Size returns how many bytes Process would append to p.Data, exactly; see
	// [Outbound.Pack]. A packer that appends more than the default one declares
	// the difference as a [Grower].
	Size(p *Packet) int
}

// Settler is implemented by a stage that needs to know the outcome of each packet.
type Settler interface {
	// Settle is called once for each packet that the chain has processed, after all
	// its messages, with the verdict on the packet.
	Settle(p *Packet, v Verdict)
}

// PlaintextReader is implemented by a stage that declares whether it reads the
// plaintext. Any other stage is assumed to read it, and cannot be before AEAD open
// (inbound) or after seal (outbound).
type PlaintextReader interface {
	ReadsPlaintext() bool
}

// Opener marks the stage that authenticates and decrypts.
type Opener interface{ OpensPlaintext() }

// Sealer marks the stage that encrypts, the last to see plaintext.
type Sealer interface{ SealsPlaintext() }

// Guard is implemented by a stage that protects the others. Build fails if a guard
// was removed, unless [InsecureWithout] allows it.
type Guard interface {
	// Guards returns in a few words what the stage guards against, for the error
	// message. A stage that replaces a guard must return the same words.
	Guards() string
}

// Grower is implemented by an outbound message stage or packer that may make a
// message longer.
type Grower interface {
	// MaxGrowth returns the largest number of bytes by which the stage makes a
	// message longer, from zero to [MaxGrowth]. The Builder calls it once.
	MaxGrowth() int
}

// PeerNotice says that a peer has become known or was forgotten. A peer outlives its
// sessions.
type PeerNotice struct {
	Peer ID
	// Key is the peer's static public key (X25519).
	Key [32]byte
}

// SessionNotice says that a session, one connection with a peer, has opened or
// closed.
type SessionNotice struct{ Peer, Session ID }

// EpochNotice says that an epoch, one set of keys in a session, has opened or closed.
// Epoch is the receiver index on the wire. The notice contains no keys.
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

// Func returns a stage with the given name, reasons and Process function:
//
//	geofence := pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
//		if outside(p.Payload()) {
//			return pipeline.DropFirst
//		}
//		return pipeline.Accept
//	})
//
// The stage is assumed to read the plaintext.
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
