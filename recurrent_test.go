package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// padder does what a layer that notes padding does, with the marks given.
type padder struct{ marks *Matrix }

func (l *padder) Build(in Shape, _ *rand.Rand) (Shape, error) { return in, nil }
func (l *padder) Params() []*Param                            { return nil }
func (l *padder) Forward(p *Pass, x *Matrix) *Matrix {
	p.padding = l.marks
	if l.marks.Rows > x.Rows { // TestLayer has batches of several sizes
		p.padding = l.marks.RowRange(0, x.Rows)
	}
	return x
}
func (l *padder) Backward(_ *Pass, dy *Matrix) *Matrix { return dy }

func recurrentLayers() []func() Layer {
	return []func() Layer{
		func() Layer { return RNN(3) },
		func() Layer { return RNN(1) },
		func() Layer { return RNN(2).WithLearnedState() },
		func() Layer { return RNN(3).WithReLU() },
		func() Layer { return LSTM(3) },
		func() Layer { return LSTM(1) },
		func() Layer { return LSTM(2).WithLearnedState() },
		func() Layer { return GRU(3) },
		func() Layer { return GRU(1) },
		func() Layer { return GRU(2).WithLearnedState() },
		func() Layer { return Bidirectional(LSTM(2), GRU(3)) },
		func() Layer { return Bidirectional(Layers{RNN(2), Dense(2)}, LSTM(1).WithLearnedState()) },
		func() Layer { return Last() },
		func() Layer { return Layers{LSTM(2), GRU(2), Last()} },
	}
}

func TestRecurrentLayers(t *testing.T) {
	for _, mk := range recurrentLayers() {
		for _, in := range []Shape{{1, 1}, {3, 2}, {5, 4}, {2, 1}, {1, 3}} {
			l := mk()
			if err := TestLayer(l, in); err != nil {
				t.Errorf("%s%v: %v", describe(l), in, err)
			}
			marks := NewMatrix(8, in[0])
			rng := testRand()
			for i := range marks.Data {
				marks.Data[i] = float64(intN(rng, 2))
			}
			if err := TestLayer(Layers{&padder{marks}, mk()}, in); err != nil && !strings.Contains(err.Error(), "is not registered") {
				t.Errorf("%s%v with padding: %v", describe(l), in, err)
			}
		}
	}
}

// goldenCell is a recurrent layer for one sample with an upstream gradient of its
// last state, and that state, besides y.
type goldenCell struct {
	Layer
	hidden int
	dh, dc []float64
	h, c   []float64
}

func (l *goldenCell) Forward(p *Pass, x *Matrix) *Matrix {
	y := l.Layer.Forward(p, x)
	l.h = slices.Clone(y.Data[len(y.Data)-l.hidden:])
	if _, ok := l.Layer.(*LSTMLayer); ok {
		c := p.stack[len(p.stack)-4].Data // z, c, x, y, padding
		l.c = slices.Clone(c[len(c)-l.hidden:])
	}
	return y
}

func (l *goldenCell) Backward(p *Pass, dy *Matrix) *Matrix {
	dy = dy.Clone()
	dh := dy.Data[len(dy.Data)-l.hidden:]
	vadd(dh, dh, l.dh)
	if lstm, ok := l.Layer.(*LSTMLayer); ok {
		return lstm.rec.inputGrad(p, lstm.backwardFrom(p, dy, NewMatrix(1, l.hidden, slices.Clone(l.dc)...), false))
	}
	return l.Layer.Backward(p, dy)
}

