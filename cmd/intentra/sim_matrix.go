package main

import (
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/internal/swarm"
)

// matrixRow is a cell of the matrix in JSON.
type matrixRow struct {
	Loss         float64 `json:"loss"`
	DelayMs      float64 `json:"delay_ms"`
	Reorder      float64 `json:"reorder"`
	Duplicate    float64 `json:"duplicate"`
	Realtime     float64 `json:"realtime_delivered"` // share
	RealtimeSent uint64  `json:"realtime_sent"`
	Reliable     float64 `json:"reliable_delivered"` // share, in order
	ReliableSent uint64  `json:"reliable_sent"`
	ReliableS    float64 `json:"reliable_took_s"`
	Twice        uint64  `json:"delivered_twice"`
	Error        string  `json:"error,omitempty"`
	done         bool
}

// matrix measures all cells of the loss matrix, on all cores.
func (c *simCmd) matrix(e *environment) error {
	cells := swarm.Cells()
	rows := make([]matrixRow, len(cells))
	var mu sync.Mutex
	next, done := 0, 0
	stop := func() bool { return e.ctx.Err() != nil }
	measure := func() {
		for {
			mu.Lock()
			i := next
			next++
			mu.Unlock()
			if i >= len(cells) || stop() {
				return
			}
			rows[i] = rowOf(cells[i], c.First, stop)
			rows[i].done = !stop()
			mu.Lock()
			done++
			mu.Unlock()
		}
	}
	_ = e.progress().during("matrix", func() (float64, string) {
		mu.Lock()
		defer mu.Unlock()
		return float64(done) / float64(len(cells)), fmt.Sprintf("%d/%d cells", done, len(cells))
	}, func() error {
		var workers sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			workers.Go(measure)
		}
		workers.Wait()
		return nil
	})
	out, _ := e.live(c.JSON)
	rows, failed := writeMatrix(out, rows)
	if c.JSON {
		if err := printJSON(e.stdout, rows); err != nil {
			return err
		}
	}
	if len(rows) < len(cells) && stop() {
		fmt.Fprintln(e.stderr, "interrupted: unfinished rows are omitted")
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d cells of the matrix failed", errSimulation, failed)
	}
	return nil
}

func rowOf(cell swarm.Cell, seed uint64, stop func() bool) matrixRow {
	d, err := cell.Measure(seed, stop)
	if err == nil {
		err = d.Check()
	}
	r := matrixRow{
		Loss: d.Loss, DelayMs: seconds(d.Delay) * 1e3, Reorder: d.Reorder, Duplicate: d.Duplicate,
		Realtime: d.Share(), RealtimeSent: d.RealtimeSent, ReliableSent: d.ReliableSent,
		Reliable: load.Ratio(float64(d.Reliable), float64(d.ReliableSent)), ReliableS: seconds(d.ReliableTook), Twice: d.Twice,
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// writeMatrix prints the finished rows as a Markdown table, and returns them and
// the number of failures.
func writeMatrix(w io.Writer, all []matrixRow) (rows []matrixRow, failed int) {
	rows = []matrixRow{} // encodes as [] instead of null
	fmt.Fprintln(w, "| loss | delay | reordered | duplicated | Realtime delivered | of | Reliable delivered, in order | of | took | twice |")
	fmt.Fprintln(w, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, r := range all {
		if !r.done {
			continue
		}
		rows = append(rows, r)
		fmt.Fprintf(w, "| %g %% | %g ms | %g %% | %g %% | %.2f %% | %d | %g %% | %d | %.2f s | %d |\n",
			100*r.Loss, r.DelayMs, 100*r.Reorder, 100*r.Duplicate, 100*r.Realtime, r.RealtimeSent, 100*r.Reliable, r.ReliableSent, r.ReliableS, r.Twice)
		if r.Error != "" {
			failed++
			fmt.Fprintf(w, "\nFAILED: %s\n\n", r.Error)
		}
	}
	return rows, failed
}
