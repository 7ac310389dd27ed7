package fuzz

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// SeedFS is Seed with the files of a folder, such as those that
//
//	intentra replay capture.pcapng --keys capture.keys --fuzz-seeds seeds
//
// makes of a recording: fuzz.SeedFS(os.DirFS("seeds/messages")) for a stage that
// stands behind the splitter. Each file is in the format of go test, with one
// []byte. SeedFS panics on others, and if the folder cannot be read.
func SeedFS(folder fs.FS) Option {
	var payloads [][]byte
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		b, err := parseSeed(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		payloads = append(payloads, b)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("fuzz: SeedFS: %v", err))
	}
	return Seed(payloads...)
}

// parseSeed reads what go test keeps in testdata/fuzz for a target of one []byte.
func parseSeed(text string) ([]byte, error) {
	quoted, isHeader := strings.CutPrefix(strings.TrimRight(text, "\n"), "go test fuzz v1\n[]byte(")
	quoted, isWhole := strings.CutSuffix(quoted, ")")
	s, err := strconv.Unquote(quoted)
	if !isHeader || !isWhole || err != nil {
		return nil, errors.New("not a seed of one []byte in the format of go test")
	}
	return []byte(s), nil
}