// PyTorch's initial states are of one sample; so are ours if they are learned
// and samples go one by one.
func TestGoldenRNN(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "rnn") {
		seen++
		shape, hidden := c.In["x"].Shape, int(c.num("hidden"))
		batch, steps, n := shape[0], shape[1], shape[2]
		layers, directions := int(c.num("layers")), 1
		if c.bool("bidirectional") {
			directions = 2
		}
		width := directions * hidden
		got := map[string][]float64{}
		x, dy := NewMatrix(batch, steps*n, c.In["x"].floats()...), NewMatrix(batch, steps*width, c.Upstream["y"].floats()...)
		for b := range batch {
			// part returns the numbers of this sample in an array of states.
			part := func(a *goldenArray, cell int) []float64 {
				if a == nil {
					return make([]float64, hidden)
				}
				return a.floats()[(cell*batch+b)*hidden:][:hidden]
			}
			put := func(name string, cell int, v []float64) {
				if got[name] == nil {
					got[name] = make([]float64, layers*width*batch)
				}
				copy(got[name][(cell*batch+b)*hidden:], v)
			}
			cells := make([]*goldenCell, layers*directions)
			for i := range cells {
				var l Layer
				switch c.str("cell") {
				case "rnn_tanh":
					l = RNN(hidden).WithLearnedState()
				case "rnn_relu":
					l = RNN(hidden).WithReLU().WithLearnedState()
				case "lstm":
					l = LSTM(hidden).WithLearnedState()
				case "gru":
					l = GRU(hidden).WithLearnedState()
				}
				cells[i] = &goldenCell{Layer: l, hidden: hidden, dh: part(c.Upstream["hn"], i), dc: part(c.Upstream["cn"], i)}
			}
			var ls Layers
			for k := range layers {
				if directions == 2 {
					ls = append(ls, Bidirectional(cells[2*k], cells[2*k+1]))
				} else {
					ls = append(ls, cells[k])
				}
			}
			build(t, ls, Shape{steps, n})
			suffix := func(i int) string { return fmt.Sprintf("_l%d%s", i/directions, []string{"", "_rev"}[i%directions]) }
			for i, cell := range cells {
				ps := cell.Params()
				copy(ps[0].Value.Data, c.Param["W_ih"+suffix(i)].floats())
				copy(ps[1].Value.Data, c.Param["W_hh"+suffix(i)].floats())
				copy(ps[2].Value.Data, c.Param["b_ih"+suffix(i)].floats())
				bh := c.Param["b_hh"+suffix(i)].floats()
				if c.str("cell") == "gru" {
					copy(ps[3].Value.Data, bh)
					copy(ps[4].Value.Data, part(c.In["h0"], i))
					continue
				}
				vadd(ps[2].Value.Data, ps[2].Value.Data, bh)
				copy(ps[3].Value.Data, part(c.In["h0"], i))
				if len(ps) == 5 {
					copy(ps[4].Value.Data, part(c.In["c0"], i))
				}
			}
			y, dx := trip(ls, x.RowRange(b, b+1), dy.RowRange(b, b+1))
			got["y"], got["dx"] = append(got["y"], y.Data...), append(got["dx"], dx.Data...)
			for i, cell := range cells {
				ps := cell.Params()
				sum := func(name string, q *Param) {
					if got[name+suffix(i)] == nil {
						got[name+suffix(i)] = make([]float64, len(q.Grad.Data))
					}
					g := got[name+suffix(i)]
					vadd(g, g, q.Grad.Data)
				}
				sum("dW_ih", ps[0])
				sum("dW_hh", ps[1])
				sum("db_ih", ps[2])
				put("hn", i, cell.h)
				if c.str("cell") == "gru" {
					sum("db_hh", ps[3])
					put("dh0", i, ps[4].Grad.Data)
					continue
				}
				sum("db_hh", ps[2])
				put("dh0", i, ps[3].Grad.Data)
				if len(ps) == 5 {
					put("cn", i, cell.c)
					put("dc0", i, ps[4].Grad.Data)
				}
			}
		}
		for name, want := range c.Out {
			c.check(t, name, got[name], want)
		}
		for name, want := range c.Grad {
			c.check(t, "d"+name, got["d"+name], want)
		}
	}
	if seen != 20 {
		t.Errorf("%d cases checked, want 20", seen)
	}
}

