package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed55f1b796/nn"
)

func newSmall() *model {
	return newModel(names[:2000], config{window: 6, width: 16, blocks: 1, dropout: 0.1, epochs: 4})
}

// state returns the network and what it writes.
func state(t *testing.T, m *model) string {
	t.Helper()
	var b bytes.Buffer
	if err := m.trainer.Net.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.String() + m.write("\n", 50, 1)
}

// Two epochs, a checkpoint, and two epochs more of a new model are four epochs.
func TestResume(t *testing.T) {
	whole := newSmall()
	for range whole.train() {
	}
	if n := len(whole.trainer.History); n != 4 {
		t.Fatalf("trained for %d epochs, want 4", n)
	}
	if first, last := whole.trainer.History[0].Loss, whole.trainer.History[3].Loss; !(last < first) {
		t.Errorf("the loss went from %v to %v", first, last)
	}

	file := filepath.Join(t.TempDir(), "checkpoint")
	begun := newSmall()
	for epoch := range begun.train() {
		begun.write("\n", 20, 1) // which changes nothing
		if epoch.N == 2 {
			if err := begun.trainer.SaveFile(file); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	resumed := newSmall()
	if err := resumed.trainer.ResumeFile(file); err != nil {
		t.Fatal(err)
	}
	epochs := 0
	for range resumed.train() {
		epochs++
	}
	if epochs != 2 || state(t, resumed) != state(t, whole) {
		t.Errorf("%d epochs more after a checkpoint of 2 give another network than 4 at once", epochs)
	}
}

// What no model can be is an error, and what is none can be built.
func TestConfig(t *testing.T) {
	good := config{window: 1, width: 16}
	if err := good.check(); err != nil {
		t.Errorf("%+v: %v", good, err)
	}
	newModel(names[:200], good)
	for _, c := range []config{
		{window: 0, width: 16}, {window: -5, width: 16}, {window: 8, width: 0}, {window: 8, width: 15}, {window: 8, width: -16},
		{window: 8, width: 16, blocks: -1}, {window: 8, width: 16, dropout: 1}, {window: 8, width: 16, dropout: math.NaN()}, {window: 8, width: 16, dropout: -0.1},
	} {
		if c.check() == nil {
			t.Errorf("%+v is no error", c)
		}
	}
}

// The text is as long as asked for, also beyond the window and after a prompt
// that is longer than it.
func TestWrite(t *testing.T) {
	m := newSmall()
	for _, prompt := range []string{"", "\n", "Ann", "Annabella\nAnn"} {
		for _, length := range []int{0, 1, 5, 6, 7, 40} {
			if n := utf8.RuneCountInString(m.write(prompt, length, 0.5)); n != length {
				t.Errorf("write(%q, %d) gives %d characters", prompt, length, n)
			}
		}
	}
}

// Each character is drawn from what Predict gives for the characters before it,
// also when the window was left and half of it was read again.
func TestWritePredicts(t *testing.T) {
	m := newSmall()
	for range m.train() {
	}
	for _, temperature := range []float64{0, 1} {
		text := m.indices("A" + m.write("A", 100, temperature))
		x, first := nn.NewMatrix(1, m.window), 0 // of the window
		rng := rand.New(rand.NewPCG(3, 4))
		for i := range len(text) - 1 {
			if i-first == m.window {
				first += m.window - m.window/2
			}
			copy(x.Data, text[first:i+1]) // what comes after i is not seen
			y := m.trainer.Net.Predict(x).Reshape(m.window, len(m.alphabet))
			want := draw(y.RowRange(i-first, i-first+1), temperature, rng)
			if got := int(text[i+1]); got != want {
				t.Fatalf("temperature %v: character %d is %q, want %q", temperature, i, m.alphabet[got], m.alphabet[want])
			}
		}
	}
}

// A text that repeats itself is soon learned.
func TestTrain(t *testing.T) {
	m := newModel(strings.Repeat("abcd\n", 100), config{window: 4, width: 16, blocks: 1, epochs: 1})
	for range m.train() {
	}
	if loss := m.trainer.Evaluate(m.valid); !(loss < 0.1) {
		t.Errorf("a loss of %v", loss)
	}
	if got, want := m.write("a", 9, 0), "bcd\nabcd\n"; got != want {
		t.Errorf("%q follows a, want %q", got, want)
	}
}

func TestDraw(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		temperature float64
		want        [3]float64 // how often in 1000
	}{
		{1, [3]float64{100, 600, 300}},
		{0.5, [3]float64{1000 * 1. / 46, 1000 * 36. / 46, 1000 * 9. / 46}},
		{0, [3]float64{0, 1000, 0}},
		{1e-9, [3]float64{0, 1000, 0}},
	} {
		var count [3]float64
		for range 1000 {
			count[draw(nn.NewMatrix(1, 3, 0.1, 0.6, 0.3), test.temperature, rng)]++
		}
		for i, n := range count {
			if d := n - test.want[i]; d < -50 || d > 50 {
				t.Errorf("temperature %v: drawn %v of 1000 times, want about %v", test.temperature, count, test.want)
				break
			}
		}
	}
}

// A window begins in the middle of the one before, and each target that counts
// is the next character, once.
func TestWindows(t *testing.T) {
	text := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, size := range []int{1, 2, 3, 4, 9} {
		d := windows(text, size)
		seen := map[float64]bool{}
		for i, target := range d.Y.Data {
			if target == -100 {
				continue
			}
			if target != d.X.Data[i]+1 || seen[target] {
				t.Errorf("windows of %d: target %v of %v", size, target, d.X.Data[i])
			}
			seen[target] = true
		}
		if want := (len(text) - 1 - size/2) / ((size + 1) / 2) * ((size + 1) / 2); len(seen) != want {
			t.Errorf("windows of %d: %d targets count, want %d", size, len(seen), want)
		}
	}
}
