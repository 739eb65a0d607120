package nn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func checkpointTrainer() *Trainer {
	return &Trainer{Net: mixedNet(), Optimizer: &Adam{AMSGrad: true, Schedule: Warmup(10, ConstantRate(0.01))}, BatchSize: 7, Accumulate: 3, EMA: &EMA{Decay: 0.9}}
}

func savedTrainer(t *testing.T, tr *Trainer) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tr.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// networkBytes returns the network and the averaged network as files.
func networkBytes(t *testing.T, tr *Trainer) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(tr.Net.Save(&b), tr.Averaged().Save(&b)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Training that is saved and resumed goes on as if it had never stopped,
// between epochs, in the middle of one, and between the batches of one step.
func TestResume(t *testing.T) {
	d := mixedData(60)
	straight := checkpointTrainer()
	for range straight.Train(d, 6) {
	}
	want := networkBytes(t, straight)

	for _, stopAt := range []int{0, 2, 5} { // epochs
		tr := checkpointTrainer()
		for range tr.Train(d, stopAt) {
		}
		resumed := checkpointTrainer()
		if err := resumed.Resume(bytes.NewReader(savedTrainer(t, tr))); err != nil {
			t.Fatal(err)
		}
		for range resumed.Train(d, 6-stopAt) {
		}
		if !bytes.Equal(networkBytes(t, resumed), want) {
			t.Errorf("resumed after %d epochs: another network", stopAt)
		}
		for i, e := range resumed.History {
			if e.N != i+1 || e.Loss != straight.History[i].Loss {
				t.Errorf("resumed after %d epochs: history has %v, want %v", stopAt, e, straight.History[i])
			}
		}
	}

	for _, steps := range []int{1, 2, 3, 8, 9, 10} { // batches, of 9 in an epoch
		tr := checkpointTrainer()
		ctx := &stopAfter{Context: context.Background(), n: steps}
		if err := tr.Fit(ctx, d, 6); !errors.Is(err, context.Canceled) {
			t.Fatalf("Fit stopped after %d steps with %v", steps, err)
		}
		file := savedTrainer(t, tr)
		resumed := checkpointTrainer()
		if err := resumed.Resume(bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		if again := savedTrainer(t, resumed); !bytes.Equal(again, file) {
			t.Errorf("resumed after %d steps and saved at once: another file", steps)
		}
		for range resumed.Train(d, 6-len(resumed.History)) {
		}
		if !bytes.Equal(networkBytes(t, resumed), want) {
			t.Errorf("resumed after %d steps: another network", steps)
		}
	}
}

// stopAfter is a context that is done after n questions whether it is.
type stopAfter struct {
	context.Context
	n int
}

func (s *stopAfter) Err() error {
	if s.n--; s.n < 0 {
		return context.Canceled
	}
	return nil
}

// Training that stops in the middle of an epoch has no cause but its error.
func (s *stopAfter) Value(any) any { return nil }

// Gradients that wait for a step when the last batch of an epoch is done are
// still those of samples after Resume.
func TestResumeAtEnd(t *testing.T) {
	d := mixedData(60) // 9 batches, of which the last waits alone
	train := func() *Trainer {
		tr := checkpointTrainer()
		tr.Accumulate = 2
		return tr
	}
	straight := train()
	for range straight.Train(d, 1) {
	}
	tr := train()
	if err := tr.Fit(&stopAfter{Context: context.Background(), n: 9}, d, 1); !errors.Is(err, context.Canceled) || tr.pending != 1 {
		t.Fatalf("Fit: %v with %d batches waiting, want 1", err, tr.pending)
	}
	resumed := train()
	if err := resumed.Resume(bytes.NewReader(savedTrainer(t, tr))); err != nil {
		t.Fatal(err)
	}
	for range resumed.Train(d, 1) {
	}
	if !bytes.Equal(networkBytes(t, resumed), networkBytes(t, straight)) {
		t.Error("another network than without the stop")
	}
}

func TestCheckpointFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "checkpoint")
	d, tr := mixedData(30), checkpointTrainer()
	for range tr.Train(d, 2) {
	}
	if err := tr.SaveFile(name); err != nil {
		t.Fatal(err)
	}
	resumed := checkpointTrainer()
	if err := resumed.ResumeFile(name); err != nil {
		t.Fatal(err)
	}
	net, err := LoadFile(name) // the network alone
	if err != nil {
		t.Fatal(err)
	}
	want := tr.Net.Predict(d.X)
	for _, n := range []*Network{resumed.Net, net} {
		if !sameBits(n.Predict(d.X).Data, want.Data) {
			t.Error("the network from the checkpoint predicts something else")
		}
	}
	if err := tr.SaveFile(filepath.Join(name, "x")); err == nil || !strings.HasPrefix(err.Error(), "nn: SaveFile: ") {
		t.Errorf("SaveFile into a file: %v", err)
	}
	if err := tr.ResumeFile(name + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ResumeFile of no file: %v", err)
	}
	if err := os.WriteFile(name, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	var format FormatError
	if err := tr.ResumeFile(name); !errors.As(err, &format) || !strings.Contains(err.Error(), name) {
		t.Errorf("ResumeFile of another file: %v", err)
	}
}

// plainSource can't be saved.
type plainSource struct{}

func (plainSource) Uint64() uint64 { return 4 }

func TestCheckpointSource(t *testing.T) {
	tr := Trainer{Net: New(plainSource{}, Input(2), Dense(1))}
	if err := tr.Save(new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "MarshalBinary") {
		t.Errorf("Save with a source that can't be saved: %v", err)
	}
	good := Trainer{Net: New(nil, Input(2), Dense(1))}
	if err := tr.Resume(bytes.NewReader(savedTrainer(t, &good))); err == nil || !strings.Contains(err.Error(), "no method UnmarshalBinary") {
		t.Errorf("Resume with a source that can't be restored: %v", err)
	}
	type unknown struct{ gain }
	tr = Trainer{Net: New(nil, Input(2), &unknown{gain{hidden: 1}})}
	if err := tr.Save(new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("Save of a layer that is not registered: %v", err)
	}
}

// A checkpoint that does not fit, or is damaged, leaves the trainer as it was.
func TestResumeRejects(t *testing.T) {
	d, tr := mixedData(30), checkpointTrainer()
	tr.Fit(&stopAfter{context.Background(), 7}, d, 6)
	file := savedTrainer(t, tr)
	meta, ts, err := readTensors(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	altered := func(change func(meta map[string]string, ts map[string]*Matrix)) []byte {
		m, all := map[string]string{}, map[string]*Matrix{}
		for k, v := range meta {
			m[k] = v
		}
		for k, v := range ts {
			all[k] = v.Clone()
		}
		change(m, all)
		var list []tensor
		for k, v := range all {
			list = append(list, tensor{k, v})
		}
		slices.SortFunc(list, func(a, b tensor) int { return strings.Compare(a.name, b.name) })
		var b bytes.Buffer
		if err := writeTensors(&b, m, list); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	set := func(name string, i int, v float64) func(map[string]string, map[string]*Matrix) {
		return func(_ map[string]string, ts map[string]*Matrix) { ts["trainer."+name].Data[i] = v }
	}
	drop := func(name string) func(map[string]string, map[string]*Matrix) {
		return func(_ map[string]string, ts map[string]*Matrix) { delete(ts, name) }
	}
	meta1 := func(key, v string) func(map[string]string, map[string]*Matrix) {
		return func(meta map[string]string, _ map[string]*Matrix) { meta[key] = v }
	}
	for _, test := range []struct {
		want   string
		change func(meta map[string]string, ts map[string]*Matrix)
	}{
		{"nn.layers", meta1("nn.layers", "[]")},
		{"nn.input", meta1("nn.input", "[7]")},
		{"optimizer", meta1("nn.optimizer", "*nn.SGD")},
		{"nn.rand", meta1("nn.rand", "!")},
		{"nn.rand", meta1("nn.rand", "AAAA")},
		{"not a checkpoint", meta1("nn.optimizer", "")},
		{"nn.frozen", meta1("nn.frozen", "[1]")},
		{"trainer.state", drop("trainer.state")},
		{"trainer.history", drop("trainer.history")},
		{"trainer.order", drop("trainer.order")},
		{"trainer.optimizer.1", drop("trainer.optimizer.1")},
		{"trainer.ema.1", drop("trainer.ema.1")},
		{"only one of the file and the trainer has an EMA", drop("trainer.ema.0")},
		{"0.weight", drop("0.weight")},
		{"trainer.more", func(_ map[string]string, ts map[string]*Matrix) { ts["trainer.more"] = NewMatrix(1, 1) }},
		{"count", set("state", 0, -1)},
		{"count", set("state", 2, 0.5)},
		{"count", set("state", 5, math.NaN())},
		{"samples of 30 are done", set("state", 5, 31)},
		{"epoch 0", set("history", 0, math.Inf(1))},
		{"not an order", set("order", 3, 30)},
		{"not an order", set("order", 3, 0.5)},
		{"not an order", func(_ map[string]string, ts map[string]*Matrix) {
			o := ts["trainer.order"].Data
			o[0] = o[1]
		}},
	} {
		target := checkpointTrainer()
		target.setup()
		before := savedTrainer(t, target)
		err := target.Resume(bytes.NewReader(altered(test.change)))
		var format FormatError
		if !errors.As(err, &format) || !strings.HasPrefix(err.Error(), "nn: Resume: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want a FormatError with %q", err, test.want)
		}
		if !bytes.Equal(savedTrainer(t, target), before) {
			t.Errorf("%s: the trainer was changed", test.want)
		}
	}
	for n := 0; n < len(file); n += 97 {
		if err := checkpointTrainer().Resume(bytes.NewReader(file[:n])); err == nil {
			t.Errorf("the first %d bytes of %d are taken for a checkpoint", n, len(file))
		}
	}
	// Without EMA the file has too much.
	other := checkpointTrainer()
	other.EMA = nil
	if err := other.Resume(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "EMA") {
		t.Errorf("Resume without EMA: %v", err)
	}
}

// States of ChaCha8 on which UnmarshalBinary panics, or fails after it has
// changed the source, leave the source as it was.
func TestSetSource(t *testing.T) {
	src := rand.NewChaCha8([32]byte{1})
	src.Uint64()
	want, err := src.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"", "x", "readbuf:\xff", "readbuf:\x0912345678xyz", "readbuf:\x03abcGARBAGE"} {
		if err := setSource(src, []byte(state)); err == nil {
			t.Errorf("%q is taken for a state", state)
		}
		if got, err := src.MarshalBinary(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q changes the source to %q, %v", state, got, err)
		}
	}
}

// The error for a network of another form shows the layer that differs.
func TestResumeOtherLayers(t *testing.T) {
	var file bytes.Buffer
	a := Trainer{Net: New(nil, Input(3), Dense(4), ReLU, Dense(2))}
	a.Step(NewMatrix(1, 3), NewMatrix(1, 2))
	if err := a.Save(&file); err != nil {
		t.Fatal(err)
	}
	b := Trainer{Net: New(nil, Input(3), Dense(4), ReLU, Dense(5))}
	want := "nn: Resume: nn.layers: the file has `{\"layer\":\"Dense\",\"config\":{\"Out\":2}}]` where the network has `{\"layer\":\"Dense\",\"config\":{\"Out\":5}}]`"
	if err := b.Resume(&file); err == nil || err.Error() != want {
		t.Errorf("Resume: %v, want %s", err, want)
	}
}
