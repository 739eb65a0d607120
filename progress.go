package nn

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows an epoch on the writer of a trainer: on a terminal a bar that
// is drawn anew in place, elsewhere one line when the epoch ends. Nothing that
// it does reaches a result.
type progress struct {
	terminal bool
	total    int // samples in the epoch; 0 if not known
	start    time.Time
	from     int // samples done at start
	shown    time.Time
}

const (
	barWidth  = 24
	barPeriod = 100 * time.Millisecond
)

// begin starts an epoch of total samples.
func (b *progress) begin(t *Trainer, total int) {
	if t.Progress == nil {
		return
	}
	now := time.Now()
	*b = progress{terminal: isTerminal(t.Progress), total: total, start: now, shown: now, from: -1}
}

// show draws the bar after done samples of the epoch, a few times a second.
func (b *progress) show(t *Trainer, done int) {
	if t.Progress == nil || !b.terminal {
		return
	}
	if b.from < 0 {
		b.from = max(done-t.batchSize(), 0)
	}
	now := time.Now()
	if now.Sub(b.shown) < barPeriod {
		return
	}
	b.shown = now
	fmt.Fprintf(t.Progress, "\r\x1b[K%s", b.line(t, done, now.Sub(b.start)))
}

// line is the text of the bar: how far, the mean loss so far, samples a
// second, the learning rate, the time left.
func (b *progress) line(t *Trainer, done int, spent time.Duration) string {
	var s strings.Builder
	fmt.Fprintf(&s, "epoch %d ", len(t.History)+1)
	if b.total > 0 {
		full := barWidth * done / b.total
		fmt.Fprintf(&s, "%s%s %d/%d", strings.Repeat("━", full), strings.Repeat("─", barWidth-full), done, b.total)
	} else {
		fmt.Fprintf(&s, "%d samples", done)
	}
	speed := float64(done-b.from) / max(spent.Seconds(), 1e-9)
	fmt.Fprintf(&s, "  loss %.4g  %.0f samples/s", t.sum/float64(done), speed)
	if o, ok := t.Optimizer.(interface{ Rate() float64 }); ok {
		fmt.Fprintf(&s, "  rate %.3g", o.Rate())
	}
	if b.total > 0 && speed > 0 {
		left := time.Duration(float64(b.total-done) / speed * float64(time.Second))
		fmt.Fprintf(&s, "  %v left", shortTime(left))
	}
	return s.String()
}

// end replaces the bar by the report of the epoch.
func (b *progress) end(t *Trainer, e Epoch) {
	if t.Progress == nil {
		return
	}
	if b.terminal {
		io.WriteString(t.Progress, "\r\x1b[K")
	}
	fmt.Fprintln(t.Progress, e)
}

// isTerminal reports whether w is a character device, as terminals are.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// shortTime rounds d to what one reads at a glance: 4.2s, 310ms, 2m5s.
func shortTime(d time.Duration) time.Duration {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}
