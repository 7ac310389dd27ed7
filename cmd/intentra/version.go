package main

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// release and commit are set by the linker when a release is built (-X main.release);
// otherwise the build information of the binary has them.
var release, commit string

type versionCmd struct{}

func (c *versionCmd) Run(e *environment) error {
	_, err := fmt.Fprintln(e.stdout, versionText())
	return err
}

// versionFlag prints the version and ends the command.
type versionFlag bool

// BeforeReset is called by kong when the flag is on the command line.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	_, err := fmt.Fprintln(app.Stdout, versionText())
	app.Exit(exitOK)
	return err
}

// versionText returns the line that --version prints: the version, the commit, the
// version of Go and the system.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	version, revision := versionOf(info, release, commit)
	return fmt.Sprintf("intentra %s (commit %s, %s, %s/%s)", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// pseudoVersion matches the end of a version that the go command makes up for an
// untagged commit: a time, a hyphen and the commit.
var pseudoVersion = regexp.MustCompile(`[.-]\d{14}-([0-9a-f]{12})(\+|$)`)

// versionOf returns the version and the commit of a binary. The values of the linker
// win over the build information, which has a commit if the binary was built in a
// checkout, or as a pseudo-version.
func versionOf(info *debug.BuildInfo, release, commit string) (version, revision string) {
	version, revision = "(devel)", "unknown"
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	if m := pseudoVersion.FindStringSubmatch(version); m != nil {
		revision = m[1]
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if r := settings["vcs.revision"]; r != "" {
		revision = r[:min(12, len(r))]
		if settings["vcs.modified"] == "true" {
			revision += "-modified"
		}
	}
	if release != "" {
		version = release
	}
	if commit != "" {
		revision = commit
	}
	return version, revision
}
