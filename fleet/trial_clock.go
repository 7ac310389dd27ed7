package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// clockVariable is by how many seconds the wall clock of a process is ahead, if it was built by
// buildShifted.
const clockVariable = "INTENTRA_TRIAL_CLOCK"

// clockFile is added to package time. A process reads the clock through that package alone, the
// NATS server and TLS included, and without the C library, so it cannot be shifted from outside.
const clockFile = `package time

import "syscall"

// TrialShift is in seconds.
var TrialShift = func() (s int64) {
	text, _ := syscall.Getenv("` + clockVariable + `")
	for i := range len(text) {
		if text[i] != '-' {
			s = 10*s + int64(text[i]-'0')
		}
	}
	if len(text) > 0 && text[0] == '-' {
		return -s
	}
	return s
}()
`

// shift is where a package reads the wall clock.
type shift struct{ pkg, file, before, after string }

// shifts are the reading of time.Now, and of the time at which the kernel has received a
// datagram.
var shifts = []shift{
	{"time", "time.go", "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n", "\tsec += TrialShift\n"},
	{"github.com/intentra/intentra/udp", "control_linux.go", "n.at = ts.Nano()", " + time.TrialShift*1e9"},
}

// read returns the file and its text.
func (s *shift) read(ctx context.Context) (path, text string, err error) {
	folder, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", s.pkg).Output()
	if err != nil {
		return "", "", fmt.Errorf("trial: clock needs the go command: %w", err)
	}
	path = filepath.Join(strings.TrimSpace(string(folder)), s.file)
	source, err := os.ReadFile(path)
	if err == nil && strings.Count(string(source), s.before) != 1 {
		err = fmt.Errorf("trial: %s is not as expected", path)
	}
	return path, string(source), err
}

// buildShifted builds this command with a wall clock that can be shifted, and returns its path.
func (t *trial) buildShifted(ctx context.Context) (string, error) {
	replace := make(map[string]string)
	for i, s := range shifts {
		path, source, err := s.read(ctx)
		if err != nil {
			return "", err
		}
		replace[path] = t.file(fmt.Sprintf("shifted-%d.go", i))
		if err := os.WriteFile(replace[path], []byte(strings.Replace(source, s.before, s.before+s.after, 1)), 0o600); err != nil {
			return "", err
		}
		if s.pkg == "time" {
			replace[filepath.Join(filepath.Dir(path), "trialshift.go")] = t.file("trialshift.go")
		}
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay, command := t.file("overlay.json"), t.file("shifted")
	if err := errors.Join(os.WriteFile(t.file("trialshift.go"), []byte(clockFile), 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", command, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("trial: %w: %s", err, out)
	}
	return command, nil
}

func (t *trial) file(name string) string { return filepath.Join(t.dir, name) }

// clock runs a fleet in which the clock of hub 0 is ahead, and that of hub 1 behind.
func (t *trial) clock(ctx context.Context) (err error) {
	t.say("building this command with a clock that can be shifted; run it in the folder of module fleet")
	if t.command, err = t.buildShifted(ctx); err != nil {
		return err
	}
	server, err := t.openServer()
	if err != nil {
		return err
	}
	seconds := int(t.Shift.Seconds())
	for i := range t.Hubs {
		shift := []int{seconds, -seconds, 0}[min(i, 2)]
		if err := t.startHub([]string{"env", fmt.Sprintf("%s=%d", clockVariable, shift)}, "127.0.0.1", "--nats", "nats://"+server.Addr); err != nil {
			return err
		}
		now, err := t.hubs[i].date(ctx)
		if err != nil {
			return err
		}
		t.say("hub %d shows %s UTC", i, now.Format(time.TimeOnly))
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	if !sleep(ctx, t.Pause) {
		return context.Cause(ctx)
	}
	_, all, _ := t.crowd.gaps(everyPair)
	ages := t.crowd.aged()
	t.say("longest time without a state: %v; %s", all.Round(time.Millisecond), &ages)
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		if err := t.newest(ctx, order[0], order[1]); err != nil {
			return err
		}
	}
	victim := t.hubs[1]
	t.say("SIGKILL to hub 1 with %d peers", t.Peers-t.crowd.moved(victim.Key))
	victim.kill()
	if err := t.refresh(ctx, "without it"); err != nil {
		return err
	}
	ages = t.crowd.aged()
	return ages.check()
}

// date returns what the wall clock of a hub shows, once it serves its metrics.
func (c *child) date(ctx context.Context) (time.Time, error) {
	for end := time.Now().Add(startLimit); ; {
		at, err := c.dateNow(ctx)
		if err == nil || time.Now().After(end) || !sleep(ctx, 50*time.Millisecond) {
			return at, err
		}
	}
}

func (c *child) dateNow(ctx context.Context) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+c.metrics+"/status", nil)
	if err != nil {
		return time.Time{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	_ = answer.Body.Close()
	return http.ParseTime(answer.Header.Get("Date"))
}

// newest connects one key to two hubs, one after the other, and checks that the newer session
// stays.
func (t *trial) newest(ctx context.Context, first, second int) error {
	key, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, freshLimit)
	defer cancel()
	var list [2]*hub.Client
	for i, h := range []int{first, second} {
		at := t.hubs[h]
		if list[i], err = hub.Dial(ctx, at.Addr, at.Key, hub.ClientConfig{Transport: intentra.Config{Key: key}}); err != nil {
			return fmt.Errorf("trial: hub %d: %w", h, err)
		}
		defer func() { _ = list[i].Close() }()
		if !sleep(ctx, time.Second) { // the other hub learns of it
			return context.Cause(ctx)
		}
	}
	select {
	case <-list[0].Peer().Done():
	case <-ctx.Done():
		return fmt.Errorf("trial: the session at hub %d has not ended", first)
	}
	if err := list[1].Peer().Err(); err != nil {
		return fmt.Errorf("trial: the newer session, at hub %d, has ended: %w", second, err)
	}
	t.say("one key at hub %d and then at hub %d: the newer session stays", first, second)
	return nil
}
