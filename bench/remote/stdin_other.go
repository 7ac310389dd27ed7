//go:build !unix

package remote

import "os"

func stdin() *os.File { return os.Stdin }
