package replay

import (
	"errors"

	"github.com/intentra/intentra/internal/journal"
)

var (
	// ErrKeys: the keys are not those of the journal.
	ErrKeys = errors.New("replay: the keys file belongs to another recording")
	// ErrKeysCut: the keys are those of the journal, but some are missing.
	ErrKeysCut = errors.New("replay: the keys file ends early, before all that the recording needs; take another copy of it")
	// ErrStages: the chain is not the one that was recorded.
	ErrStages = errors.New("replay: the recording was made with other stages")
	// ErrNoStage: Options.Views names a stage that the chain does not have.
	ErrNoStage = errors.New("replay: there is no stage")
	// ErrNoKeys: a journal needs its keys file.
	ErrNoKeys = errors.New("replay: the keys are missing; record with a keys file to be able to replay")
	// ErrNoCapture: Run was given none.
	ErrNoCapture = errors.New("replay: there is no capture; journal.Open and journal.NewCapture make one")
	// ErrView: a function of Options.Views has panicked.
	ErrView = errors.New("replay: a view has panicked")
)

// captureError is journal.ErrCapture in other words.
type captureError string

func (e captureError) Error() string        { return "replay: " + string(e) }
func (e captureError) Is(target error) bool { return target == journal.ErrCapture }

// errRead: the capture is no longer at its beginning.
const errRead captureError = "the capture has been read already; open it anew for each Run"

// impossible is the error of a recording, sound as a file, that holds what no
// transport records.
func impossible(what string) error {
	return captureError("the recording holds what no transport records: " + what)
}
