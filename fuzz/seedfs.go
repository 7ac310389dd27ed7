package fuzz

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
)

// SeedFS is Seed with the files of a folder, such as those that
//
//	intentra replay capture.pcapng --keys capture.keys --fuzz-seeds seeds
//
// makes of a recording: fuzz.SeedFS(os.DirFS("seeds/messages")) for a stage after the
// splitter. Each file is in the format of go test, with one []byte. Files whose names
// begin with a dot are skipped. Any other file, a subfolder, a folder without seeds and
// one that cannot be read fail the test, and are an error of Check.
func SeedFS(folder fs.FS) Option {
	payloads, err := readSeeds(folder)
	return func(k *kit) {
		if err != nil {
			k.misuse("SeedFS(%s): %v", nameOf(folder), err)
		}
		k.payloads = append(k.payloads, payloads...)
	}
}

// nameOf returns the path of an os.DirFS, which is a string, and the type of any other
// file system.
func nameOf(folder fs.FS) string {
	if v := reflect.ValueOf(folder); v.Kind() == reflect.String {
		return strconv.Quote(v.String())
	}
	return fmt.Sprintf("%T", folder)
}

func readSeeds(folder fs.FS) (payloads [][]byte, err error) {
	if folder == nil {
		return nil, errors.New("the folder is nil: give one such as os.DirFS(\"seeds/messages\")")
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
			continue
		case e.IsDir():
			// A recording has a folder for each kind, of which a stage takes one.
			return nil, fmt.Errorf("it contains a folder %q: give the folder with the seeds of the stage's kind", e.Name())
		}
		text, err := fs.ReadFile(folder, e.Name())
		if err != nil {
			return nil, err
		}
		b, err := parseSeed(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		payloads = append(payloads, b)
	}
	if len(payloads) == 0 {
		return nil, errors.New("it contains no seeds: make some with intentra replay --fuzz-seeds, or leave SeedFS out")
	}
	return payloads, nil
}

// parseSeed parses a file of testdata/fuzz of a target with one []byte.
func parseSeed(text string) ([]byte, error) {
	quoted, isHeader := strings.CutPrefix(strings.TrimRight(text, "\n"), "go test fuzz v1\n[]byte(")
	quoted, isWhole := strings.CutSuffix(quoted, ")")
	s, err := strconv.Unquote(quoted)
	if !isHeader || !isWhole || err != nil {
		return nil, errors.New("not a seed of one []byte in the format of go test")
	}
	return []byte(s), nil
}
