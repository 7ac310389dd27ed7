package main

import (
	"fmt"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/recording"
)

// recordFlags is embedded in the commands that can be recorded.
type recordFlags struct {
	Record     newFile `placeholder:"FILE" help:"Record all that comes in and goes out in a new FILE, for 'intentra replay' and Wireshark (pcapng). It holds messages in plain text."`
	RecordKeys newFile `placeholder:"FILE" help:"With --record: write the private key, the randomness and all session keys to a new FILE, without which a recording cannot be replayed. Keep it as secret as the private key."`
}

// recorder is a recording under way. A nil one is none.
type recorder struct {
	flags recordFlags
	*recording.Writer
}

// open makes the files, so that a command fails before it has started anything
// else.
func (f recordFlags) open(e *environment) (*recorder, error) {
	switch {
	case f.Record == "" && f.RecordKeys == "":
		return nil, nil
	case f.Record == "":
		return nil, usagef("--record-keys needs --record FILE")
	case f.Record == f.RecordKeys:
		return nil, usagef("--record and --record-keys name the same file; give the keys one of their own")
	}
	w, err := recording.Create(string(f.Record), string(f.RecordKeys))
	if err != nil {
		return nil, usagef("%w; give the name of a new file", err)
	}
	if f.RecordKeys != "" {
		e.warnf("%s gets the private key and all session keys of this run: whoever reads it reads the recording, and can pose as this side", f.RecordKeys)
	}
	return &recorder{f, w}, nil
}

// writer is what Config.Record takes.
func (r *recorder) writer() *recording.Writer {
	if r == nil {
		return nil
	}
	return r.Writer
}

// close ends the recording once its transport has ended. It returns err, which
// the command has come to, or what has gone wrong with the recording.
func (r *recorder) close(e *environment, err error) error {
	if r == nil {
		return err
	}
	if closeErr := r.Close(); closeErr != nil {
		if err == nil {
			return closeErr
		}
		e.warnf("%v", closeErr)
		return err
	}
	if !journal.Unwrap(r.Writer).Used() {
		return err
	}
	how := "Wireshark opens it; to replay it, record with --record-keys"
	if r.flags.RecordKeys != "" {
		how = fmt.Sprintf("replay it with 'intentra replay %s --keys %s'", r.flags.Record, r.flags.RecordKeys)
	}
	fmt.Fprintf(e.stderr, "recorded %s; %s\n", r.flags.Record, how)
	return err
}
