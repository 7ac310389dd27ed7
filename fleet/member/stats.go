package member

import "github.com/intentra/intentra/fleet/flow"

// Stats are the counters of a Member. All but the last line only grow.
type Stats struct {
	// Accepted counts updates of this hub's publishers that other hubs want, and Unsent
	// those that were not sent, by [UnsentReason].
	Accepted uint64
	Unsent   [UnsentReasons]uint64
	// BatchesSent, UpdatesSent and BytesSent count what was sent to other hubs: an update
	// counts for each hub that it is sent to.
	BatchesSent, UpdatesSent, BytesSent uint64
	// Batches counts the batches of other hubs.
	Batches flow.Counts
	// Updates counts updates of other hubs that were given to this hub's subscribers, and
	// Values newest values among them that were sent on request. Again counts values whose
	// update had come or was dropped before; see [Doubtful].
	Updates, Values, Again uint64
	// Drops counts updates of other hubs that were not, by [Reason].
	Drops [Reasons]uint64
	// Missing counts updates that were skipped in the sequence of their topic while it was
	// wanted. Those of them that come later are dropped as [Stale]. LostReliable are those
	// of Reliable topics.
	Missing, LostReliable uint64
	// Joined, Doubted, Lost and Clashes count hubs that have appeared or come back, of which
	// heartbeats were missing, that have become silent, and heartbeats of another hub with
	// this one's key.
	Joined, Doubted, Lost, Clashes uint64
	// Moves counts publishers that have changed to another hub, and Replaced sessions of
	// this hub that ended because their key has connected elsewhere since.
	Moves, Replaced uint64
	// Snapshots counts snapshots of directories that were asked for, and Refreshes
	// requests for newest values after a loss.
	Snapshots, Refreshes uint64
	// Malformed counts frames that could not be read, and Refused publishers and topics
	// that were left out because a limit is reached.
	Malformed, Refused uint64

	// Hubs, Publishers and Topics are the present sizes of what is known of other hubs.
	// Wanted is how many topics are wanted of them, Exported how many of this hub's topics
	// are wanted elsewhere, and Demands the same, where a topic counts for each hub that wants
	// it.
	Hubs, Publishers, Topics, Wanted, Exported, Demands int
}

// Traffic counts the batches from one hub to another, and the updates and bytes in them. It
// only grows, as long as the other hub is not forgotten.
type Traffic struct{ Batches, Updates, Bytes uint64 }

func (t *Traffic) add(o Traffic) {
	t.Batches += o.Batches
	t.Updates += o.Updates
	t.Bytes += o.Bytes
}

// UnsentReason is why an update of this hub's publishers was not sent to other hubs.
type UnsentReason uint8

// The reasons.
const (
	// UnsentUnwanted: no other hub wants it any more.
	UnsentUnwanted UnsentReason = iota
	// UnsentRetracted: its topic has ended.
	UnsentRetracted
	// UnsentTooLarge: it does not fit in a frame.
	UnsentTooLarge
	// UnsentSilent: a hub that wants it is silent. It counts for each such hub.
	UnsentSilent
	// UnsentReasons is the number of reasons.
	UnsentReasons
)

// String returns the name of the reason in metrics.
func (r UnsentReason) String() string {
	return [...]string{"unwanted", "retracted", "too_large", "silent"}[r]
}

// Reason is why an update of another hub was dropped.
type Reason uint8

// The reasons.
const (
	// Unknown: its topic is not, or not yet, known.
	Unknown Reason = iota
	// Unwanted: no subscriber of this hub wants it any more.
	Unwanted
	// Stale: a newer update of the topic has come before.
	Stale
	// Repeated: its batch has come before.
	Repeated
	// Fenced: its hub is unknown or lost.
	Fenced
	// Doubtful: heartbeats of its hub were missing, so that peers which have left it may have
	// received a newer one, and the newest value has not come since.
	Doubtful
	// Undeliverable: the hub has no such topic, because of its limits or access list.
	Undeliverable
	// Reasons is the number of reasons.
	Reasons
)

// String returns the name of the reason in metrics.
func (r Reason) String() string {
	return [...]string{"unknown", "unwanted", "stale", "repeated", "fenced", "doubtful", "undeliverable"}[r]
}

// Stats returns the counters.
func (m *Member) Stats() Stats {
	s := m.stats
	for _, o := range m.hubs {
		if o.alive {
			s.Hubs++
		}
	}
	s.Publishers, s.Topics = m.sessions, m.foreign
	s.Wanted = m.wanted
	for _, t := range m.topics {
		s.Demands += len(t.wantedBy)
		if len(t.wantedBy) > 0 {
			s.Exported++
		}
	}
	return s
}
