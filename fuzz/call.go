package fuzz

import (
	"fmt"
	"reflect"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// make calls the user's constructor, and records the error if it makes no stage.
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

// prepared says whether Prepare is running, rather than the stage, and records its
// results.
type prepared struct {
	preparing bool
	packets   []observation
}

// ready calls Prepare with the current packet, and checks what it did.
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
	r.prepared.packets = append(r.prepared.packets, observationOf(a.packet, pipeline.Accept, r.p))
	a.hold(r.p)
	return nil
}

// running returns what is running, for failures: Prepare or the stage.
func (p *prepared) running(stage string) string {
	if p.preparing {
		return "Prepare"
	}
	return fmt.Sprintf("stage %q", stage)
}
