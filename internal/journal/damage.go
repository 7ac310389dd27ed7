package journal

import "fmt"

// captureError is ErrCapture in other words.
type captureError string

func (e captureError) Error() string        { return "journal: " + string(e) }
func (e captureError) Is(target error) bool { return target == ErrCapture }

// damaged is the error of the block in hand.
func (c *Capture) damaged(format string, args ...any) error {
	return captureError(fmt.Sprintf("%s %d, at byte %d: %s; the file is damaged from there on, take another copy of it",
		c.unit, c.blocks, c.offset, fmt.Sprintf(format, args...)))
}

// inOrder refuses what the Writer cannot have written next, in a journal.
func (c *Capture) inOrder(it Item) error {
	e := it.Entry
	if e != nil && e.Kind == Started && e.Number == 1 {
		c.journal = true // whatever its section says
	}
	switch {
	case !c.journal:
		return nil
	case c.number == 0 && (e == nil || e.Kind != Started):
		return c.damaged("the beginning of the recording is missing")
	case e == nil:
		c.strange = true
		return nil
	case e.Number <= c.number:
		return c.damaged("entry %d of the recording comes after entry %d", e.Number, c.number)
	case e.Number == c.number+2:
		return c.damaged("entry %d of the recording is missing in front of it", c.number+1)
	case e.Number > c.number+1:
		return c.damaged("entries %d to %d of the recording are missing in front of it", c.number+1, e.Number-1)
	}
	c.number, c.ended, c.strange = e.Number, e.Kind == Ended, false
	return nil
}

// atEnd refuses a journal of which nothing is left to replay, or whose last entry
// cannot be told from somebody else's block.
func (c *Capture) atEnd() error {
	switch {
	case c.journal && c.number == 0:
		return captureError("the recording is cut off before its first entry: there is nothing to replay")
	case c.journal && !c.ended && c.strange:
		return c.damaged("no entry, where one of the recording is missing")
	}
	return nil
}
