package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/keykind"
)

type keygenCmd struct {
	Out  newFile `required:"" placeholder:"FILE" help:"The private key file to create. It must not exist."`
	Name *string `placeholder:"NAME" help:"Print the public key and this name as a line for a hub's access list."`
}

func (c *keygenCmd) Help() string {
	return "Writes a new private key to a file that only you can read, and prints the public key alone on standard output. " +
		"Other machines put the public key into their allow lists, or pass it with --peer."
}

func (c *keygenCmd) Run(e *environment) error {
	if c.Name != nil {
		if err := hub.CheckName(*c.Name); err != nil {
			return usagef("keygen: --name: %w", err)
		}
	}
	key, err := generateKey()
	if err != nil {
		return err
	}
	file := string(c.Out)
	err = intentra.WritePrivateKey(file, key)
	if errors.Is(err, fs.ErrExist) {
		return usagef("keygen: %s exists and is not overwritten; choose another file, or remove it if its key is no longer needed", file)
	}
	if isOpenError(err) {
		return usagef("keygen: %w", err)
	}
	if err != nil {
		return removeUnfinished(file, err)
	}
	line := key.Public().String()
	if c.Name != nil {
		line += " " + *c.Name
	}
	if _, err = fmt.Fprintln(e.stdout, line); err != nil {
		return fmt.Errorf("keygen: the private key is in %s, but its public key could not be printed, as 'intentra pubkey' can do again: %w", file, err)
	}
	return nil
}

// generateKey returns a new private key that could not be a public one, so that commands can
// tell which it is. That leaves 31 of 32 keys.
func generateKey() (intentra.PrivateKey, error) {
	for {
		key, err := intentra.GenerateKey()
		if err != nil || !keykind.CanBePublic(key) {
			return key, err
		}
	}
}

// isOpenError reports whether a file could not be opened: its name is wrong, or
// the user may not write there.
func isOpenError(err error) bool {
	failed, ok := errors.AsType[*fs.PathError](err)
	return ok && failed.Op == "open"
}

// removeUnfinished removes a key file that was written only in part, which no
// command could read and keygen would not overwrite. A file that could not be
// opened is not ours and stays.
func removeUnfinished(path string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); !ok || isOpenError(err) {
		return err
	}
	if removeErr := os.Remove(path); removeErr != nil {
		return fmt.Errorf("%w; the incomplete file could not be removed: %w", err, removeErr)
	}
	return err
}
