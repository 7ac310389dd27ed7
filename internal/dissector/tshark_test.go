package dissector

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const script = "../../wireshark/intentra.lua"

// Options that select a dissector.
var (
	asIntentra = []string{"-d", "udp.port==61000,intentra"}
	portOption = []string{"-o", "intentra.ports:5000-5010,61000"}
	asFrames   = userDLT("intentra_frames")
	asHello    = userDLT("intentra_hello")
)

// userDLT makes tshark dissect packets of link type USER0 as a protocol.
func userDLT(protocol string) []string {
	return []string{"-o", `uat:user_dlts:"User 0 (DLT=147)","` + protocol + `","0","","0",""`}
}

// packet is the dissection of a packet: its fields in order, or nil if no
// dissector of ours accepted it.
type packet []field

// field is an item of the tree of a packet.
type field struct {
	name, show, label string // label is the text shown, with names of values
	at, size          int    // in the packet
	value             string // those bytes, in hexadecimal
}

// dissect returns the dissection of each packet of c by intentra.lua.
func dissect(t *testing.T, c capture, options ...string) []packet {
	t.Helper()
	out := tshark(t, append([]string{"-r", c.write(t), "-T", "pdml", "-J", "intentra intentra_frames intentra_hello"}, options...)...)
	var doc struct {
		Packets []element `xml:"packet"`
	}
	require.NoError(t, xml.Unmarshal(out, &doc))
	require.Len(t, doc.Packets, c.packets)
	packets := make([]packet, len(doc.Packets))
	for i, p := range doc.Packets {
		for _, proto := range p.Inside {
			if strings.HasPrefix(proto.Name, "intentra") {
				packets[i] = append(packets[i], proto.fields()...)
			}
		}
	}
	return packets
}

// element is a proto or field element of PDML, https://wiki.wireshark.org/PDML.
type element struct {
	Name   string    `xml:"name,attr"`
	Show   string    `xml:"show,attr"`
	Label  string    `xml:"showname,attr"`
	At     int       `xml:"pos,attr"`
	Size   int       `xml:"size,attr"`
	Value  string    `xml:"value,attr"`
	Inside []element `xml:",any"`
}

func (e element) fields() packet {
	all := packet{{name: e.Name, show: e.Show, label: e.Label, at: e.At, size: e.Size, value: e.Value}}
	for _, inside := range e.Inside {
		all = append(all, inside.fields()...)
	}
	return all
}

// find returns the fields of that name.
func (p packet) find(name string) (found []field) {
	for _, f := range p {
		if f.name == name {
			found = append(found, f)
		}
	}
	return found
}

// values returns the fields that show bytes of the packet, or are derived from
// them, in order, as name=value.
func (p packet) values() (all []string) {
	for _, f := range p {
		if strings.HasPrefix(f.name, "intentra.") && f.name != "intentra.frame" && !f.expert() {
			all = append(all, f.name+"="+f.show)
		}
	}
	return all
}

// faults returns the names of the expert infos.
func (p packet) faults() (all []string) {
	for _, f := range p {
		if strings.HasPrefix(f.name, "intentra.") && f.expert() {
			all = append(all, f.name)
		}
	}
	return all
}

func (f field) expert() bool {
	return strings.HasPrefix(f.name, "intentra.fault.") ||
		slices.Contains([]string{"intentra.frame.malformed", "intentra.frame.message_length", "intentra.hello.invalid"}, f.name)
}

// requireTrue checks that the position and value of each field of p match the
// packet b. before is the number of bytes that precede b.
func (p packet) requireTrue(t *testing.T, b []byte, before int) {
	t.Helper()
	for _, f := range p {
		if !strings.HasPrefix(f.name, "intentra.") || f.value == "" || f.size == 0 {
			continue
		}
		at := f.at - before
		require.LessOrEqual(t, at+f.size, len(b), f.name)
		if f.name != "intentra.version" && f.name != "intentra.type" { // these are half a byte
			require.Equal(t, hex.EncodeToString(b[at:at+f.size]), f.value, f.name)
		}
	}
}

// tshark runs tshark with intentra.lua and returns its standard output. It skips
// the test if that is not possible, and fails it on any Lua error.
func tshark(t *testing.T, args ...string) []byte {
	t.Helper()
	program, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	if probe.Do(func() { probeLua(t, program) }); !luaRuns {
		t.Skipf("%s runs no Lua scripts for user %d: built without Lua, or run_user_scripts_when_superuser is not true in its init.lua",
			program, os.Getuid())
	}
	out, errors := run(t, program, script, args...)
	requireNoLuaError(t, errors)
	if args[0] != "-G" { // which lists the texts of possible errors
		requireNoLuaError(t, string(out))
	}
	return out
}

// requireNoLuaError looks for the traces that a failing script leaves in packets
// and in tshark's messages.
func requireNoLuaError(t *testing.T, s string) {
	t.Helper()
	for _, mark := range []string{"Lua Error", "_ws.lua.error", "Lua: ", "intentra.lua:", `intentra.lua"]`} {
		if i := strings.Index(s, mark); i >= 0 {
			require.Fail(t, "Lua error", s[i:min(len(s), i+300)])
		}
	}
}

var (
	probe   sync.Once
	luaRuns bool
)

// probeLua finds out whether this tshark runs scripts: it may be built without
// Lua, or refuse to run them as root.
func probeLua(t *testing.T, program string) {
	name := filepath.Join(t.TempDir(), "probe.lua")
	require.NoError(t, os.WriteFile(name, []byte(`print("scripts run")`), 0o600))
	out, _ := run(t, program, name, "-G", "column-formats")
	luaRuns = bytes.Contains(out, []byte("scripts run"))
}

// run runs tshark with a script, isolated from the user's settings and plugins.
func run(t *testing.T, program, script string, args ...string) (out []byte, errors string) {
	t.Helper()
	cmd := exec.Command(program, append(args, "-X", "lua_script:"+script)...) // -G must come first
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "WIRESHARK_CONFIG_DIR="+home, "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return out, stderr.String()
}
