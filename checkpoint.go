package nn

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A checkpoint is the file of the network with more in it: tensors whose names
// begin with "trainer.", the type of the optimizer and the state of the random
// source. So [Load] reads the network from it as well.
const trainerPrefix = "trainer."

// Save writes all that Resume needs to go on to the same bits: the network, the
// state of the optimizer (with it the position of its schedule) and of EMA, of
// the random source, the history, and, if an epoch or an accumulation of
// gradients was begun, how far. [Load] reads the network alone from it.
//
// It returns an error if w does, or if the type of a layer is not registered,
// or if the network's random source can't be saved: it must be an
// [encoding.BinaryMarshaler], as those of math/rand/v2 are.
func (t *Trainer) Save(w io.Writer) error {
	if err := t.save(w); err != nil {
		return fmt.Errorf("nn: Save: %w", err)
	}
	return nil
}

// SaveFile saves to a file, which it replaces only when all is written.
func (t *Trainer) SaveFile(name string) error {
	if err := writeFile(name, t.save); err != nil {
		return fmt.Errorf("nn: SaveFile: %w", err)
	}
	return nil
}

func (t *Trainer) save(w io.Writer) error {
	t.setup()
	meta, err := t.Net.metadata()
	if err != nil {
		return err
	}
	src, ok := t.Net.src.(encoding.BinaryMarshaler)
	if !ok {
		return fmt.Errorf("the random source, a %T, has no method MarshalBinary", t.Net.src)
	}
	state, err := src.MarshalBinary()
	if err != nil {
		return fmt.Errorf("the random source: %w", err)
	}
	meta["nn.rand"] = base64.StdEncoding.EncodeToString(state)
	meta["nn.optimizer"] = fmt.Sprintf("%T", t.Optimizer)
	return writeTensors(w, meta, append(t.Net.named(), t.tensors()...))
}

// tensors returns what training remembers, by names that begin with
// trainerPrefix: matrices of the trainer itself where it has some, and copies
// of the rest.
func (t *Trainer) tensors() []tensor {
	resumed := 0.0
	if t.resumed {
		resumed = 1
	}
	history := NewMatrix(len(t.History), 3)
	for i, e := range t.History {
		copy(history.Row(i), []float64{float64(e.N), e.Loss, float64(e.Time)})
	}
	ts := []tensor{
		{"state", NewMatrix(1, 6, float64(t.pending), t.samples, float64(t.steps), t.sum, resumed, float64(t.batch.pos))},
		{"history", history},
	}
	for i, m := range t.Optimizer.State(t.params) {
		ts = append(ts, tensor{"optimizer." + strconv.Itoa(i), m})
	}
	if t.EMA != nil {
		for i, m := range t.EMA.State(t.params) {
			ts = append(ts, tensor{"ema." + strconv.Itoa(i), m})
		}
	}
	if t.pending > 0 {
		for _, q := range t.params {
			if q.Grad != nil {
				ts = append(ts, tensor{"gradient." + q.Name, q.Grad})
			}
		}
	}
	if t.resumed {
		order := NewMatrix(1, len(t.batch.order))
		for i, k := range t.batch.order {
			order.Data[i] = float64(k)
		}
		ts = append(ts, tensor{"order", order})
	}
	for i := range ts {
		ts[i].name = trainerPrefix + ts[i].name
	}
	return ts
}

// Resume reads what Save wrote into t, whose Net, Optimizer and EMA must be made
// like those that were saved. Training then goes on to the same bits as if it
// had never stopped. Classes of the network, if it has any, must be those that
// were saved; what was saved of Meta is put into Meta. A [Plateau], the
// position in a stream and what else the program keeps are the program's to
// restore.
//
// If Resume returns an error, t is as before.
func (t *Trainer) Resume(r io.Reader) error {
	if err := t.resume(r); err != nil {
		return fmt.Errorf("nn: Resume: %w", err)
	}
	return nil
}

// ResumeFile resumes from a file.
func (t *Trainer) ResumeFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("nn: ResumeFile: %w", err)
	}
	defer f.Close()
	if err := t.resume(f); err != nil {
		return fmt.Errorf("nn: ResumeFile: %s: %w", name, err)
	}
	return nil
}

func (t *Trainer) resume(r io.Reader) error {
	t.setup()
	meta, ts, err := readTensors(r)
	if err != nil {
		return err
	}
	want, err := t.Net.metadata()
	if err != nil {
		return err
	}
	if meta["nn.optimizer"] == "" {
		return badFormat("this is not a checkpoint; a network alone is for Load")
	}
	for _, key := range []string{"nn.layers", "nn.input"} {
		if a, b := differ(meta[key], want[key]); a != b {
			return badFormat("%s: the file has %#.80q where the network has %#.80q", key, a, b)
		}
	}
	if have := fmt.Sprintf("%T", t.Optimizer); meta["nn.optimizer"] != have {
		return badFormat("the file is of the optimizer %.80q, not %s", meta["nn.optimizer"], have)
	}
	if file := ts[trainerPrefix+"ema.0"] != nil; file != (t.EMA != nil) {
		return badFormat("only one of the file and the trainer has an EMA")
	}
	classes, err := classesOf(meta)
	if err != nil {
		return err
	}
	if classes != nil && len(t.Net.Classes) > 0 && !slices.Equal(classes, t.Net.Classes) {
		return badFormat("nn.classes: the file has %.80q where the network has %.80q", classes, t.Net.Classes)
	}
	random, err := base64.StdEncoding.DecodeString(meta["nn.rand"])
	if err != nil {
		return badFormat("nn.rand: %v", err)
	}

	// A trainer of the same kind, for the state to be read into.
	next := Trainer{Net: t.Net, Optimizer: t.Optimizer, EMA: t.EMA, net: t.net, params: t.params}
	if err := next.readState(ts); err != nil {
		return err
	}
	if next.pending > 0 {
		for _, q := range t.params {
			q.zeroGrad()
		}
	}
	own := next.tensors()[2:] // state and history are read
	if err := checkTensors(append(t.Net.named(), own...), ts); err != nil {
		return err
	}
	frozen := want["nn.frozen"]
	if err := t.Net.freeze(meta["nn.frozen"]); err != nil {
		return err
	}
	if err := setSource(t.Net.src, random); err != nil {
		t.Net.freeze(frozen)
		return badFormat("nn.rand: %v", err)
	}
	copyTensors(append(t.Net.named(), own...), ts)
	t.pending, t.samples, t.steps, t.sum = next.pending, next.samples, next.steps, next.sum
	t.weighed = true // if any are pending
	t.resumed, t.batch.pos, t.batch.order = next.resumed, next.batch.pos, next.batch.order
	t.History = next.History
	if classes != nil {
		t.Net.Classes = classes
	}
	t.Net.addMeta(meta)
	return nil
}

