package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// run builds all artifacts.
func (b *build) run(ctx context.Context) error {
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	host, err := b.compile(ctx, hostTarget(), filepath.Join(work, "host"))
	if err != nil {
		return err
	}
	stage := filepath.Join(work, "stage")
	if err := b.documents(ctx, host, stage); err != nil {
		return err
	}
	binaries := map[target]string{}
	for _, t := range b.targets {
		fmt.Println("building for", t)
		if binaries[t], err = b.compile(ctx, t, filepath.Join(work, t.String())); err != nil {
			return err
		}
		if err := b.archive(t, binaries[t], stage); err != nil {
			return err
		}
		if err := b.bill(t, binaries[t]); err != nil {
			return err
		}
	}
	var tool string
	for _, t := range b.linux() {
		if tool == "" {
			if tool, err = installPackager(ctx, work); err != nil {
				return err
			}
		}
		if err := b.packages(ctx, t, binaries[t], stage, tool); err != nil {
			return err
		}
	}
	if len(b.linux()) > 0 {
		if err := b.image(binaries, filepath.Join(work, "oci")); err != nil {
			return err
		}
	}
	return b.checksums()
}

// linux returns the targets that get packages and an image.
func (b *build) linux() []target {
	return slices.DeleteFunc(slices.Clone(b.targets), func(t target) bool { return t.os != "linux" })
}

// name returns the name of an artifact.
func (b *build) name(rest string) string {
	return filepath.Join(b.out, "intentra_"+b.version+"_"+rest)
}

// compile builds the command and returns the path of the binary. Without cgo it is
// static, and -trimpath keeps the folders of this machine out of it.
func (b *build) compile(ctx context.Context, t target, folder string) (string, error) {
	path := filepath.Join(folder, "intentra")
	if t.os == "windows" {
		path += ".exe"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", fmt.Sprintf("-s -w -buildid= -X main.release=v%s -X main.commit=%s", b.version, b.commit),
		"-o", path, "./cmd/intentra")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOFLAGS=", "GOWORK=off", "GOAMD64=v1", "GO386=sse2")
	_, err := output(cmd)
	return path, err
}

// documents writes manual pages and completion scripts to the folder stage.
func (b *build) documents(ctx context.Context, binary, stage string) error {
	for _, folder := range []string{"man", "completion"} {
		if err := os.MkdirAll(filepath.Join(stage, folder), 0o755); err != nil {
			return err
		}
	}
	if _, err := output(exec.CommandContext(ctx, binary, "man", "--dir", filepath.Join(stage, "man"))); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(stage, "man", "*.1"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		if err := compress(page); err != nil {
			return err
		}
	}
	for shell, name := range map[string]string{"bash": "intentra.bash", "zsh": "_intentra", "fish": "intentra.fish"} {
		script, err := output(exec.CommandContext(ctx, binary, "completion", shell))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(stage, "completion", name), []byte(script), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// nfpm is the tool that writes packages. It is no dependency of a module of ours.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.41.0"

// installPackager builds nfpm, and returns the path of its binary.
func installPackager(ctx context.Context, work string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "install", nfpm)
	cmd.Env = append(os.Environ(), "GOBIN="+work, "GOFLAGS=", "GOWORK=off")
	_, err := output(cmd)
	return filepath.Join(work, "nfpm"), err
}

// packages writes the packages for Debian and Fedora.
func (b *build) packages(ctx context.Context, t target, binary, stage, tool string) error {
	if err := copyFile(filepath.Join(stage, "intentra"), binary, 0o755); err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm"} {
		args := []string{tool, "package", "--config", "nfpm.yaml", "--packager", kind, "--target", b.name(t.String() + "." + kind)}
		if kind == "rpm" {
			args = unnamed(ctx, args)
		}
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "NFPM_ARCH="+t.arch, "NFPM_VERSION="+b.version, "NFPM_STAGE="+stage, fmt.Sprint("SOURCE_DATE_EPOCH=", b.time.Unix()))
		if _, err := output(cmd); err != nil {
			return err
		}
	}
	return nil
}

// unnamed returns a command that runs args on a machine without a name of its own, as far
// as it can tell: nfpm writes the name into each rpm. Where that is not possible, it
// says so and returns args.
func unnamed(ctx context.Context, args []string) []string {
	prefix := []string{"unshare", "--map-root-user", "--uts", "sh", "-c", `hostname localhost && exec "$0" "$@"`}
	if _, err := output(exec.CommandContext(ctx, prefix[0], append(prefix[1:], "true")...)); err != nil {
		fmt.Println("the rpm will have the name of this machine in it:", err)
		return args
	}
	return append(prefix, args...)
}

func copyFile(to, from string, mode os.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, content, mode); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}

// hostTarget is the system of this machine.
func hostTarget() target {
	system, arch, _ := strings.Cut(hostPlatform, "/")
	return target{system, arch}
}
