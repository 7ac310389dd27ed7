package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/alecthomas/kong"

	"github.com/intentra/intentra/internal/replay"
)

// stageName and folderName refuse an empty value, as fileName does, because it
// would have the same effect as no flag.
type (
	stageName  string
	folderName string
)

func (s *stageName) Decode(ctx *kong.DecodeContext) error {
	return decodeWord(ctx, "stage", (*string)(s))
}

func (f *folderName) Decode(ctx *kong.DecodeContext) error {
	return decodeWord(ctx, "folder", (*string)(f))
}

func decodeWord(ctx *kong.DecodeContext, what string, to *string) error {
	if err := ctx.Scan.PopValueInto(what, to); err != nil {
		return err
	}
	if *to == "" {
		return fmt.Errorf("the %s name is empty", what)
	}
	return nil
}

// check reports, before a long replay, an error that would otherwise end it.
func (f folderName) check() error {
	if f == "" {
		return nil
	}
	switch info, err := os.Stat(string(f)); {
	case err == nil && !info.IsDir():
		return usagef("replay: %s is a file; --fuzz-seeds needs the name of a folder", f)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return usagef("replay: --fuzz-seeds: %w", err)
	}
	return nil
}

// framesFile is the file of --frames.
type framesFile struct {
	*replay.Frames
	buffer *bufio.Writer
	file   io.Closer
}

func newFramesFile(f io.WriteCloser) *framesFile {
	w := bufio.NewWriter(f)
	return &framesFile{replay.NewFrames(w), w, f}
}

// close flushes and closes the file. It returns the first error of all writes.
func (f *framesFile) close() error {
	err := f.buffer.Flush()
	if first := f.Err(); first != nil {
		err = first
	}
	return errors.Join(err, f.file.Close())
}
