package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

type manCmd struct {
	Command []string   `arg:"" optional:"" help:"The command that the page is about, such as 'hub' or 'bench envelope'. Without it, the page of intentra itself."`
	Dir     folderName `placeholder:"DIR" help:"Write all pages to files in this folder, which exists, instead."`
}

func (c *manCmd) Help() string {
	return `The pages are generated from what --help prints. To read one: intentra man hub | man -l -`
}

func (c *manCmd) Run(e *environment, l *commandLine) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	version, _ := versionOf(info, release, commit)
	pages := l.describe().Man(version)
	if c.Dir != "" {
		for _, page := range pages {
			if err := os.WriteFile(filepath.Join(string(c.Dir), page.Name+".1"), []byte(page.Text), 0o644); err != nil {
				return fmt.Errorf("man: %w", err)
			}
		}
		return nil
	}
	name := strings.Join(append([]string{"intentra"}, c.Command...), "-")
	for _, page := range pages {
		if page.Name == name {
			_, err := io.WriteString(e.stdout, page.Text)
			return err
		}
	}
	return usagef("man: unknown command %q", strings.Join(c.Command, " "))
}
