package replay_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/wire"
)

// seedsIn reads the seeds in a folder as go test does.
func seedsIn(t *testing.T, dir string) (all []string) {
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		lines := strings.Split(string(text), "\n")
		require.Len(t, lines, 3)
		require.Equal(t, "go test fuzz v1", lines[0])
		require.Empty(t, lines[2])
		quoted := strings.TrimSuffix(strings.TrimPrefix(lines[1], "[]byte("), ")")
		s, err := strconv.Unquote(quoted)
		require.NoError(t, err)
		all = append(all, s)
	}
	return all
}

func TestSeeds(t *testing.T) {
	s := states(t, 40)
	var seeds replay.Seeds
	own := map[string]int{}
	o := seeds.Watch(replay.Options{
		Packet: func(replay.Packet) { own["packet"]++ },
		Views: map[string]func(replay.View){
			"ack":    func(replay.View) { own["ack"]++ },
			"aead":   func(v replay.View) { own["aead"]++; require.Positive(t, v.Number) },
			"cookie": func(replay.View) { own["cookie"]++ },
		},
	})
	res, differences := s.replay(t, o)
	require.Empty(t, differences, "views must not change anything")
	require.Equal(t, res.Received, own["packet"], "the caller's own functions must be called too")
	require.Equal(t, 40, own["ack"])
	require.Equal(t, res.Received-3, own["aead"], "all except the three handshake packets")
	require.Equal(t, res.Received-1, own["cookie"], "all except the Init answered with a cookie")

	dir := filepath.Join(t.TempDir(), "seeds")
	n, err := seeds.Write(dir)
	require.NoError(t, err)
	datagrams, frames, messages := seedsIn(t, dir+"/datagrams"), seedsIn(t, dir+"/frames"), seedsIn(t, dir+"/messages")
	require.Equal(t, n, len(datagrams)+len(frames)+len(messages))
	require.Len(t, datagrams, res.Received)
	require.Len(t, messages, 40)
	require.Contains(t, messages, string(number(39)))
	for _, d := range datagrams {
		_, _, ok := wire.Peek([]byte(d))
		require.True(t, ok)
	}
	for _, plain := range frames {
		var f wire.Frame
		for rest := []byte(plain); len(rest) > 0; {
			n := f.Parse(rest)
			require.Positive(t, n)
			rest = rest[n:]
		}
	}
	again, err := seeds.Write(dir)
	require.NoError(t, err)
	require.Equal(t, n, again, "existing files must be overwritten")
	_, err = seeds.Write(filepath.Join(dir, "messages", filepath.Base(firstFile(t, dir+"/messages"))))
	require.Error(t, err)
}

func firstFile(t *testing.T, dir string) string {
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	return files[0].Name()
}

// Each kind keeps at most MostSeeds seeds, all distinct.
func TestSeedsAreBounded(t *testing.T) {
	w := newWorld(t, 1)
	a, b, p := pair(w, intentra.Config{}, intentra.Config{})
	for i := range replay.MostSeeds + 50 {
		a.push(p, 1, intentra.Realtime, number(i))
		a.push(p, 1, intentra.Realtime, number(i))
		if i%10 == 0 {
			w.run(3e6)
		}
	}
	w.run(3e8)
	w.end()
	require.Greater(t, b.delivered, 2*replay.MostSeeds)
	var seeds replay.Seeds
	b.replay(t, seeds.Watch(replay.Options{}))
	dir := t.TempDir()
	_, err := seeds.Write(dir)
	require.NoError(t, err)
	messages := seedsIn(t, dir+"/messages")
	require.Len(t, messages, replay.MostSeeds)
	distinct := map[string]bool{}
	for _, m := range messages {
		distinct[m] = true
	}
	require.Len(t, distinct, replay.MostSeeds)
	require.True(t, distinct[string(number(0))], "the first seeds must be kept")
}

func TestViewsNameStages(t *testing.T) {
	s := states(t, 3)
	o := replay.Options{Views: map[string]func(replay.View){"nonsense": func(replay.View) {}}}
	var err error
	o.Keys, err = parse(s)
	require.NoError(t, err)
	for _, capture := range [][]byte{s.capture.Bytes(), stripped(t, s.capture.Bytes(), unchanged)} {
		_, err = replay.Run(mustCapture(t, capture), o)
		require.ErrorIs(t, err, replay.ErrNoStage)
		require.ErrorContains(t, err, strings.Join(defaultStages(t), " "))
	}
}