// A sample with padding gives what it gives without, at the other steps and in the
// gradients.
func TestRecurrentPadding(t *testing.T) {
	const long, n = 7, 3
	rng := testRand()
	for _, mk := range recurrentLayers() {
		for _, length := range []int{1, 4, 7} {
			short := Layers{mk()}
			out, err := short.Build(Shape{length, n}, testRand())
			if err != nil {
				t.Fatal(err)
			}
			marks := NewMatrix(1, long)
			for s := length; s < long; s++ {
				marks.Data[s] = 1
			}
			padded := Layers{&padder{marks}, mk()}
			build(t, padded, Shape{long, n})
			x := randomMatrix(rng, 1, long*n)
			dy := randomMatrix(rng, 1, out.Size())
			y, dx := trip(short, NewMatrix(1, length*n, slices.Clone(x.Data[:length*n])...), dy)
			wide := NewMatrix(1, out.Size())
			if len(out) == 2 {
				wide = NewMatrix(1, long*out[1])
			}
			copy(wide.Data, dy.Data)
			py, pdx := trip(padded, x, wide)
			if got := NewMatrix(1, len(y.Data), slices.Clone(py.Data[:len(y.Data)])...); !got.Equal(y, 0) {
				t.Errorf("%s of length %d: %v, with padding %v", describe(short[0]), length, y, got)
			}
			if got := NewMatrix(1, len(dx.Data), slices.Clone(pdx.Data[:len(dx.Data)])...); !got.Equal(dx, 1e-14) {
				t.Errorf("%s of length %d: gradient %v, with padding %v", describe(short[0]), length, dx, got)
			}
			if rest := slices.Max(append(pdx.Data[len(dx.Data):], 0)); rest != 0 {
				t.Errorf("%s of length %d: padding has gradient %v", describe(short[0]), length, rest)
			}
			for i, q := range short.Params() {
				if !padded.Params()[i].Grad.Equal(q.Grad, 1e-13) {
					t.Errorf("%s of length %d: other gradient of %s with padding", describe(short[0]), length, q.Name)
				}
			}
		}
	}
	l := Layers{&padder{NewMatrix(2, 4)}, Last()}
	l[0].(*padder).marks.Row(1)[3] = 1
	l[0].(*padder).marks.Row(1)[2] = 1
	build(t, l, Shape{4, 1})
	if y := predict(l, NewMatrix(2, 4, 1, 2, 3, 4, 5, 6, 7, 8)); y.Data[0] != 4 || y.Data[1] != 6 {
		t.Errorf("Last gives %v, want 4 and 6", y)
	}
	l[0].(*padder).marks.Fill(1)
	if y, dx := trip(l, NewMatrix(2, 4).Fill(1), NewMatrix(2, 1).Fill(1)); y.Norm() != 0 || dx.Norm() != 0 {
		t.Errorf("with nothing but padding Last gives %v and gradient %v", y, dx)
	}
	wantPanic(t, "nn: Last(): input has 4 steps, and Padding before it saw 3", func() {
		predict(Layers{&padder{NewMatrix(2, 3)}, l[1]}, NewMatrix(2, 4))
	})
	wantPanic(t, "nn: GRU(2): input has 4 steps, and Padding before it saw 3", func() {
		g := GRU(2)
		build(t, g, Shape{4, 1})
		predict(Layers{&padder{NewMatrix(2, 3)}, g}, NewMatrix(2, 4))
	})
}

