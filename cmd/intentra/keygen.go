package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/intentra/intentra"
)

type keygenCmd struct {
	Out string `required:"" placeholder:"FILE" help:"The private key file to make. It must not exist."`
}

func (c *keygenCmd) Help() string {
	return "Writes a new private key to a file that only you can read, and prints the public key alone on standard output. " +
		"Others put the public key into their allow lists, or name it with --peer."
}

func (c *keygenCmd) Run(e *environment) error {
	if c.Out == "" {
		return usagef("keygen: --out is empty; give the name of a new file")
	}
	key, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	err = intentra.WritePrivateKey(c.Out, key)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keygen: %s exists and is not overwritten; choose another file, or remove it if nobody needs its key any more", c.Out)
	}
	if err != nil {
		return removeUnfinished(c.Out, err)
	}
	_, err = fmt.Fprintln(e.stdout, key.Public())
	return err
}

// removeUnfinished removes a key file that could not be written to its end,
// which no command could read and keygen would not overwrite. If it was not even
// opened, what may be there is not ours.
func removeUnfinished(path string, err error) error {
	failed, ok := errors.AsType[*fs.PathError](err)
	if !ok || failed.Op == "open" {
		return err
	}
	if removeErr := os.Remove(path); removeErr != nil {
		return fmt.Errorf("%w; what there is of it could not be removed: %w", err, removeErr)
	}
	return err
}
