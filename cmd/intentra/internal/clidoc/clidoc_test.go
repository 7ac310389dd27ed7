package clidoc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// grammar is a command line with everything that the scripts and pages must show.
type grammar struct {
	Send struct {
		Key    string `required:"" placeholder:"FILE" help:"Our key: [a] file. More about it."`
		Intent string `enum:"latest,reliable" default:"latest" help:"How it's sent, ${enum}."`
		Retry  bool   `help:"Try again."`
		Rate   int    `default:"1" help:"Per second."`
	} `cmd:"" help:"Send lines."`
	Bench struct {
		Wide struct {
			Dir  string `type:"dir" placeholder:"DIR" help:"A folder."`
			File string `arg:"" type:"file" help:".A file."`
		} `cmd:"" help:"Many peers."`
		Deep struct{} `cmd:"" help:"Many layers."`
	} `cmd:"" help:"Measure."`
	Shell struct {
		Name string `arg:"" optional:"" enum:"bash,zsh," default:"" help:"Which."`
	} `cmd:"" help:"Scripts."`
	Secret struct{} `cmd:"" hidden:""`
	Quiet  bool     `help:"Print less."`
}

func (grammar) Help() string { return "First part\\of it.\n\n  .table of\n  'words'\n\nLast part." }

func program(t *testing.T) Program {
	k, err := kong.New(new(grammar), kong.Name("prog"), kong.Description("Does things."))
	require.NoError(t, err)
	return Describe(k.Model, func(v *kong.Value) Completion {
		switch {
		case v.Tag.Type == "dir":
			return Folders
		case v.Name == "key" || v.Tag.Type == "file":
			return Files
		}
		return Nothing
	})
}

// completions returns what bash offers for the last word.
func completions(t *testing.T, script, dir string, words ...string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	cmd := exec.Command("bash", "--norc", "-c", script+`
COMP_WORDS=(`+strings.Join(quoted, " ")+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }
_prog; printf '%s\n' "${COMPREPLY[@]}"`)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.Fields(string(out))
}

func TestBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "my.key"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	script := program(t).Bash()
	for _, tt := range []struct{ words, want string }{
		{"|", "send bench shell"},
		{"se", "send"},
		{"se|nd|--in", "--intent"}, // not a command, so the flags of none
		{"send|--", "--key --intent --retry --rate --help --quiet"},
		{"send|--intent|", "latest reliable"},
		{"send|--intent|=|rel", "reliable"},
		{"send|--intent|=", "latest reliable"},
		{"send|--key|m", "my.key"},
		{"send|--rate|", ""},
		{"send|--retry|--ke", "--key"},
		{"--quiet|be", "bench"},
		{"bench|", "wide deep"},
		{"bench|wide|--d", "--dir"},
		{"bench|wide|--dir|", "folder"},
		{"bench|wide|m", "my.key"},
		{"shell|z", "zsh"},
		{"send|bench|--k", "--key"},
	} {
		got := completions(t, script, dir, append([]string{"prog"}, strings.Split(strings.TrimSuffix(tt.words, "|")+map[bool]string{true: "|"}[strings.HasSuffix(tt.words, "|")], "|")...)...)
		if tt.words == "se|nd|--in" {
			require.Empty(t, got)
			continue
		}
		require.ElementsMatch(t, strings.Fields(tt.want), got, tt.words)
	}
}

// The scripts of zsh and fish have all commands, flags and values, and each shell that
// is installed can read its own.
func TestZshAndFish(t *testing.T) {
	p := program(t)
	for _, tt := range []struct {
		shell, script string
		words         []string
	}{
		{"zsh", p.Zsh(), []string{"#compdef prog", "'--key=[Our key\\: \\[a\\] file]:FILE:_files'", "'--intent=[How it'\\''s sent, latest,reliable]:", ":(latest reliable)'",
			"'--retry[Try again]'", "'--dir=[A folder]:DIR:_files -/'", "'send:Send lines'", "wide) _prog_bench_wide ;;", "'::name:(bash zsh"}},
		{"fish", p.Fish(), []string{"-n '__prog_command' -a send -d 'Send lines'", "-n '__prog_command send' -l key -r -F -d 'Our key: [a] file'", "-l intent -x -a 'latest reliable' -d 'How it\\'s sent, latest,reliable'",
			"-n '__prog_command send' -l retry -d", "-n '__prog_command bench' -a wide", "-n '__prog_command bench wide' -F", "complete -c prog -l quiet", "' send'", "'bench wide'"}},
	} {
		for _, w := range tt.words {
			require.Contains(t, tt.script, w)
		}
		require.NotContains(t, tt.script, "secret")
		if _, err := exec.LookPath(tt.shell); err != nil {
			t.Log("not read by", tt.shell, "itself, which is not installed")
			continue
		}
		file := filepath.Join(t.TempDir(), "script")
		require.NoError(t, os.WriteFile(file, []byte(tt.script), 0o600))
		out, err := exec.Command(tt.shell, "-n", file).CombinedOutput()
		require.NoError(t, err, string(out))
	}
}

func TestMan(t *testing.T) {
	pages := map[string]string{}
	for _, page := range program(t).Man("1.2") {
		pages[page.Name] = page.Text
	}
	require.Len(t, pages, 6)
	for name, words := range map[string][]string{
		"prog": {".TH PROG 1 \"\" \"prog 1.2\"\n", "prog \\- Does things\n", "First part\\eof it.\n", ".nf\n  .table of\n  'words'\n.fi\n", ".BR prog\\-send (1)\nSend lines.\n"},
		"prog-send": {".BI \\-\\-key= FILE\n.RI [ FLAG", ".BI \\-\\-intent= \"latest\"\nHow it's sent, latest,reliable.\n", ".B \\-\\-retry\n", ".B \\-\\-quiet\n",
			".SH SEE ALSO\n.BR prog (1)\n"},
		"prog-bench":      {".I COMMAND\n", ".BR prog\\-bench\\-wide (1)\n"},
		"prog-bench-wide": {".B prog bench wide\n", ".I FILE\n\\&.A file.\n", ".BR prog\\-bench (1)\n"},
		"prog-shell":      {".RI [ NAME ]\n"},
	} {
		for _, w := range words {
			require.Contains(t, pages[name], w, name)
		}
	}
	// No line is a request by accident.
	for name, text := range pages {
		for l := range strings.Lines(text) {
			if l[0] == '.' {
				require.Regexp(t, `^\.(TH|SH|TP|B|BI|BR|I|RI|PP|nf|fi)\b`, l, name)
			}
			require.NotRegexp(t, `^'`, l)
		}
	}
}
