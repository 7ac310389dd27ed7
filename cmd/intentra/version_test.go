package main

import (
	"bytes"
	"regexp"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersion(t *testing.T) {
	line := regexp.MustCompile(`^intentra \S+ \(commit \S+, go\S+, \w+/\w+\)\n$`)
	for _, args := range [][]string{{"version"}, {"--version"}, {"hub", "--version"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitOK, run(args, nil, &stdout, &stderr), args)
		require.Regexp(t, line, stdout.String())
		require.Empty(t, stderr.String())
	}
}

func TestVersionOf(t *testing.T) {
	checkout := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}}
	for _, tt := range []struct {
		module          string
		settings        []debug.BuildSetting
		release, commit string
		version, want   string
	}{
		{"", nil, "", "", "(devel)", "unknown"},
		{"v0.1.0", nil, "", "", "v0.1.0", "unknown"},
		{"v0.1.1-0.20261130082117-d9ccc70a1b2c", nil, "", "", "v0.1.1-0.20261130082117-d9ccc70a1b2c", "d9ccc70a1b2c"},
		{"v0.0.0-20261130082117-d9ccc70a1b2c+dirty", checkout[:1], "", "", "v0.0.0-20261130082117-d9ccc70a1b2c+dirty", "0123456789ab"},
		{"(devel)", checkout, "", "", "(devel)", "0123456789ab-modified"},
		{"(devel)", checkout, "v0.1.0", "fedcba987654", "v0.1.0", "fedcba987654"},
	} {
		version, revision := versionOf(&debug.BuildInfo{Main: debug.Module{Version: tt.module}, Settings: tt.settings}, tt.release, tt.commit)
		require.Equal(t, []string{tt.version, tt.want}, []string{version, revision}, "%+v", tt)
	}
}
