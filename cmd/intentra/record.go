package main

import (
	"fmt"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/recording"
)

// recordFlags is embedded in the commands that can record.
type recordFlags struct {
	Record     newFile `placeholder:"FILE" help:"Record everything received and sent in a new FILE, for 'intentra replay' and Wireshark (pcapng). It contains messages in plain text."`
	RecordKeys newFile `placeholder:"FILE" help:"With --record: write the private key, the randomness and all session keys to a new FILE, without which a recording cannot be replayed. Keep it as secret as the private key."`
}

// recorder is a recording in progress, or nil if the command does not record.
type recorder struct {
	flags recordFlags
	*recording.Writer
}

// open creates the files before the command starts anything else.
func (f recordFlags) open(e *environment) (*recorder, error) {
	switch {
	case f.Record == "" && f.RecordKeys == "":
		return nil, nil
	case f.Record == "":
		return nil, usagef("--record-keys needs --record FILE")
	case f.Record == f.RecordKeys:
		return nil, usagef("--record and --record-keys name the same file; use a separate file for the keys")
	}
	w, err := recording.Create(string(f.Record), string(f.RecordKeys))
	if err != nil {
		return nil, usagef("%w%s", err, newFileHint(err))
	}
	if f.RecordKeys != "" {
		e.warnf("%s will contain the private key and all session keys of this run: anyone who reads it can read the recording and impersonate this side", f.RecordKeys)
	}
	return &recorder{f, w}, nil
}

// writer returns the value for Config.Record.
func (r *recorder) writer() *recording.Writer {
	if r == nil {
		return nil
	}
	return r.Writer
}

// close ends the recording after its transport has ended. It returns err, the
// result of the command, or if that is nil an error of the recording.
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