func TestRecurrentErrors(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		in    Shape
		want  string
	}{
		{RNN(0), Shape{3, 2}, "RNN(0): the number of hidden features must be positive"},
		{LSTM(-1), Shape{3, 2}, "LSTM(-1): the number of hidden features must be positive"},
		{LSTM(5), Shape{3}, "LSTM(5): input is (3); it must be (steps, n)"},
		{GRU(5), Shape{3, 2, 2}, "GRU(5): input is (3, 2, 2); it must be (steps, n)"},
		{GRU(1 << 30), Shape{3, 2}, "GRU(1073741824): input is (3, 2): shape"},
		{LSTM(1 << 20), Shape{1 << 12, 1 << 12}, "LSTM(1048576): input is (4096, 4096): shape"},
		{LSTM(5), Shape{0, 2}, "LSTM(5): shape (0, 2)"},
		{Last(), Shape{3}, "Last: input is (3); it must be (steps, n)"},
		{Bidirectional(RNN(2), RNN(2)), Shape{3}, "Bidirectional: input is (3); it must be (steps, n)"},
		{Bidirectional(RNN(2), RNN(0)), Shape{3, 2}, "Bidirectional: back: layer 0: RNN(0): the number"},
		{Bidirectional(RNN(0), RNN(2)), Shape{3, 2}, "Bidirectional: ahead: layer 0: RNN(0): the number"},
		{Bidirectional(RNN(2), Last()), Shape{3, 2}, "Bidirectional: input is (3, 2), ahead gives (3, 2) and back (2); they must keep"},
	} {
		for _, rng := range []*rand.Rand{testRand(), nil} {
			_, err := test.layer.Build(test.in, rng)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s%v: error %v, want one with %q", describe(test.layer), test.in, err, test.want)
			}
		}
	}
	l := LSTM(2)
	wantPanic(t, "occurs twice", func() { New(nil, Input(3, 2), Bidirectional(l, l)) })
}

func TestRecurrentDescribe(t *testing.T) {
	net := New(nil, Input(28, 28), Bidirectional(LSTM(4), GRU(3).WithLearnedState()), RNN(5).WithReLU(), Last())
	got := net.String()
	for _, text := range []string{"Bidirectional(LSTM(4), GRU(3, LearnState))", "(28, 7)", "RNN(5, ReLU)", "Last()"} {
		if !strings.Contains(got, text) {
			t.Errorf("summary\n%s has no %q", got, text)
		}
	}
	var names []string
	for _, q := range net.Params() {
		names = append(names, q.Name)
	}
	if got := strings.Join(names, " "); got != "0.ahead.0.wx 0.ahead.0.wh 0.ahead.0.bias 0.back.0.wx 0.back.0.wh 0.back.0.bias 0.back.0.hidden_bias 0.back.0.h0 1.wx 1.wh 1.bias" {
		t.Errorf("parameters are %s", got)
	}
}

// Blocks of Wh are orthogonal, b of f is 1, Wx is within Glorot's bound.
func TestRecurrentInit(t *testing.T) {
	const n, in = 6, 10
	for _, test := range []struct {
		layer Layer
		gates int
		bound float64
	}{
		{RNN(n), 1, math.Sqrt(6.0 / (in + n))},
		{RNN(n).WithReLU().WithInit(HeUniform), 1, math.Sqrt(6.0 / in)},
		{LSTM(n), 4, math.Sqrt(6.0 / (in + n))},
		{GRU(n), 3, math.Sqrt(6.0 / (in + n))},
		{LSTM(n).WithInit(Constant(0.25)), 4, 0.25},
		{GRU(n).WithInit(Constant(0.25)), 3, 0.25},
	} {
		build(t, test.layer, Shape{3, in})
		ps := test.layer.Params()
		for g := range test.gates {
			block := new(Matrix).CopyCols(ps[1].Value, g*n, (g+1)*n)
			if !new(Matrix).TMul(block, block).Equal(new(Matrix).Identity(n), 1e-13) {
				t.Errorf("%s: block %d of Wh is not orthogonal: %v", describe(test.layer), g, block)
			}
		}
		if largest := max(ps[0].Value.Max(), -ps[0].Value.Min()); largest > test.bound || largest < 0.8*test.bound {
			t.Errorf("%s: the largest value of Wx is %v, want a bit less than %v", describe(test.layer), largest, test.bound)
		}
		for j, v := range ps[2].Value.Data {
			want := 0.0
			if _, ok := test.layer.(*LSTMLayer); ok && j/n == 1 {
				want = 1
			}
			if v != want {
				t.Errorf("%s: bias %d is %v, want %v", describe(test.layer), j, v, want)
			}
		}
		for _, q := range ps[2:] {
			if !q.NoDecay {
				t.Errorf("%s: %s decays", describe(test.layer), q.Name)
			}
		}
	}
}

