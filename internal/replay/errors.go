package replay

import (
	"errors"

	"github.com/intentra/intentra/internal/journal"
)

var (
	// ErrKeys is returned if the keys are not those of the recording.
	ErrKeys = errors.New("replay: the keys file belongs to another recording")
	// ErrKeysCut is returned if the keys file ends before all keys that the recording needs.
	ErrKeysCut = errors.New("replay: the keys file ends before all keys that the recording needs; copy it again")
	// ErrStages is returned if the chains differ from the recorded ones.
	ErrStages = errors.New("replay: the recording was made with other stages")
	// ErrNoStage is returned if Options.Views names a stage that the inbound chain
	// does not have.
	ErrNoStage = errors.New("replay: no stage")
	// ErrNoKeys is returned if Options.Keys is nil.
	ErrNoKeys = errors.New("replay: the keys are missing; record with a keys file to be able to replay")
	// ErrNoCapture is returned if Run is called without a capture.
	ErrNoCapture = errors.New("replay: the capture is nil; open one with journal.Open or journal.NewCapture")
	// ErrView is returned if a function of Options.Views panics.
	ErrView = errors.New("replay: a view panicked")
)

// captureError is a journal.ErrCapture with a text of its own.
type captureError string

func (e captureError) Error() string        { return "replay: " + string(e) }
func (e captureError) Is(target error) bool { return target == journal.ErrCapture }

// errRead is returned if the capture is not at its beginning.
const errRead captureError = "the capture has already been read; open it again for each Run"

// impossible returns the error for a recording that is intact as a file, but
// contains what no transport records.
func impossible(what string) error {
	return captureError("the recording contains what no transport records: " + what)
}
