package main

import (
	"errors"
	"fmt"
	"io/fs"

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
	key, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	err = intentra.WritePrivateKey(c.Out, key)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keygen: %s exists and is not overwritten; choose another file, or remove it if nobody needs its key any more", c.Out)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, key.Public())
	return err
}