func TestRecurrentAllocs(t *testing.T) {
	for _, mk := range recurrentLayers() {
		checkAllocs(t, mk(), Shape{5, 3})
	}
	checkAllocs(t, Layers{&padder{NewMatrix(4, 5).Fill(1)}, Bidirectional(LSTM(2), GRU(2)), Last()}, Shape{5, 3})
}

// However the work is split, the bits are the same; and those of a sample do
// not depend on the others.
func TestRecurrentSplit(t *testing.T) {
	defer func(old bool) { alwaysSplit = old }(alwaysSplit)
	const batch, steps, n = 37, 5, 3
	for _, mk := range recurrentLayers() {
		x := randomMatrix(testRand(), batch, steps*n)
		l := mk()
		out, err := l.Build(Shape{steps, n}, testRand())
		if err != nil {
			t.Fatal(err)
		}
		dy := randomMatrix(testRand(), batch, out.Size())
		var want string
		for _, split := range []bool{false, true} {
			alwaysSplit = split
			y, dx := trip(l, x, dy)
			got := fmt.Sprintf("%x %x", y.Data, dx.Data)
			for _, q := range l.Params() {
				got += fmt.Sprintf(" %x", q.Grad.Data)
			}
			if split && got != want {
				t.Errorf("%s: other bits if split", describe(l))
			}
			want = got
			if one := predict(l, x.RowRange(9, 10)); !sameBits(one.Data, y.Row(9)) {
				t.Errorf("%s: sample 9 alone gives other bits", describe(l))
			}
		}
	}
}

func TestRecurrentNaN(t *testing.T) {
	for _, mk := range recurrentLayers() {
		l := mk()
		build(t, l, Shape{4, 2})
		x := randomMatrix(testRand(), 3, 8)
		x.Set(1, 2, math.NaN()) // step 1 of sample 1
		y := predict(l, x)
		if _, ok := l.(*LastLayer); !ok && !math.IsNaN(vsum(y.Row(1))) {
			t.Errorf("%s: a NaN is gone: %v", describe(l), y)
		}
		for _, i := range []int{0, 2} {
			if math.IsNaN(vsum(y.Row(i))) {
				t.Errorf("%s: NaN in sample 1 reaches sample %d", describe(l), i)
			}
		}
	}
}

// Empty batches, in training too.
func TestRecurrentEmpty(t *testing.T) {
	for _, mk := range recurrentLayers() {
		l := mk()
		out, err := l.Build(Shape{4, 2}, testRand())
		if err != nil {
			t.Fatal(err)
		}
		y, dx := trip(l, NewMatrix(0, 8), NewMatrix(0, out.Size()))
		if y.Rows != 0 || y.Cols != out.Size() || dx.Rows != 0 || dx.Cols != 8 {
			t.Errorf("%s: no samples give y %d×%d, dx %d×%d", describe(l), y.Rows, y.Cols, dx.Rows, dx.Cols)
		}
	}
}

func TestRecurrentPredictsConcurrently(t *testing.T) {
	for _, mk := range recurrentLayers() {
		net := New(nil, Input(6, 3), mk())
		x := randomMatrix(testRand(), 40, 18)
		want := net.Predict(x)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 3 {
					if got := net.Predict(x); !sameBits(got.Data, want.Data) {
						t.Errorf("%s: other results in another goroutine", describe(net.layers[0]))
					}
				}
			})
		}
		wg.Wait()
	}
}

// twoBiases is an Optimizer for a network whose bias b is meant to be the sum
// of two, which have equal gradients: it goes twice as far.
type twoBiases struct {
	Optimizer
	b *Param
}

func (o *twoBiases) Step(params []*Param) {
	old := o.b.Value.Clone()
	o.Optimizer.Step(params)
	o.b.Value.AddScaled(o.b.Value, 1, new(Matrix).Sub(o.b.Value, old))
}

