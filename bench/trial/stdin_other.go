//go:build !unix

package trial

import "os"

func stdin() *os.File { return os.Stdin }
