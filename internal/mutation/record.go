package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// record is the file in which -resume keeps the names of mutations that were
// noticed, one a line. Without a file it keeps nothing.
type record struct {
	file  *os.File
	names map[string]bool
}

func openRecord(name string) (*record, error) {
	r := &record{names: map[string]bool{}}
	if name == "" {
		return r, nil
	}
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, line := range strings.Fields(string(b)) {
		r.names[line] = true
	}
	r.file, err = os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	return r, err
}

// missing returns those of ms that the record does not hold.
func (r *record) missing(ms []mutation) (missing []mutation) {
	for _, m := range ms {
		if !r.names[m.name] {
			missing = append(missing, m)
		}
	}
	return missing
}

func (r *record) add(m mutation) error {
	if r.file == nil {
		return nil
	}
	_, err := r.file.WriteString(m.name + "\n")
	return err
}

func (r *record) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}
