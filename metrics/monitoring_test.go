package metrics_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/metrics"
)

const monitoring = "../docs/monitoring"

// described returns the names of all metrics.
func described(t *testing.T) map[string]bool {
	h, err := hub.Listen("127.0.0.1:0", hub.Config{Transport: intentra.Config{Key: loopback.Key(t)}, Access: hub.AllowAny()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	names := map[string]bool{"process_cpu_seconds_total": true, "process_resident_memory_bytes": true}
	for _, c := range []prometheus.Collector{
		metrics.NewCollector(h.Transport(), metrics.WithPeerLabels(1)), metrics.NewHubCollector(h, metrics.WithTopics(1)),
		metrics.NewAgeCollector([]time.Duration{time.Second}, func() []uint64 { return nil }),
	} {
		out := make(chan *prometheus.Desc, 200)
		c.Describe(out)
		close(out)
		for d := range out {
			names[regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]] = true
		}
	}
	require.Greater(t, len(names), 50)
	return names
}

// missing returns the metrics that a text names and that do not exist.
func missing(names map[string]bool, text string) (list []string) {
	for _, n := range regexp.MustCompile(`\b(intentra|process|go)_\w+`).FindAllString(text, -1) {
		if !names[n] && !names[strings.TrimSuffix(n, "_bucket")] {
			list = append(list, n)
		}
	}
	return list
}

// No panel of the dashboard and no alert names a metric that does not exist.
func TestDashboardAndAlertsNameExistingMetrics(t *testing.T) {
	names := described(t)
	require.Equal(t, []string{"intentra_gone_total"}, missing(names, "rate(intentra_gone_total[1m]) + intentra_rtt_seconds_bucket"), "the check itself")
	for _, file := range []string{"alerts.yml", "alerts_test.yml"} {
		text, err := os.ReadFile(filepath.Join(monitoring, file))
		require.NoError(t, err)
		require.Empty(t, missing(names, string(text)), file)
		require.Greater(t, strings.Count(string(text), "intentra_"), 10, file)
	}
	text, err := os.ReadFile(filepath.Join(monitoring, "dashboard.json"))
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Type    string
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	for _, p := range board.Panels {
		require.Equal(t, p.Type == "row", len(p.Targets) == 0, p.Title)
		for _, target := range p.Targets {
			require.Empty(t, missing(names, target.Expr), p.Title)
			require.Contains(t, target.Expr, `instance=~"$instance"`, p.Title)
		}
	}
}

// The alerts fire when they should, and not in a calm hub.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("needs promtool, from Debian's package prometheus")
	}
	command := exec.CommandContext(t.Context(), promtool, "test", "rules", "alerts_test.yml")
	command.Dir = monitoring
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
