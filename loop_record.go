package intentra

import (
	"github.com/intentra/intentra/internal/journal"
)

// recorder returns the implementation of Record, or nil.
func (c *Config) recorder() *journal.Writer {
	if c.Record == nil {
		return nil
	}
	return journal.Unwrap(c.Record)
}

// checkRecording logs once that the recording has ended early. The transport
// continues.
func (t *Transport) checkRecording() {
	if t.cfg.Record == nil || t.loop.unrecorded {
		return
	}
	if err := t.cfg.Record.Err(); err != nil {
		t.loop.unrecorded = true
		t.cfg.Logger.Error("the recording is incomplete", "err", err)
	}
}

// endRecording writes the last entry.
func (t *Transport) endRecording() {
	t.core.Finish()
	t.checkRecording()
}
