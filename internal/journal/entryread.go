package journal

import (
	"bytes"
	"encoding/json"
)

// custom reads an entry, if the block is one of a journal.
func (c *Capture) custom(body []byte) (it Item, err error) {
	c.records++
	if len(body) < 2*customHeader || c.order.Uint32(body) != enterprise {
		return it, nil
	}
	n, text := c.order.Uint32(body[customHeader:]), body[2*customHeader:]
	whole := uint64(n) <= uint64(len(text)) && len(text)-int(n) < 4
	if whole {
		var padding []byte
		text, padding = text[:n], text[n:]
		whole = len(bytes.TrimLeft(padding, "\x00")) == 0
	}
	switch {
	case !c.ours(text):
		return it, nil
	case !whole:
		return it, c.damaged("its entry is not as long as it is said to be")
	}
	return c.withEntry(it, text)
}

// entryStart is how the text of each entry begins.
var entryStart = []byte(`{"kind":`)

// ours reports whether a text is to be read as an entry. The number of the blocks
// may be used by anybody, but for where a journal says that it is one.
func (c *Capture) ours(text []byte) bool {
	return c.journal && len(text) > 0 || bytes.HasPrefix(text, entryStart)
}

// withEntry adds the entry of a text.
func (c *Capture) withEntry(it Item, text []byte) (Item, error) {
	if !bytes.HasPrefix(text, entryStart) {
		return it, c.damaged("an entry of the recording cannot be read")
	}
	if !sound(text) {
		return it, c.damaged("the checksum of its entry is wrong")
	}
	e := new(Entry)
	if err := json.Unmarshal(text, e); err != nil {
		return it, c.damaged("its entry cannot be read: %v", err)
	}
	if it.Packet != nil {
		e.Data = it.Packet.Data
	}
	it.Entry = e
	return it, nil
}
