//go:build !unix

package main

import (
	"errors"
	"os"
)

// suspend stops a process until resume, which only Unix can.
func suspend(*os.Process) error { return errors.New("a process cannot be suspended on this system") }

func resume(*os.Process) error { return nil }
