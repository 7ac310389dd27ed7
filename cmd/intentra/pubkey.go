package main

import "fmt"

type pubkeyCmd struct {
	File fileName `arg:"" placeholder:"FILE" help:"A private key file."`
}

func (c *pubkeyCmd) Run(e *environment) error {
	key, err := readKey(e, c.File)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, key.Public())
	return err
}
