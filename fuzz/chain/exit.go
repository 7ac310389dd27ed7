package chain

import (
	"fmt"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
)

// call says which of the user's code is running, for the case that it does not
// return.
type call struct {
	chain pipeline.Chain // nil while the chains are built
	when  string         // without a chain, the code that is called
	walks bool           // the chain is passing a packet or message from stage to stage
}

// guarded calls f, which runs the user's code, and returns its error, or an error if
// f panics or calls runtime.Goexit.
func (r *rig) guarded(f func() error) (err error) {
	if e := fault.Catch(func() { err = f() }); e != nil {
		return r.ended(e)
	}
	return err
}

// ended returns the error for a panic that no chain has recovered, and for
// runtime.Goexit, from which a chain cannot recover.
func (r *rig) ended(e *fault.Exit) error {
	at := r.running
	if at.chain == nil {
		return e.Error("fuzz/chain", at.when, "while the chains were built", "")
	}
	name, who := "inbound", ""
	if at.chain == r.Out {
		name = "outbound"
	}
	if s := at.chain.Current(); at.walks && s != "" {
		who = fmt.Sprintf("stage %q of the %s chain", s, name)
	} else {
		who = fmt.Sprintf("a stage of the %s chain, one of %s,", name, r.userStages(at.chain))
	}
	return e.Error("fuzz/chain", who, at.when, "")
}
