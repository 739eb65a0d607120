package nn

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An exchangeModel is the counterpart of a model in testdata/exchange/exchange.py.
type exchangeModel struct {
	name    string
	net     *Network
	mapping Mapping
}

func exchangeModels() []exchangeModel {
	src := func() rand.Source { return rand.NewPCG(1, 2) }
	names := map[string]string{"0": "tok", "1.weight": "pos", "4": "norm", "5": "out"}
	for i := range 2 {
		for ours, theirs := range map[string]string{"0.body.0": "norm1", "0.body.1": "self_attn", "1.body.0": "norm2", "1.body.1": "linear1", "1.body.3": "linear2"} {
			names[fmt.Sprintf("%d.%s", 2+i, ours)] = fmt.Sprintf("encoder.layers.%d.%s", i, theirs)
		}
	}
	return []exchangeModel{
		{"mlp", New(src(), Input(4), Dense(5), ReLU, Dense(3)), Mapping{}},
		{"cnn", New(src(), Input(2, 6, 6),
			Conv2D(4, 3).WithKernel(3, 2).WithPadding(1),
			BatchNorm(),
			PReLU().WithPerChannel(),
			MaxPool2D(2),
			Conv2D(6, 3).WithStride(2).WithPadding(1).WithGroups(2).WithoutBias(),
			GroupNorm(3),
			ConvTranspose2D(4, 2).WithKernel(2, 3).WithStride(2).WithGroups(2),
			InstanceNorm(),
			LayerNorm().WithDims(3),
			Reshape(4, 20),
			Conv1D(3, 4).WithStride(2),
			Flatten(),
			BatchNorm(),
			Dense(3)), Mapping{}},
		{"recurrent", New(src(), Input(5, 3),
			Bidirectional(LSTM(4), LSTM(4)),
			Bidirectional(LSTM(4), LSTM(4)),
			GRU(5), GRU(5), RNN(3), Last(), Dense(2)),
			Mapping{Names: map[string]string{"0": "lstm", "1": "lstm", "2": "gru", "3": "gru", "4": "rnn", "6": "head"}}},
		{"transformer", New(src(), Input(5), Embedding(7, 6), Positions(),
			TransformerBlock(Attention(2).WithCausalMask(), 6, 8, 0),
			TransformerBlock(Attention(2).WithCausalMask(), 6, 8, 0),
			LayerNorm(), Dense(7).WithoutBias(), Softmax()),
			Mapping{Names: names}},
	}
}

