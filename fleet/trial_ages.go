package main

import (
	"fmt"
	"time"

	"github.com/intentra/intentra/hub"
)

// latestTruth is by how much a state may be older than its age and bound say: the time from the
// reading of the clock by the transport to that by the trial, on a busy machine.
const latestTruth = time.Second

// ages compares the ages of states with how old they are, which the trial knows: all peers are
// in this process.
type ages struct {
	with, without uint64
	tooOld        uint64        // states that are younger than their age and bound say
	late          time.Duration // by how much the oldest is older than its age and bound say
	within        time.Duration // the widest bound
}

func (a *ages) add(u *hub.Update, truth time.Duration) {
	if !u.Stamp {
		a.without++
		return
	}
	a.with++
	if u.Age-u.Within > truth {
		a.tooOld++
	}
	a.late, a.within = max(a.late, truth-u.Age-u.Within), max(a.within, u.Within)
}

func (a *ages) String() string {
	return fmt.Sprintf("%d states had an age and %d none; bounds up to %v, outside of them: %d too young, others up to %v too old",
		a.with, a.without, a.within.Round(time.Microsecond), a.tooOld, a.late.Round(time.Microsecond))
}

// check returns an error if ages were wrong.
func (a *ages) check() error {
	if a.with == 0 || a.tooOld > 0 || a.late > latestTruth {
		return fmt.Errorf("trial: ages were wrong: %v", a)
	}
	return nil
}
