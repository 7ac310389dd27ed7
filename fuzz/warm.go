package fuzz

import "github.com/intentra/intentra/pipeline"

// warm has the stage read what it will need for k, where a driver would: only the
// receiver index of a datagram is known then.
func (r *run) warm(k *packet) {
	w, ok := r.stage.(pipeline.Warmer)
	if !ok || r.memory != warmed || k.warmed.Epoch == 0 {
		return
	}
	r.warming = true
	r.during("Warm", func() { w.Warm(k.warmed.Session, k.warmed.Epoch, k.counter) })
	r.warming = false
}

// checkWarm checks that the stage decides the same whether it is warmed or not.
func (k *kit) checkWarm(p *plan, first *trace) error {
	s, err := k.make()
	if err != nil {
		return err
	}
	if _, ok := s.(pipeline.Warmer); !ok {
		return nil
	}
	if again, err := k.run(p, warmed); err != nil && again.warming {
		return err
	}
	return k.checkMemory(p, first, warmed)
}
