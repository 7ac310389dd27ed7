//go:build !unix

package load

import "os"

// Stdin returns standard input for Serve.
func Stdin() *os.File { return os.Stdin }
