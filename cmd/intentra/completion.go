package main

import (
	"io"
	"reflect"

	"github.com/alecthomas/kong"

	"github.com/intentra/intentra/cmd/intentra/internal/clidoc"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

func (c *completionCmd) Help() string {
	return `Read the script in a startup file of the shell, or store it where the shell looks for such scripts:

  bash  source <(intentra completion bash)      in ~/.bashrc
  zsh   source <(intentra completion zsh)       in ~/.zshrc, after compinit
  fish  intentra completion fish > ~/.config/fish/completions/intentra.fish

The packages for Debian and Fedora contain all three.`
}

func (c *completionCmd) Run(e *environment, l *commandLine) error {
	p := l.describe()
	script := map[string]func() string{"bash": p.Bash, "zsh": p.Zsh, "fish": p.Fish}[c.Shell]
	_, err := io.WriteString(e.stdout, script())
	return err
}

// describe returns the description of the command line.
func (l *commandLine) describe() clidoc.Program {
	return clidoc.Describe(l.parser.Model, func(v *kong.Value) clidoc.Completion {
		switch v.Target.Type() {
		case reflect.TypeFor[fileName](), reflect.TypeFor[newFile]():
			return clidoc.Files
		case reflect.TypeFor[folderName]():
			return clidoc.Folders
		}
		return clidoc.Nothing
	})
}
