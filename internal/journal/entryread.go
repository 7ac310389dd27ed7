package journal

import (
	"bytes"
	"encoding/json"
)

// custom returns the entry in a custom block, if it has one.
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
		return it, c.damaged("its entry does not have the length that it declares")
	}
	return c.withEntry(it, text)
}

// entryStart is the beginning of the text of each entry.
var entryStart = []byte(`{"kind":`)

// ours reports whether text must be an entry. Outside of a recording anyone may use
// the enterprise number of the custom blocks.
func (c *Capture) ours(text []byte) bool {
	return c.journal && len(text) > 0 || bytes.HasPrefix(text, entryStart)
}

// withEntry returns it with the entry that text contains.
func (c *Capture) withEntry(it Item, text []byte) (Item, error) {
	if !bytes.HasPrefix(text, entryStart) {
		return it, c.damaged("it is not an entry of the recording")
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