// exchangeGolden returns the numbers in golden.json of dir.
func exchangeGolden(t *testing.T, dir string) map[string]map[string]*goldenArray {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g map[string]map[string]*goldenArray
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// testExchange imports the models of exchange.py from dir, in every format in
// which they are there, compares predictions with those of PyTorch in float64, and
// exports the tensors again. It returns how many files it has read.
func testExchange(t *testing.T, dir string) (files int) {
	golden := exchangeGolden(t, dir)
	for _, c := range exchangeModels() {
		for _, ext := range []string{".safetensors", ".pt"} {
			file := filepath.Join(dir, c.name+ext)
			if _, err := os.Stat(file); err != nil {
				continue
			}
			files++
			ts, err := ReadTorchFile(file)
			if ext != ".pt" {
				ts, _, err = ReadTensorsFile(file)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range c.net.params { // what is not set shows
				q.Value.Fill(math.NaN())
			}
			if err := c.net.Import(ts, c.mapping); err != nil {
				t.Errorf("%s: %v", c.name+ext, err)
				continue
			}
			x, want := golden[c.name]["x"].matrix(), golden[c.name]["y"].matrix()
			if y := c.net.Predict(x); !y.Equal(want, 1e-12) {
				t.Errorf("%s: Predict gives\n%.15g\nPyTorch\n%.15g", c.name+ext, y, want)
			}
			checkExport(t, c.name+ext, c.net.Export(c.mapping), ts)
		}
	}
	return files
}

// checkExport compares exported tensors with those that were imported.
func checkExport(t *testing.T, name string, got, want Tensors) {
	t.Helper()
	want = maps.Clone(want)
	for key, w := range want {
		second := strings.Replace(key, "bias_ih", "bias_hh", 1)
		switch {
		case strings.HasSuffix(key, "num_batches_tracked"):
			delete(want, key)
		case second != key && !strings.HasPrefix(key, "gru."): // where two biases are added here
			sum := new(Matrix).Add(w.Matrix, want[second].Matrix)
			want[key] = NewTensor(sum, w.Shape...)
			want[second] = NewTensor(NewMatrix(sum.Rows, 1), w.Shape...)
		}
	}
	if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		t.Errorf("%s: Export gives %q, want %q", name, a, b)
	}
	for key, w := range want {
		if g, ok := got[key]; ok && !(slices.Equal(g.Shape, w.Shape) && bitsEqual(g.Data, w.Data)) {
			t.Errorf("%s: Export gives another %q: %v\n%v\nwant %v\n%v", name, key, g.Shape, g.Matrix, w.Shape, w.Matrix)
		}
	}
}

func TestImportTorch(t *testing.T) {
	if n := testExchange(t, "testdata/exchange"); n != 5 {
		t.Errorf("%d files of models, want 5", n)
	}
}

// What ReadTensors and ReadTorch give of every type and view, beside PyTorch's
// own float64.
func testTypes(t *testing.T, dir string) {
	golden := exchangeGolden(t, dir)
	check := func(file string, got Tensors, prefix string, want map[string]*goldenArray) {
		for name, w := range want {
			g, ok := got[prefix+name]
			if !ok || !slices.Equal(g.Shape, w.Shape) || len(g.Data) != len(w.Data) {
				t.Errorf("%s: tensor %q is %v, want shape %v", file, prefix+name, g, w.Shape)
				continue
			}
			for i, v := range w.floats() {
				if x := g.Data[i]; math.Float64bits(x) != math.Float64bits(v) && !(math.IsNaN(x) && math.IsNaN(v)) {
					t.Errorf("%s: %q[%d] is %v, want %v", file, prefix+name, i, x, v)
				}
			}
		}
	}
	ts, meta, err := ReadTensorsFile(filepath.Join(dir, "types.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	check("types.safetensors", ts, "", golden["types"])
	if len(ts) != len(golden["types"]) || !maps.Equal(meta, map[string]string{"a": "b", "é": "\n"}) {
		t.Errorf("types.safetensors: %d tensors, metadata %q", len(ts), meta)
	}
	if ts, err = ReadTorchFile(filepath.Join(dir, "types.pt")); err != nil {
		t.Fatal(err)
	}
	golden["views"]["../list.0"] = &goldenArray{[]int{2}, []goldenNumber{1, 2}}
	golden["views"]["../list.1.0"] = &goldenArray{[]int{}, []goldenNumber{3}}
	golden["views"]["../7.8"] = &goldenArray{[]int{}, []goldenNumber{9}}
	for _, name := range []string{"list.0", "list.1.0", "7.8"} { // beside model, not in it
		ts["model.../"+name] = ts[name]
		delete(ts, name)
	}
	check("types.pt", ts, "model.", golden["views"])
	if len(ts) != len(golden["views"]) {
		t.Errorf("types.pt: %d tensors, want %d", len(ts), len(golden["views"]))
	}
	if &ts["model.whole"].Data[0] != &ts["model.base"].Data[0] {
		t.Error("types.pt: two views of a storage do not share its memory")
	}
	if ts, err = ReadTorchFile(filepath.Join(dir, "alone.pt")); err != nil || len(ts) != 1 || !slices.Equal(ts[""].Data, []float64{1, 2}) {
		t.Errorf("alone.pt: %v, %v", ts, err)
	}
}

func TestReadTorchTypes(t *testing.T) { testTypes(t, "testdata/exchange") }

// Every mistake is in the one error, and nothing changes.
func TestImportErrors(t *testing.T) {
	net := New(rand.NewPCG(1, 2), Input(2), Dense(3), BatchNorm(), Dense(1))
	good := net.Export(Mapping{})
	before := saved(t, net)
	ts := maps.Clone(good)
	delete(ts, "0.bias")
	delete(ts, "1.running_var")
	ts["head.weight"], ts["a"] = ts["2.bias"], ts["2.bias"]
	ts["1.num_batches_tracked"] = NewTensor(NewMatrix(1, 1), 1)
	ts["0.weight"] = NewTensor(NewMatrix(2, 3).Fill(5))
	ts["2.bias"] = NewTensor(NewMatrix(1, 1)) // (1, 1), not (1)
	err := net.Import(ts, Mapping{})
	var e *ImportError
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no ImportError", err)
	}
	if want := []string{"0.bias", "1.running_var"}; !slices.Equal(e.Missing, want) {
		t.Errorf("Missing is %q, want %q", e.Missing, want)
	}
	if want := []string{"a", "head.weight"}; !slices.Equal(e.Left, want) {
		t.Errorf("Left is %q, want %q", e.Left, want)
	}
	if got, want := fmt.Sprint(e.Shapes), "map[0.weight:[(2, 3) (3, 2)] 2.bias:[(1, 1) (1)]]"; got != want {
		t.Errorf("Shapes is %s, want %s", got, want)
	}
	want := `nn: Import: missing tensors "0.bias", "1.running_var"; no parameter for "a", "head.weight"; ` +
		`"0.weight" has shape (2, 3), not (3, 2); "2.bias" has shape (1, 1), not (1)`
	if err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
	if string(saved(t, net)) != string(before) {
		t.Error("the network has changed")
	}
	if err := net.Import(good, Mapping{}); err != nil || string(saved(t, net)) != string(before) {
		t.Errorf("what Export gives can't be imported: %v", err)
	}

	// The text is bounded, the lists are not.
	many := Tensors{}
	for i := range 100 {
		many[fmt.Sprintf("%0100d", i)] = ts["a"]
	}
	err = net.Import(many, Mapping{})
	if !errors.As(err, &e) || len(e.Left) != 100 || len(e.Missing) != 8 || len(err.Error()) > 3000 || !strings.Contains(err.Error(), " and 80 more") {
		t.Errorf("100 tensors too many: %v", err)
	}
}

func TestImportMapping(t *testing.T) {
	build := func() *Network {
		return New(rand.NewPCG(1, 2), Input(2), Dense(3), Layers{Tanh, Residual(Dense(3), &ownLayer{Inner: Dense(3)})}, Dense(2))
	}
	for _, c := range []struct {
		m     Mapping
		names string
	}{
		{Mapping{}, "0.bias 0.weight 1.1.body.0.bias 1.1.body.0.weight 1.1.body.1.bias 1.1.body.1.scale 1.1.body.1.weight 2.bias 2.weight"},
		{Mapping{Native: true}, "0.bias 0.weight 1.1.body.0.bias 1.1.body.0.weight 1.1.body.1.bias 1.1.body.1.scale 1.1.body.1.weight 2.bias 2.weight"},
		{Mapping{Names: map[string]string{"": "module", "1": "body", "1.1.body.1": "x.y", "1.1.body.1.bias": "b", "2": ""}},
			"b bias body.1.body.0.bias body.1.body.0.weight module.0.bias module.0.weight weight x.y.scale x.y.weight"},
		{Mapping{Ignore: []string{"1.*", "*.bias"}}, "0.weight 2.weight"},
	} {
		a, b := build(), build()
		for _, q := range b.params {
			q.Value.Fill(9)
		}
		ts := a.Export(c.m)
		if got := strings.Join(slices.Sorted(maps.Keys(ts)), " "); got != c.names {
			t.Errorf("%+v gives %s\nwant %s", c.m, got, c.names)
		}
		if err := b.Import(ts, c.m); err != nil {
			t.Errorf("%+v: %v", c.m, err)
		}
		for i, q := range a.params {
			want := q.Value
			if c.m.Ignore != nil && q.Name != "0.weight" && q.Name != "2.weight" {
				want = NewMatrix(want.Rows, want.Cols).Fill(9)
			}
			if got := b.params[i].Value; !got.Equal(want, 0) {
				t.Errorf("%+v: %s becomes\n%v, want\n%v", c.m, q.Name, got, want)
			}
		}
		w := ts["0.weight"]
		if c.m.Names != nil {
			w = ts["module.0.weight"]
		}
		if want := a.params[0].Value; c.m.Native && !w.Equal(want, 0) || !c.m.Native && !w.Equal(new(Matrix).T(want), 0) {
			t.Errorf("%+v: the weight becomes\n%v of\n%v", c.m, w, want)
		}
		w.Data[0]++ // Export copies
		if !a.params[0].Value.Equal(b.params[0].Value, 0) {
			t.Errorf("%+v: Export shares memory with the network", c.m)
		}
	}
}

// An ownLayer has a layer inside, in an exported field, and a parameter of its own.
type ownLayer struct {
	Inner *DenseLayer
	scale *Param
}

func (l *ownLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	l.scale = NewParam("scale", 1, 1)
	return l.Inner.Build(in, rng)
}
func (l *ownLayer) Forward(p *Pass, x *Matrix) *Matrix   { return l.Inner.Forward(p, x) }
func (l *ownLayer) Backward(p *Pass, dy *Matrix) *Matrix { return l.Inner.Backward(p, dy) }
func (l *ownLayer) Params() []*Param                     { return append(l.Inner.Params(), l.scale) }

// Tied weights: one tensor for two parameters.
func TestImportTied(t *testing.T) {
	net := New(rand.NewPCG(1, 2), Input(3), Embedding(5, 2), Dense(5).WithoutBias())
	m := Mapping{Names: map[string]string{"0": "wte", "1": "wte"}}
	w := NewMatrix(5, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if err := net.Import(Tensors{"wte.weight": NewTensor(w)}, m); err != nil {
		t.Fatal(err)
	}
	if !net.params[0].Value.Equal(w, 0) || !net.params[1].Value.Equal(new(Matrix).T(w), 0) {
		t.Errorf("the parameters become\n%v\n%v", net.params[0].Value, net.params[1].Value)
	}
	if ts := net.Export(m); len(ts) != 1 || !ts["wte.weight"].Equal(w, 0) {
		t.Errorf("Export gives %v", ts)
	}
	net.params[0].Value.Data[0] = -1
	wantPanic(t, `nn: Export: two parameters become "wte.weight"`, func() { net.Export(m) })
	var e *ImportError
	if err := net.Import(Tensors{}, m); !errors.As(err, &e) || len(e.Missing) != 1 {
		t.Errorf("error %v, want one missing tensor", err)
	}
}

// Recurrent layers by themselves, with a state that is learned, in both directions
// without a pair, and one name given by hand.
func TestImportRecurrent(t *testing.T) {
	net := New(rand.NewPCG(1, 2), Input(4, 2),
		LSTM(3).WithLearnedState(),
		Bidirectional(GRU(2), RNN(2)), // no layer of PyTorch
		RNN(2).WithReLU(), RNN(2))
	for _, q := range net.params {
		if strings.HasSuffix(q.Name, "0") {
			q.Value.FillUniform(rand.New(rand.NewPCG(3, 4)), -1, 1)
		}
	}
	m := Mapping{Names: map[string]string{"0": "lstm", "2": "rnn", "3": "rnn", "3.bias_hh_l0": "second", "0.h0": "start"}}
	ts := net.Export(m)
	got := strings.Join(slices.Sorted(maps.Keys(ts)), " ")
	want := "1.ahead.0.bias_hh_l0 1.ahead.0.bias_ih_l0 1.ahead.0.weight_hh_l0 1.ahead.0.weight_ih_l0 " +
		"1.back.0.bias_hh_l0 1.back.0.bias_ih_l0 1.back.0.weight_hh_l0 1.back.0.weight_ih_l0 " +
		"lstm.bias_hh_l0 lstm.bias_ih_l0 lstm.c0 lstm.weight_hh_l0 lstm.weight_ih_l0 " +
		"rnn.bias_hh_l0 rnn.bias_ih_l0 rnn.bias_ih_l1 rnn.weight_hh_l0 rnn.weight_hh_l1 rnn.weight_ih_l0 rnn.weight_ih_l1 second start"
	if got != want {
		t.Errorf("names\n%s\nwant\n%s", got, want)
	}
	before := saved(t, net)
	for _, q := range net.params {
		q.Value.Fill(7)
	}
	if err := net.Import(ts, m); err != nil {
		t.Fatal(err)
	}
	if string(saved(t, net)) != string(before) {
		t.Error("what was exported and imported differs")
	}
	// An LSTM without biases: they are passed over together or by themselves.
	for name := range ts {
		if strings.HasPrefix(name, "lstm.bias") {
			delete(ts, name)
		}
	}
	m.Ignore = []string{"lstm.bias_*"}
	if err := net.Import(ts, m); err != nil || string(saved(t, net)) != string(before) {
		t.Errorf("an LSTM without biases: %v, or the network has changed", err)
	}
	m.Ignore = []string{"lstm.bias_hh_l0"}
	ts["lstm.bias_ih_l0"] = NewTensor(NewMatrix(12, 1).Fill(2), 12)
	if err := net.Import(ts, m); err != nil || !net.params[2].Value.Equal(NewMatrix(1, 12).Fill(2), 0) {
		t.Errorf("one bias of two: %v, %v", err, net.params[2].Value)
	}
}

// Parameters of one row may have one dimension or two where PyTorch has no say.
func TestImportNativeShapes(t *testing.T) {
	net := New(rand.NewPCG(1, 2), Input(2), Dense(3))
	ts := net.Export(Mapping{Native: true})
	if s := ts["0.bias"].Shape; !slices.Equal(s, Shape{1, 3}) {
		t.Errorf("bias has shape %v", s)
	}
	ts["0.bias"] = NewTensor(NewMatrix(1, 3, 4, 5, 6), 3)
	if err := net.Import(ts, Mapping{Native: true}); err != nil || net.params[1].Value.Data[2] != 6 {
		t.Errorf("%v, bias %v", err, net.params[1].Value)
	}
	ts["0.bias"] = NewTensor(NewMatrix(3, 1))
	var e *ImportError
	if err := net.Import(ts, Mapping{Native: true}); !errors.As(err, &e) || len(e.Shapes) != 1 {
		t.Errorf("a column for a row: %v", err)
	}
}

func TestImportPanics(t *testing.T) {
	net := New(rand.NewPCG(1, 2), Input(2), Dense(3), ReLU)
	ts := net.Export(Mapping{})
	for _, key := range []string{"1", "0.weigh", "0.", "00", "0.weight.x"} {
		want := fmt.Sprintf("Names: the network has no parameter at %q", key)
		m := Mapping{Names: map[string]string{"0": "0", key: "x"}}
		wantPanic(t, "nn: Import: "+want, func() { net.Import(ts, m) })
		wantPanic(t, "nn: Export: "+want, func() { net.Export(m) })
	}
	wantPanic(t, `nn: Import: Ignore: the pattern "[" is malformed`, func() { net.Import(ts, Mapping{Ignore: []string{"["}}) })
	wantPanic(t, `nn: Export: Ignore: the pattern "[" is malformed`, func() { net.Export(Mapping{Ignore: []string{"["}}) })
	wantPanic(t, `nn: Export: two parameters become "x"`, func() {
		net.Export(Mapping{Names: map[string]string{"0.weight": "x", "0.bias": "x"}})
	})
	for _, bad := range []Tensor{{}, {Shape: Shape{2}}, {Shape{2}, NewMatrix(3, 1)}, {Shape{-1}, NewMatrix(1, 1)}, {nil, NewMatrix(0, 1)}} {
		wantPanic(t, `nn: Import: tensor "x" has the shape`, func() { net.Import(Tensors{"x": bad}, Mapping{}) })
		wantPanic(t, `nn: Save: tensor "x" has the shape`, func() { Tensors{"x": bad}.Save(nil, SaveOptions{}) })
	}
}
