package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const modulePath = "github.com/intentra/intentra"

// runProxy writes the files of a module proxy for one version of the main module.
func runProxy(args []string) error {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	tag := flags.String("tag", "", "a tag of this repository, such as v0.1.0")
	out := flags.String("out", "", "the folder for the files, which is created")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *tag == "" || *out == "" {
		return fmt.Errorf("proxy needs --tag and --out")
	}
	top, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	return writeProxy(top, *tag, *out)
}

// writeProxy writes what "go help goproxy" asks for: the list of versions, and the
// metadata, the go.mod file and the zip archive of each.
func writeProxy(repository, tag, out string) error {
	folder := filepath.Join(out, filepath.FromSlash(modulePath), "@v")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	date, err := output(exec.Command("git", "-C", repository, "log", "-1", "--format=%cI", tag))
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339+"\n", date)
	if err != nil {
		return err
	}
	mod, err := output(exec.Command("git", "-C", repository, "show", tag+":go.mod"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{tag, at.UTC()})
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"list": tag + "\n", tag + ".info": string(info) + "\n", tag + ".mod": mod} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp("", "proxy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if _, err := output(exec.Command("git", "-C", repository, "archive", "--format=tar", "--output", filepath.Join(work, "tree.tar"), tag)); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	if _, err := output(exec.Command("tar", "-xf", filepath.Join(work, "tree.tar"), "-C", tree)); err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, tag+".zip"), func(w io.Writer) error {
		// Nested modules are left out, as they are by the public proxy.
		return zip.CreateFromDir(w, module.Version{Path: modulePath, Version: tag}, tree)
	})
}
