package intentra

// checkRecording says once if Config.Record has ended early. The transport goes
// on.
func (t *Transport) checkRecording() {
	if t.cfg.Record == nil || t.loop.unrecorded {
		return
	}
	if err := t.cfg.Record.Err(); err != nil {
		t.loop.unrecorded = true
		t.cfg.Logger.Error("the recording is not whole", "err", err)
	}
}

// endRecording writes the last entry.
func (t *Transport) endRecording() {
	t.core.Finish()
	t.checkRecording()
}
