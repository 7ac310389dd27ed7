package replay

import "github.com/intentra/intentra/conn"

// step pushes what was pushed before this step of the core.
func (f *full) step(p *conn.Peer, n uint64) {
	peer := p.Number()
	all := f.pushes[peer]
	done := 0
	for done < len(all) && all[done].Step <= n {
		e := all[done]
		if r, _ := p.Push(e.Channel, e.Intent, e.Payload); !r.Taken() {
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