func TestGoldenTracesLSTM(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "traces") {
		if c.str("model") != "lstm_classifier" {
			continue
		}
		seen++
		opt := c.Attrs["optimizer"].(map[string]any)
		rate := opt["lr"].(float64)
		var o Optimizer = &SGD{LearningRate: rate}
		if opt["name"] == "adam" {
			o = &Adam{LearningRate: rate, Beta1: opt["beta1"].(float64), Beta2: opt["beta2"].(float64), Epsilon: opt["eps"].(float64)}
		}
		shape := c.In["X"].Shape
		net := New(nil, shape[1:], LSTM(int(c.num("hidden"))), Last(), Dense(int(c.num("classes"))), Softmax())
		names := []string{"W_ih_l0", "W_hh_l0", "b_ih_l0", "Wd", "bd"}
		for i, name := range names {
			copy(net.params[i].Value.Data, c.Param[name].floats())
		}
		b := net.params[2]
		vadd(b.Value.Data, b.Value.Data, c.Param["b_hh_l0"].floats())
		x, labels, batches := NewMatrix(shape[0], shape[1]*shape[2], c.In["X"].floats()...), c.In["labels"].floats(), c.In["batches"].matrix()
		tr := Trainer{Net: net, Optimizer: &twoBiases{o, b}}
		var losses []float64
		for s := range batches.Rows {
			bx, by := NewMatrix(batches.Cols, x.Cols), NewMatrix(batches.Cols, 1)
			for i, r := range batches.Row(s) {
				copy(bx.Row(i), x.Row(int(r)))
				by.Data[i] = labels[int(r)]
			}
			losses = append(losses, tr.Step(bx, by))
			if s == 0 {
				for i, name := range names {
					c.check(t, "gradient of "+name, net.params[i].Grad.Data, c.Grad[name])
				}
			}
		}
		c.check(t, "loss", losses, c.Out["loss"])
		for i, name := range names {
			got := net.params[i].Value.Clone()
			if i == 2 {
				vsub(got.Data, got.Data, c.Out["final/b_hh_l0"].floats())
			}
			c.check(t, "final/"+name, got.Data, c.Out["final/"+name])
		}
	}
	if seen != 2 {
		t.Errorf("%d traces checked, want 2", seen)
	}
}

// A GRU learns what only memory can tell: which of two signs came first.
func TestRecurrentLearns(t *testing.T) {
	rng := testRand()
	d := Dataset{NewMatrix(64, 6), NewMatrix(64, 1)}
	for i := range 64 {
		a := intN(rng, 6)
		b := (a + 1 + intN(rng, 5)) % 6
		d.X.Row(i)[a], d.X.Row(i)[b] = 1, -1
		if a < b {
			d.Y.Data[i] = 1
		}
	}
	for _, l := range []Layer{RNN(8), LSTM(8), GRU(8), Bidirectional(LSTM(4), LSTM(4))} {
		tr := Trainer{Net: New(rand.NewPCG(3, 4), Input(6, 1), l, Last(), Dense(2), Softmax()), Optimizer: &Adam{LearningRate: 0.02}, BatchSize: 16}
		for range tr.Train(d, 120) {
		}
		if a := Accuracy(tr.Net.Predict(d.X), d.Y); a < 0.95 {
			t.Errorf("%s: accuracy %v, want at least 0.95", describe(l), a)
		}
	}
}

// Every layer of this file and those that normalize come back from a file.
func TestSaveSequences(t *testing.T) {
	n := shake(New(nil, Input(4, 3), Bidirectional(LSTM(2).WithLearnedState(), GRU(2).WithLearnedState()), LayerNorm(), RNN(3).WithReLU().WithLearnedState(),
		BatchNorm().WithSteps(), RMSNorm(), Reshape(3, 2, 2), GroupNorm(3), InstanceNorm(), BatchNorm(), ChannelDropout(0.5), LayerNorm().WithDims(2), Reshape(4, 3), Last()))
	x := randomMatrix(testRand(), 5, 12)
	want := n.Predict(x)
	if got := n.Clone().Predict(x); !sameBits(got.Data, want.Data) {
		t.Errorf("a clone gives %v, want %v", got, want)
	}
	var file strings.Builder
	if err := n.Save(&file); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(strings.NewReader(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got := loaded.Predict(x); !sameBits(got.Data, want.Data) {
		t.Errorf("a loaded network gives %v, want %v", got, want)
	}
}
