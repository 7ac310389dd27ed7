package chain

import (
	"fmt"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// hand is where the user's code is running, for what does not return from it.
type hand struct {
	chain pipeline.Chain // nil while the chains are made
	doing string         // without a chain, who is called
	walks bool           // the chain is going from stage to stage, with a packet or message
}

// guarded calls f, which runs the user's code, and returns its error or how it
// ended.
func (r *rig) guarded(f func() error) (err error) {
	if e := fault.Catch(func() { err = f() }); e != nil {
		return r.ended(e)
	}
	return err
}

// ended is the error for a panic that no chain has turned into a drop, and for a
// runtime.Goexit, which a chain cannot.
func (r *rig) ended(e *fault.Exit) error {
	h := r.hand
	if h.chain == nil {
		return e.Error("fuzz/chain", h.doing, "when the chains were made", "")
	}
	name, who := "inbound", ""
	if h.chain == r.out {
		name = "outbound"
	}
	if s := h.chain.Current(); h.walks && s != "" {
		who = fmt.Sprintf("stage %q of the %s chain", s, name)
	} else {
		who = fmt.Sprintf("a stage of the %s chain, one of %s,", name, r.guests(h.chain))
	}
	return e.Error("fuzz/chain", who, h.doing, "")
}
