package main

import (
	"fmt"

	"github.com/intentra/intentra/internal/load"
)

// spareFiles is how many files the process may need in addition to its sockets.
const spareFiles = 32

// checkFiles reports an error if the process may not open n more files.
func checkFiles(n int) error {
	u, err := load.ReadUsage()
	if err != nil || u.MaxFiles == 0 {
		return nil // opening the sockets will report it
	}
	if need := u.OpenFiles + uint64(n) + spareFiles; need > u.MaxFiles {
		return fmt.Errorf("%d sockets need about %d open files, but the limit is %d: raise the limit with 'ulimit -n %d', or ask for fewer",
			n, need, u.MaxFiles, need)
	}
	return nil
}
