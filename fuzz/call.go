package fuzz

import (
	"fmt"
	"reflect"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// make calls the user's constructor, and keeps the error if it has made no stage.
func (k *kit) make() (s pipeline.Stage, err error) {
	if e := fault.Catch(func() { s = k.newStage() }); e != nil {
		err = e.Error("fuzz", "the constructor "+k.constructor+"()", "when it was called for a new stage", "")
	} else if v := reflect.ValueOf(s); s == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		err = wrong("the constructor %s() returned no stage", k.constructor)
	}
	if k.unmade == nil {
		k.unmade = err
	}
	return s, err
}

// prepared is whether Prepare is at work, and not the stage, and what it has
// made of the packets so far.
type prepared struct {
	preparing bool
	packets   []sight
}

// ready has Prepare change the packet in hand, and holds it to what it may do.
func (r *run) ready(a *arena) error {
	a.hold(r.p)
	if r.prepare == nil {
		return nil
	}
	r.preparing = true
	r.prepare(r.p)
	if broken := a.checkPrepared(r.p, r.plan.position); broken != "" {
		return fault.Of("Prepare "+broken, "fuzz: Prepare %s (%s)", broken, r.doing)
	}
	r.preparing = false
	r.prepared.packets = append(r.prepared.packets, sightOf(a.packet, pipeline.Accept, r.p))
	a.hold(r.p)
	return nil
}

// culprit returns who is to blame for what happens now.
func (p *prepared) culprit(stage string) string {
	if p.preparing {
		return "Prepare"
	}
	return fmt.Sprintf("stage %q", stage)
}
