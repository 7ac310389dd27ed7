package journal

import "fmt"

// captureError is an ErrCapture with a text of its own.
type captureError string

func (e captureError) Error() string        { return "recording: " + string(e) }
func (e captureError) Is(target error) bool { return target == ErrCapture }

// damaged returns the error for damage in the current block.
func (c *Capture) damaged(format string, args ...any) error {
	return captureError(fmt.Sprintf("%s %d, at byte %d: %s; the file is damaged from there on, copy it again",
		c.unit, c.blocks, c.offset, fmt.Sprintf(format, args...)))
}

// inOrder rejects an item of a recording that cannot follow the one before.
func (c *Capture) inOrder(it Item) error {
	e := it.Entry
	if e != nil && e.Kind == Started && e.Number == 1 {
		c.journal = true // even if the section header does not say so
	}
	switch {
	case !c.journal:
		return nil
	case c.number == 0 && (e == nil || e.Kind != Started):
		return c.damaged("the beginning of the recording is missing")
	case e == nil:
		c.foreign = true
		return nil
	case e.Number <= c.number:
		return c.damaged("entry %d of the recording comes after entry %d", e.Number, c.number)
	case e.Number == c.number+2:
		return c.damaged("entry %d of the recording is missing before it", c.number+1)
	case e.Number > c.number+1:
		return c.damaged("entries %d to %d of the recording are missing before it", c.number+1, e.Number-1)
	}
	c.number, c.ended, c.foreign = e.Number, e.Kind == Ended, false
	return nil
}

// atEnd rejects a recording without any entry, and one that ends with a block that
// may be a damaged entry.
func (c *Capture) atEnd() error {
	switch {
	case c.journal && c.number == 0:
		return captureError("the recording is cut off before its first entry: there is nothing to replay")
	case c.journal && !c.ended && c.foreign:
		return c.damaged("it is not an entry of the recording, although one must follow")
	}
	return nil
}
