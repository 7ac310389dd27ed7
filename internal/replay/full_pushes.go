package replay

import (
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
)

// Step pushes what was pushed before this step of the core. It makes f a
// sendq.Watcher.
func (f *full) Step(q *sendq.Queue, peer, n uint64) {
	all := f.pushes[peer]
	done := 0
	for done < len(all) && all[done].Step <= n {
		e := all[done]
		if o, _ := q.Push(e.Channel, e.Intent, e.Payload); o != sendq.Queued && o != sendq.Replaced {
			f.differ("push", "taken", "refused")
		}
		done++
	}
	if done == len(all) {
		delete(f.pushes, peer)
	} else {
		f.pushes[peer] = all[done:]
	}
}

// Pushed is nothing new to f.
func (f *full) Pushed(peer, n uint64, channel uint32, intent pipeline.Intent, payload []byte) {}
