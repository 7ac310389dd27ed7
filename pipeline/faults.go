package pipeline

import "sync/atomic"

// Fault counts the failures of one method of a stage, or of a hook, in which no
// packet and no message was lost: panics in notices, in Settle and in Warm, and
// messages that a packer did not pack when they were sent again. Failures in which
// one was lost are in [Counts].Drops.
type Fault struct {
	// Stage is the name of the stage, empty for the chain's hooks OnDrop and
	// OnPanic.
	Stage, Method string
	Count         uint64
}

// method identifies a method whose failure loses no packet and no message.
type method uint8

const (
	methodSettle method = iota
	methodPeerOpened
	methodPeerClosed
	methodSessionOpened
	methodSessionClosed
	methodEpochOpened
	methodEpochClosed
	methodWarm
	methodPack // Size and Process of a packer, in Repack
	methodOnDrop
	methodOnPanic
	methods
)

var methodNames = [methods]string{
	"Settle", "PeerOpened", "PeerClosed", "SessionOpened", "SessionClosed", "EpochOpened", "EpochClosed", "Warm", "Process",
	"OnDrop", "OnPanic",
}

// faults are rare, so they are atomic and need no Publish.
type faults struct {
	total  atomic.Uint64
	counts []atomic.Uint64 // by stage and method; after the last stage the hooks
}

func (f *faults) init(stages int) { f.counts = make([]atomic.Uint64, (stages+1)*int(methods)) }

func (f *faults) add(at int, m method) {
	f.counts[at*int(methods)+int(m)].Add(1)
	f.total.Add(1)
}

// list returns the counts that are not zero, in the order of the chain.
func (f *faults) list(names []string) (all []Fault) {
	if f.total.Load() == 0 {
		return nil
	}
	for i := range f.counts {
		if n := f.counts[i].Load(); n > 0 {
			row := Fault{Method: methodNames[i%int(methods)], Count: n}
			if at := i / int(methods); at < len(names) {
				row.Stage = names[at]
			}
			all = append(all, row)
		}
	}
	return all
}
