package main

import (
	"errors"

	"github.com/alecthomas/kong"
)

// fileName is a flag or an argument: the name of a file. An empty name is
// refused, because it most likely comes from a variable that was never set.
type fileName string

func (f *fileName) Decode(ctx *kong.DecodeContext) error {
	name, err := decodeName(ctx)
	*f = fileName(name)
	return err
}

// newFile is the name of a file to create. "-" is refused: other programs treat
// it as standard output, and it is never meant as the name of a file.
type newFile string

func (f *newFile) Decode(ctx *kong.DecodeContext) error {
	name, err := decodeName(ctx)
	if err == nil && name == "-" {
		return errors.New("- means standard output, which is not supported here; give the name of a new file (./- for one named -)")
	}
	*f = newFile(name)
	return err
}

// fileContext is the word by which kong names the expected value when a file
// name is missing; see [withoutHint].
const fileContext = "file"

// topicName is the name of a topic, or a pattern. An empty one is refused like an empty file
// name: pub and sub mean something else without a topic.
type topicName string

func (n *topicName) Decode(ctx *kong.DecodeContext) error {
	var name string
	if err := ctx.Scan.PopValueInto("string", &name); err != nil {
		return err
	}
	if name == "" {
		return errors.New("the topic is empty")
	}
	*n = topicName(name)
	return nil
}

func decodeName(ctx *kong.DecodeContext) (name string, err error) {
	if err := ctx.Scan.PopValueInto(fileContext, &name); err != nil {
		return "", err
	}
	if name == "" {
		return "", errors.New("the file name is empty")
	}
	return name, nil
}
