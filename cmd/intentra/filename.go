package main

import (
	"errors"

	"github.com/alecthomas/kong"
)

// fileName is a flag or an argument: the name of a file. An empty one is
// refused, as it is most likely that of a variable which was never set.
type fileName string

func (f *fileName) Decode(ctx *kong.DecodeContext) error {
	name, err := decodeName(ctx)
	*f = fileName(name)
	return err
}

// newFile is the name of a file to be made. "-" is refused: other programs take
// it for standard output, and nobody means a file of that name.
type newFile string

func (f *newFile) Decode(ctx *kong.DecodeContext) error {
	name, err := decodeName(ctx)
	if err == nil && name == "-" {
		return errors.New("- stands for standard output, which cannot be written to here; give the name of a new file (./- for one named -)")
	}
	*f = newFile(name)
	return err
}

// fileContext is what kong says that it expected where a name is missing; see
// [withoutHint].
const fileContext = "file"

func decodeName(ctx *kong.DecodeContext) (name string, err error) {
	if err := ctx.Scan.PopValueInto(fileContext, &name); err != nil {
		return "", err
	}
	if name == "" {
		return "", errors.New("the name is empty; give that of a file")
	}
	return name, nil
}