// differ returns a and b, the JSON of layers or of a shape, from the layer on in
// which they differ.
func differ(a, b string) (string, string) {
	k := 0
	for k < len(a) && k < len(b) && a[k] == b[k] {
		k++
	}
	k = max(0, strings.LastIndex(a[:k], `{"layer"`))
	return a[k:], b[k:]
}

// setSource restores the state of a random source, or leaves it as it is:
// UnmarshalBinary of those of math/rand/v2 may change it before it finds a
// mistake, or panic.
func setSource(source rand.Source, state []byte) (err error) {
	src, ok := source.(encoding.BinaryUnmarshaler)
	if !ok {
		return fmt.Errorf("a %T has no method UnmarshalBinary", source)
	}
	undo := func() {}
	switch s := source.(type) {
	case *rand.PCG:
		old := *s
		undo = func() { *s = old }
	case *rand.ChaCha8:
		old := *s
		undo = func() { *s = old }
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("UnmarshalBinary panics: %v", r)
		}
		if err != nil {
			undo()
		}
	}()
	return src.UnmarshalBinary(state)
}

// readState sets the numbers of t from the tensors that hold them, and removes
// these from ts.
func (t *Trainer) readState(ts map[string]*Matrix) error {
	take := func(name string, rows, cols int) (*Matrix, error) {
		m := ts[trainerPrefix+name]
		if m == nil || m.Cols != cols || rows >= 0 && m.Rows != rows {
			return nil, badFormat("tensor %q is missing or of another shape; is this a checkpoint?", trainerPrefix+name)
		}
		delete(ts, trainerPrefix+name)
		return m, nil
	}
	state, err := take("state", 1, 6)
	if err != nil {
		return err
	}
	for _, i := range []int{0, 2, 4, 5} { // counts
		if v := state.Data[i]; !(v >= 0 && v < 1<<53) || v != float64(int64(v)) {
			return badFormat("tensor %q has %v for a count", trainerPrefix+"state", v)
		}
	}
	t.pending, t.samples, t.steps, t.sum = int(state.Data[0]), state.Data[1], int(state.Data[2]), state.Data[3]
	t.resumed, t.batch.pos = state.Data[4] != 0, int(state.Data[5])
	history, err := take("history", -1, 3)
	if err != nil {
		return err
	}
	for i := range history.Rows {
		e := history.Row(i)
		if !(e[0] >= 0 && e[0] < 1<<53 && e[2] >= 0 && e[2] < 1<<62) {
			return badFormat("tensor %q: epoch %d has number %v and time %v", trainerPrefix+"history", i, e[0], e[2])
		}
		t.History = append(t.History, Epoch{int(e[0]), e[1], time.Duration(e[2])})
	}
	if !t.resumed {
		return nil
	}
	order := ts[trainerPrefix+"order"]
	if order == nil {
		return badFormat("tensor %q is missing", trainerPrefix+"order")
	}
	seen := make([]bool, len(order.Data))
	for _, v := range order.Data {
		if !(v >= 0 && v < float64(len(seen))) || v != float64(int(v)) || seen[int(v)] {
			return badFormat("tensor %q is not an order of samples", trainerPrefix+"order")
		}
		seen[int(v)] = true
		t.batch.order = append(t.batch.order, int(v))
	}
	if t.batch.pos > len(t.batch.order) {
		return badFormat("%d samples of %d are done", t.batch.pos, len(t.batch.order))
	}
	return nil
}

// withoutTrainer removes the tensors of a trainer from those of a checkpoint.
func withoutTrainer(ts map[string]*Matrix) {
	maps.DeleteFunc(ts, func(name string, _ *Matrix) bool { return strings.HasPrefix(name, trainerPrefix) })
}

// Averaged returns a copy of the network with the weights averaged by EMA,
// which must be set, over the steps so far. Like [Network.Clone] it panics if
// the type of a layer is not registered.
func (t *Trainer) Averaged() *Network {
	if t.EMA == nil {
		panic("nn: Averaged: EMA is not set")
	}
	t.setup()
	if t.steps == 0 {
		panic("nn: Averaged: no step was made yet")
	}
	n := t.Net.Clone()
	t.EMA.CopyTo(n.params)
	return n
}
