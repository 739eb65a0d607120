package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// setAttention sets the parameters of a to those of the case.
func setAttention(a *AttentionLayer, c *goldenCase) {
	for k, name := range []string{"q", "k", "v"} {
		w, n := c.Param["W"+name].matrix(), a.n
		for i := range n {
			copy(a.Wqkv.Value.Row(i)[k*n:], w.Row(i))
		}
		if b := c.Param["b"+name]; b != nil {
			copy(a.Bqkv.Value.Data[k*n:], b.floats())
		}
	}
	copy(a.Wo.Value.Data, c.Param["Wo"].floats())
	if b := c.Param["bo"]; b != nil {
		copy(a.Bo.Value.Data, b.floats())
	}
}

// attentionNumbers returns what the case calls Wq, Wk, Wv, Wo, bq, bk, bv, bo
// of the values or gradients of a's parameters.
func attentionNumbers(a *AttentionLayer, of func(*Param) *Matrix) map[string][]float64 {
	got, n := map[string][]float64{"Wo": of(a.Wo).Data}, a.n
	for k, name := range []string{"q", "k", "v"} {
		for i := range n {
			got["W"+name] = append(got["W"+name], of(a.Wqkv).Row(i)[k*n:(k+1)*n]...)
		}
		if a.Bqkv != nil {
			got["b"+name] = of(a.Bqkv).Data[k*n : (k+1)*n]
			got["bo"] = of(a.Bo).Data
		}
	}
	return got
}

func gradOf(q *Param) *Matrix  { return q.Grad }
func valueOf(q *Param) *Matrix { return q.Value }

// marked returns a layer that does what [Padding] does, with the marks given.
type markedPadding struct {
	PaddingLayer
	marks *Matrix
}

func (l *markedPadding) Forward(p *Pass, x *Matrix) *Matrix {
	p.padding = l.marks
	return x
}

func TestGoldenAttention(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "attention") {
		if c.Op != "mha" || c.In["x"] == nil {
			continue
		}
		seen++
		x, dy := c.In["x"], c.Upstream["y"]
		batch, steps, n := x.Shape[0], x.Shape[1], x.Shape[2]
		a := Attention(int(c.num("heads")))
		a.Causal = c.bool("causal")
		a.NoBias = c.Param["bq"] == nil
		l := Layers{a}
		if m := c.In["key_padding_mask"]; m != nil {
			l = Layers{&markedPadding{marks: m.matrix()}, a}
		}
		if _, err := l.Build(Shape{steps, n}, testRand()); err != nil {
			t.Fatal(err)
		}
		setAttention(a, c)
		y, dx := trip(l, NewMatrix(batch, steps*n, x.floats()...), NewMatrix(batch, steps*n, dy.floats()...))
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "dx", dx.Data, c.Grad["x"])
		for name, got := range attentionNumbers(a, gradOf) {
			c.check(t, "d"+name, got, c.Grad[name])
		}

		p := new(Pass) // not in training, weights are not kept
		p.reset(false, nil)
		c.check(t, "y", l.Forward(p, NewMatrix(batch, steps*n, x.floats()...)).Data, c.Out["y"])
	}
	if seen != 5 {
		t.Errorf("%d cases checked, want 5", seen)
	}
}

// The golden cases take keys and values from different sequences, a layer takes
// them from one, so the products with the weights are Dense layers here.
func TestGoldenCrossAttention(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "attention") {
		if c.Op != "mha" || c.In["q"] == nil {
			continue
		}
		seen++
		batch, queries, n := c.In["q"].Shape[0], c.In["q"].Shape[1], c.In["q"].Shape[2]
		keys := c.In["k"].Shape[1]
		heads := int(c.num("heads"))
		dense := map[string]*DenseLayer{}
		p := new(Pass)
		p.reset(true, testRand())
		out := map[string]*Matrix{}
		for _, name := range []string{"q", "k", "v"} {
			d := Dense(n)
			x := c.In[name]
			d.Build(Shape{x.Shape[1], n}, testRand())
			copy(d.W.Value.Data, c.Param["W"+name].floats())
			copy(d.B.Value.Data, c.Param["b"+name].floats())
			dense[name], out[name] = d, d.Forward(p, NewMatrix(batch, x.Shape[1]*n, x.floats()...)).Clone()
		}
		last := Dense(n)
		last.Build(Shape{queries, n}, testRand())
		copy(last.W.Value.Data, c.Param["Wo"].floats())
		copy(last.B.Value.Data, c.Param["bo"].floats())
		dense["o"] = last
		for _, d := range dense {
			for _, q := range d.Params() {
				q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
			}
		}

		a := &AttentionLayer{Heads: heads, n: n, Queries: queries, steps: queries + keys}
		q, k, v := out["q"], out["k"], out["v"]
		q.Scale(a.scale(), q)
		o, weights := NewMatrix(batch, queries*n), make([]float64, batch*heads*queries*keys)
		task := func() *attendTask {
			return &attendTask{batch: batch, heads: heads, width: n / heads, queries: queries, keys: keys, weights: weights,
				q: sequences{q.Data, n, queries * n}, k: sequences{k.Data, n, keys * n}, v: sequences{v.Data, n, keys * n}}
		}
		f := task()
		f.o = sequences{o.Data, n, queries * n}
		if m := c.In["key_padding_mask"]; m != nil {
			f.padding, f.padded = m.floats(), keys
		}
		f.start()
		y := last.Forward(p, o)
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "attn", weights, c.Out["attn"])

		do := last.Backward(p, NewMatrix(batch, queries*n, c.Upstream["y"].floats()...))
		dq, dk, dv := NewMatrix(batch, queries*n), NewMatrix(batch, keys*n), NewMatrix(batch, keys*n)
		g := task()
		g.back = true
		g.o = sequences{do.Data, n, queries * n}
		g.dq, g.dk, g.dv = sequences{dq.Data, n, queries * n}, sequences{dk.Data, n, keys * n}, sequences{dv.Data, n, keys * n}
		g.start()
		dq.Scale(a.scale(), dq)
		c.check(t, "v", dense["v"].Backward(p, dv).Data, c.Grad["v"])
		c.check(t, "k", dense["k"].Backward(p, dk).Data, c.Grad["k"])
		c.check(t, "q", dense["q"].Backward(p, dq).Data, c.Grad["q"])
		for name, d := range dense {
			c.check(t, "W"+name, d.W.Grad.Data, c.Grad["W"+name])
			c.check(t, "b"+name, d.B.Grad.Data, c.Grad["b"+name])
		}
	}
	if seen != 2 {
		t.Errorf("%d cases checked, want 2", seen)
	}
}

// CrossAttention is the task above: with all weights equal to those of
// attention of a step to others that has them in its own sequence.
func TestCrossAttention(t *testing.T) {
	const queries, keys, n = 2, 3, 4
	l := CrossAttention(2, queries)
	if _, err := l.Build(Shape{queries + keys, n}, testRand()); err != nil {
		t.Fatal(err)
	}
	self := Attention(2)
	self.Build(Shape{queries + keys, n}, testRand())
	for i, q := range self.Params() {
		q.Value.Copy(l.Params()[i].Value)
	}
	x := randomMatrix(testRand(), 3, (queries+keys)*n)
	// Self-attention in which the queries are padding attends to the same keys.
	marks := NewMatrix(3, queries+keys)
	for b := range 3 {
		marks.Set(b, 0, 1)
		marks.Set(b, 1, 1)
	}
	want := predict(Layers{&markedPadding{marks: marks}, self}, x)
	got := predict(l, x)
	for b := range 3 {
		if w := want.Row(b)[:queries*n]; !sameBits(got.Row(b), w) {
			t.Errorf("sample %d: cross-attention gives %v, self-attention with a mask %v", b, got.Row(b), w)
		}
	}

	// Padding among the keys.
	for b := range 3 {
		marks.Set(b, 0, 0)
		marks.Set(b, 1, 0)
		marks.Set(b, queries+1, 1)
	}
	got = predict(Layers{&markedPadding{marks: marks}, l}, x)
	y := x.Clone()
	for b := range 3 {
		y.Row(b)[(queries+1)*n] += 100
	}
	if again := predict(Layers{&markedPadding{marks: marks}, l}, y); !sameBits(got.Data, again.Data) {
		t.Errorf("a key that is padding matters: %v, %v", got, again)
	}
	if without := predict(l, x); sameBits(got.Data, without.Data) {
		t.Error("padding makes no difference")
	}
}

func TestAttentionLayers(t *testing.T) {
	for _, in := range []Shape{{1, 2}, {3, 4}, {5, 6}, {1, 1}, {35, 2}} {
		heads := 1
		if in[1]%2 == 0 {
			heads = in[1] / 2
		}
		layers := []Layer{Attention(heads), Attention(heads).WithCausalMask(), Attention(1).WithoutBias(), Attention(in[1])}
		if in[1]%2 == 0 {
			layers = append(layers, Attention(heads).WithRotary(), Attention(heads).WithCausalMask().WithRotary())
		}
		if in[0] > 1 {
			layers = append(layers, CrossAttention(heads, 1), CrossAttention(heads, in[0]-1).WithoutBias())
		}
		if in[0] > 10 {
			layers = layers[1:2] // several blocks of queries
		}
		for _, l := range layers {
			if err := TestLayer(l, in); err != nil {
				t.Errorf("%s%v: %v", describe(l), in, err)
			}
		}
	}
}

func TestTransformerBlockLayer(t *testing.T) {
	for _, in := range []Shape{{1, 4}, {3, 4}, {5, 6}} {
		for _, dropout := range []float64{0, 0.25} {
			l := TransformerBlock(Attention(in[1]/2).WithCausalMask(), in[1], 5, dropout)
			if err := TestLayer(l, in); err != nil {
				t.Errorf("%v: %v", in, err)
			}
		}
	}
	net := New(nil, Input(3, 4), TransformerBlock(Attention(2), 4, 8, 0.1))
	want := "[Residual(LayerNorm(), Attention(2), Dropout(0.1)), Residual(LayerNorm(), Dense(8), GELU, Dense(4), Dropout(0.1))]"
	if got := describe(net.layers[0]); got != want {
		t.Errorf("a block is %s, want %s", got, want)
	}
}

func TestAttentionErrors(t *testing.T) {
	for _, test := range []struct {
		layer *AttentionLayer
		in    Shape
		want  string
	}{
		{Attention(2), Shape{4}, "Attention(2): input is (4); it must be (steps, n)"},
		{Attention(2), Shape{1, 2, 2}, "Attention(2): input is (1, 2, 2); it must be (steps, n)"},
		{Attention(3), Shape{2, 4}, "Attention(3): input is (2, 4); the number of heads must be positive and divide 4"},
		{Attention(0), Shape{2, 4}, "the number of heads must be positive"},
		{Attention(-1), Shape{2, 4}, "the number of heads must be positive"},
		{Attention(4).WithRotary(), Shape{2, 4}, "rotary positions need heads of an even width, not 1"},
		{&AttentionLayer{Heads: 1, Rotary: -1}, Shape{2, 4}, "the base of the rotation is -1"},
		{&AttentionLayer{Heads: 1, Rotary: math.NaN()}, Shape{2, 4}, "the base of the rotation is NaN"},
		{CrossAttention(2, 2), Shape{2, 4}, "Attention(2, Queries=2): input is (2, 4); Queries must be less than 2"},
		{&AttentionLayer{Heads: 1, Queries: -1}, Shape{2, 4}, "Queries must be"},
		{CrossAttention(2, 1).WithCausalMask(), Shape{2, 4}, "need queries and keys from the same steps"},
		{CrossAttention(2, 1).WithRotary(), Shape{2, 4}, "need queries and keys from the same steps"},
		{Attention(1), Shape{1 << 16, 1}, "attention of 65536 steps"},
		{Attention(1), Shape{1, 1 << 15}, "weight: "},
		{Attention(1), Shape{0, 1}, "must be positive"},
	} {
		_, err := test.layer.Build(test.in, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s%v: error %v, want %q", describe(test.layer), test.in, err, test.want)
		}
	}
	wantPanic(t, "nn: CrossAttention: queries is 0; it must be positive", func() { CrossAttention(2, 0) })
	net := New(nil, Input(4, 2), Padding(), Steps(0, 3), MeanSteps())
	net.Predict(NewMatrix(1, 8))
	net = New(nil, Input(4, 2), Padding(), Reshape(2, 4), Attention(1))
	wantPanic(t, "nn: Attention(1): input has 2 steps, and Padding before it saw 4", func() { net.Predict(NewMatrix(1, 8)) })
	net = New(nil, Input(4, 2), Padding(), Reshape(2, 4), MeanSteps())
	wantPanic(t, "nn: MeanSteps(): input has 2 steps, and Padding before it saw 4", func() { net.Predict(NewMatrix(1, 8)) })
}

// No bit of a step depends on later ones, whatever these are.
func TestAttentionCausal(t *testing.T) {
	const steps, n = 70, 4
	for _, a := range []*AttentionLayer{Attention(2).WithCausalMask(), Attention(1).WithCausalMask().WithRotary()} {
		a.Build(Shape{steps, n}, testRand())
		x := randomMatrix(testRand(), 2, steps*n)
		want := predict(a, x)
		for _, at := range []int{1, 31, 32, 33, 69} {
			for _, v := range []float64{5, math.NaN(), math.Inf(1), math.MaxFloat64} {
				y := x.Clone()
				for i := at * n; i < steps*n; i++ {
					y.Data[i] = v
				}
				got := predict(a, y)
				if !sameBits(got.Row(0)[:at*n], want.Row(0)[:at*n]) {
					t.Errorf("%s: steps before %d change when those from it on become %v", describe(a), at, v)
				}
				if sameBits(got.Row(0)[at*n:][:n], want.Row(0)[at*n:][:n]) || !sameBits(got.Row(1), want.Row(1)) {
					t.Errorf("%s: step %d does not change, or sample 1 does", describe(a), at)
				}
			}
		}
	}
}

// A sample that is padded gives what it would give by itself, bit for bit, also if
// the padding is at its beginning.
func TestAttentionPadding(t *testing.T) {
	const steps, n = 40, 4
	for _, length := range []int{1, 7, 31, 33, 39, 40} {
		short := Attention(2)
		short.Build(Shape{length, n}, testRand())
		x := randomMatrix(testRand(), 1, length*n)
		want := predict(short, x)
		for _, at := range []int{0, steps - length, (steps - length) / 2} {
			long := Layers{Padding(), Attention(2)}
			long.Build(Shape{steps, n}, testRand())
			for i, q := range long.Params() {
				q.Value.Copy(short.Params()[i].Value)
			}
			y := NewMatrix(1, steps*n)
			copy(y.Data[at*n:], x.Data)
			if got := predict(long, y).Data[at*n:][:length*n]; !sameBits(got, want.Data) {
				t.Errorf("%d steps from %d on give %v, by themselves %v", length, at, got, want.Data)
			}
		}
	}
	// Padding counts for the layers after it only, and for one trip.
	net := New(nil, Input(3, n), Attention(1), Padding())
	x := NewMatrix(1, 3*n)
	x.Fill(1).Row(0)[0] = 2
	clear(x.Data[2*n:])
	if first := net.Predict(x); !sameBits(net.Predict(x).Data, first.Data) {
		t.Error("another prediction by the same Pass differs")
	}
	// Nothing to attend to.
	a := Attention(2)
	l := Layers{Padding(), a}
	l.Build(Shape{3, n}, testRand())
	a.Bo.Value.FillNormal(testRand(), 0, 1)
	y, dx := trip(l, NewMatrix(1, 3*n), NewMatrix(1, 3*n).Fill(1))
	for i := range 3 {
		if !sameBits(y.Data[i*n:][:n], a.Bo.Value.Data) {
			t.Errorf("with nothing but padding, y = %v, want the bias %v", y, a.Bo.Value)
		}
	}
	if dx.Norm() != 0 || a.Wqkv.Grad.Norm() != 0 {
		t.Errorf("with nothing but padding, dx = %v and dW = %v, want zeros", dx, a.Wqkv.Grad)
	}
}

// Gradients with padding, by differences.
func TestPaddingGradients(t *testing.T) {
	marks := NewMatrix(1, 5, 0, 1, 0, 0, 1)
	for _, l := range []Layer{Attention(2), Attention(2).WithCausalMask(), CrossAttention(2, 2), MeanSteps()} {
		ls := Layers{&markedPadding{marks: marks}, l}
		out, err := ls.Build(Shape{5, 4}, testRand())
		if err != nil {
			t.Fatal(err)
		}
		x, dy := randomMatrix(testRand(), 1, 20), randomMatrix(testRand(), 1, out.Size())
		_, dx := trip(ls, x, dy)
		const h = 1e-5
		for i, v := range x.Data {
			x.Data[i] = v + h
			hi := vdot(predict(ls, x).Data, dy.Data)
			x.Data[i] = v - h
			lo := vdot(predict(ls, x).Data, dy.Data)
			x.Data[i] = v
			if want := (hi - lo) / (2 * h); math.Abs(dx.Data[i]-want) > 1e-8 {
				t.Errorf("%s: dx[%d] = %v, numerical is %v", describe(l), i, dx.Data[i], want)
			}
		}
	}
}

// The same bits from one goroutine and many, with tasks cut everywhere.
func TestAttentionParallel(t *testing.T) {
	run := func() []float64 {
		a := Attention(4).WithCausalMask().WithRotary()
		a.Build(Shape{50, 32}, testRand())
		y, dx := trip(a, randomMatrix(testRand(), 3, 50*32), randomMatrix(testRand(), 3, 50*32))
		return append(append(y.Data, dx.Data...), a.Wqkv.Grad.Data...)
	}
	want := run()
	alwaysSplit = true
	defer func() { alwaysSplit = false }()
	if !sameBits(run(), want) {
		t.Error("other results when the work is split")
	}
}

func TestAttentionAllocs(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		in    Shape
	}{
		{Attention(2), Shape{3, 4}},
		{Attention(2).WithCausalMask().WithRotary(), Shape{3, 4}},
		{CrossAttention(2, 1), Shape{3, 4}},
		{Layers{Padding(), Attention(2), MeanSteps()}, Shape{3, 4}},
		{Layers{Padding(), Steps(1, 3), Attention(2)}, Shape{3, 4}},
		{Positions(), Shape{3, 4}},
		{SinusoidalPositions(), Shape{3, 4}},
		{TransformerBlock(Attention(2), 4, 8, 0.1), Shape{3, 4}},
	} {
		if _, err := test.layer.Build(test.in, testRand()); err != nil {
			t.Fatal(err)
		}
		for _, q := range test.layer.Params() {
			q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
		}
		x, p, rng := NewMatrix(4, test.in.Size()).Fill(1), new(Pass), testRand()
		var dy Matrix
		f := func() {
			p.reset(true, rng)
			y := test.layer.Forward(p, x)
			dy.Resize(y.Rows, y.Cols)
			test.layer.Backward(p, &dy)
			p.reset(false, nil)
			test.layer.Forward(p, x)
		}
		f()
		if a := testing.AllocsPerRun(20, f); a != 0 {
			t.Errorf("%s%v: %v allocations", describe(test.layer), test.in, a)
		}
	}
}

// smallGPT returns a network of everything that goes step by step here.
func smallGPT(positions Layer, attention func() Layer) *Network {
	return New(rand.NewPCG(1, 2), Input(40), Embedding(7, 6), positions,
		TransformerBlock(attention(), 6, 9, 0.1), TransformerBlock(attention(), 6, 9, 0),
		LayerNorm(), Dense(7), Softmax())
}

// A Session gives, at each step, the bits that Predict gives for it.
func TestAttentionSteps(t *testing.T) { kernelSets(t, testAttentionSteps) }

func testAttentionSteps(t *testing.T) {
	for _, net := range []*Network{
		smallGPT(Positions(), func() Layer { return Attention(2).WithCausalMask() }),
		smallGPT(SinusoidalPositions(), func() Layer { return Attention(3).WithCausalMask().WithoutBias() }),
		smallGPT(Identity, func() Layer { return Attention(1).WithCausalMask().WithRotary() }),
	} {
		rng := testRand()
		x := NewMatrix(3, 40)
		for i := range x.Data {
			x.Data[i] = float64(intN(rng, 7))
		}
		want := net.Predict(x)
		s, err := NewSession(net)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for at := range 40 {
				in := NewMatrix(3, 1, x.At(0, at), x.At(1, at), x.At(2, at))
				y := s.Step(in)
				for b := range 3 {
					if w := want.Row(b)[at*7:][:7]; !sameBits(y.Row(b), w) {
						t.Fatalf("%s: step %d of sample %d gives %v, Predict %v", describe(net.layers[1]), at, b, y.Row(b), w)
					}
				}
			}
			s.Reset()
		}
		in, y := NewMatrix(3, 1), new(Matrix)
		sequence := func() {
			for range 40 {
				s.StepTo(y, in)
			}
			s.Reset()
		}
		sequence()
		if a := testing.AllocsPerRun(20, sequence); a != 0 {
			t.Errorf("%s: %v allocations in 40 steps", describe(net.layers[1]), a)
		}
	}
}

// Where no layer has a limit a Session goes on after the steps that the network was
// built for, as a network that was built for more.
func TestStepsBeyond(t *testing.T) {
	build := func(steps int) *Network {
		return New(rand.NewPCG(1, 2), Input(steps, 4), SinusoidalPositions(), Attention(2).WithCausalMask().WithRotary())
	}
	x := randomMatrix(testRand(), 2, 20*4)
	want := build(20).Predict(x)
	s, err := NewSession(build(3))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for at := range 20 {
			in := NewMatrix(2, 4)
			for b := range 2 {
				copy(in.Row(b), x.Row(b)[at*4:])
			}
			y := s.Step(in)
			for b := range 2 {
				if w := want.Row(b)[at*4:][:4]; !sameBits(y.Row(b), w) {
					t.Fatalf("step %d of sample %d gives %v, Predict %v", at, b, y.Row(b), w)
				}
			}
		}
		s.Reset()
	}
	s, err = NewSession(New(nil, Input(2, 1), Positions()))
	if err != nil {
		t.Fatal(err)
	}
	s.Step(NewMatrix(1, 1))
	s.Step(NewMatrix(1, 1))
	wantPanic(t, "nn: Step: step 2 comes after the last of 2 learned positions", func() { s.Step(NewMatrix(1, 1)) })
}

func TestCanStep(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		want  string
	}{
		{Attention(2), "layer 0: Attention(2) looks ahead; WithCausalMask makes it look back only"},
		{CrossAttention(2, 1), "looks ahead"},
		{Padding(), "can't go step by step"},
		{Steps(0, 1), "can't go step by step"},
	} {
		_, err := NewSession(New(nil, Input(3, 4), test.layer))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", describe(test.layer), err, test.want)
		}
	}
}

// A network of all layers of sequences is the same after loading, and the
// same for many goroutines.
func TestAttentionNetwork(t *testing.T) {
	net := New(rand.NewPCG(3, 4), Input(9), Embedding(5, 4).WithPadding(0), Padding(),
		Concat(
			Layers{Steps(0, 4), Positions(), TransformerBlock(Attention(2).WithCausalMask(), 4, 6, 0.1)},
			Layers{Steps(4, 9), SinusoidalPositions(), TransformerBlock(Attention(2).WithRotary(), 4, 6, 0.1)}),
		Residual(CrossAttention(2, 4)).WithShortcut(Steps(0, 4)),
		MeanSteps(), Dense(3), Softmax())
	rng := testRand()
	d := Dataset{X: NewMatrix(30, 9), Y: NewMatrix(30, 1)}
	for i := range d.X.Data {
		d.X.Data[i] = float64(intN(rng, 5))
	}
	for i := range d.Y.Data {
		d.Y.Data[i] = float64(intN(rng, 3))
	}
	tr := Trainer{Net: net, BatchSize: 10}
	before := tr.Evaluate(d)
	for range tr.Train(d, 30) {
	}
	if after := tr.Evaluate(d); !(after < 0.7*before) {
		t.Errorf("loss falls from %v to %v only", before, after)
	}
	want := net.Predict(d.X)
	if got := net.Clone().Predict(d.X); !sameBits(got.Data, want.Data) {
		t.Error("a clone predicts something else")
	}
	results := make(chan *Matrix)
	for range 8 {
		go func() { results <- net.Predict(d.X) }()
	}
	for range 8 {
		if got := <-results; !sameBits(got.Data, want.Data) {
			t.Error("concurrent predictions differ")
		}
	}
}

func TestAttentionDescribe(t *testing.T) {
	for want, l := range map[string]Layer{
		"Attention(4, Causal)":       Attention(4).WithCausalMask(),
		"Attention(4, Queries=3)":    CrossAttention(4, 3),
		"Attention(4, Rotary=10000)": Attention(4).WithRotary(),
		"Attention(4, NoBias)":       Attention(4).WithoutBias(),
		"Positions()":                Positions(),
		"SinusoidalPositions()":      SinusoidalPositions(),
		"Padding()":                  Padding(),
		"MeanSteps()":                MeanSteps(),
		"Steps(1, 3)":                Steps(1, 3),
	} {
		if got := describe(l); got != want {
			t.Errorf("described as %s, want %s", got, want)
		}
	}
}

// The initial weights are three matrices for n inputs and n outputs each.
func TestAttentionInit(t *testing.T) {
	const n = 64
	a := Attention(4)
	a.Build(Shape{2, n}, testRand())
	for _, w := range []*Matrix{a.Wqkv.Value, a.Wo.Value} {
		bound := math.Sqrt(6.0 / (2 * n))
		if hi := slices.Max(w.Data); hi > bound || hi < 0.98*bound {
			t.Errorf("the largest of the initial weights is %v, want about %v", hi, bound)
		}
	}
	New(nil, Input(2, n), a, Dropout(0.5), ReLU)
	if s, want := math.Sqrt(a.Wo.Value.Var()), math.Sqrt(2.0/n); math.Abs(s-want) > 0.03*want {
		t.Errorf("before a ReLU Wo has the standard deviation %v, want about %v", s, want)
	}
	a = Attention(4).WithInit(Orthogonal)
	a.Build(Shape{2, n}, testRand())
	for k := range 3 {
		var w Matrix
		w.Resize(n, n)
		for i := range n {
			copy(w.Row(i), a.Wqkv.Value.Row(i)[k*n:])
		}
		if id := new(Matrix).TMul(&w, &w); !id.Equal(new(Matrix).Identity(n), 1e-12) {
			t.Errorf("columns %d to %d are not orthonormal", k*n, (k+1)*n)
		}
	}
	if a.Bqkv.NoDecay != true || a.Bo.NoDecay != true || a.Wqkv.NoDecay || a.Wo.NoDecay {
		t.Error("biases decay, or weights do not")
	}
	a.Build(Shape{2, n}, nil)
	for _, q := range a.Params() {
		if q.Value.Data != nil {
			t.Errorf("Build without random numbers allocates %s", q.Name)
		}
	}
}

// setBlock sets the parameters of the layers that they are named after:
// attention, normalisations and Dense layers.
func setBlock(c *goldenCase, attention *AttentionLayer, names map[*Param]string) {
	setAttention(attention, c)
	for q, name := range names {
		copy(q.Value.Data, c.Param[name].floats())
	}
}

// checkBlock compares values or gradients with the arrays whose names begin
// with the prefix.
func checkBlock(t *testing.T, c *goldenCase, prefix string, of func(*Param) *Matrix, want map[string]*goldenArray, attention *AttentionLayer, names map[*Param]string) {
	t.Helper()
	for name, got := range attentionNumbers(attention, of) {
		c.check(t, prefix+name, got, want[prefix+name])
	}
	for q, name := range names {
		c.check(t, prefix+name, of(q).Data, want[prefix+name])
	}
}

func TestGoldenTransformerBlock(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "attention") {
		if c.Op != "transformer_block" {
			continue
		}
		seen++
		x := c.In["x"]
		batch, steps, n := x.Shape[0], x.Shape[1], x.Shape[2]
		a := Attention(int(c.num("heads")))
		a.Causal = c.bool("causal")
		block := TransformerBlock(a, n, c.Param["W1"].Shape[1], 0)
		attend, think := block[0].(*ResidualLayer), block[1].(*ResidualLayer)
		norm1, norm2 := attend.Body[0].(*LayerNormLayer), think.Body[0].(*LayerNormLayer)
		dense1, dense2 := think.Body[1].(*DenseLayer), think.Body[3].(*DenseLayer)
		if c.str("activation") == "relu" {
			think.Body[2] = ReLU
		}
		if !c.bool("norm_first") {
			block = Layers{Residual(a), norm1, Residual(think.Body[1:]...), norm2}
		}
		if _, err := block.Build(Shape{steps, n}, testRand()); err != nil {
			t.Fatal(err)
		}
		names := map[*Param]string{norm1.Gain: "ln1_gamma", norm1.Bias: "ln1_beta", norm2.Gain: "ln2_gamma", norm2.Bias: "ln2_beta",
			dense1.W: "W1", dense1.B: "b1", dense2.W: "W2", dense2.B: "b2"}
		setBlock(c, a, names)
		y, dx := trip(block, NewMatrix(batch, steps*n, x.floats()...), NewMatrix(batch, steps*n, c.Upstream["y"].floats()...))
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "dx", dx.Data, c.Grad["x"])
		checkBlock(t, c, "", gradOf, c.Grad, a, names)
	}
	if seen != 2 {
		t.Errorf("%d cases checked, want 2", seen)
	}
}

// Whole training runs of a transformer give the losses and weights that PyTorch gives.
func TestGoldenTransformerTraces(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "traces") {
		if c.str("model") != "transformer" {
			continue
		}
		seen++
		opt := c.Attrs["optimizer"].(map[string]any)
		rate := opt["lr"].(float64)
		var o Optimizer = &SGD{LearningRate: rate}
		if opt["name"] == "adam" {
			o = &Adam{LearningRate: rate, Beta1: opt["beta1"].(float64), Beta2: opt["beta2"].(float64), Epsilon: opt["eps"].(float64)}
		}
		x, labels, batches := c.In["X"].matrix(), c.In["labels"].floats(), c.In["batches"].matrix()
		vocab, n := c.Param["emb"].Shape[0], c.Param["emb"].Shape[1]
		a, emb, pos, last, head := Attention(int(c.num("heads"))), Embedding(vocab, n), Positions(), LayerNorm(), Dense(int(c.num("classes")))
		block := TransformerBlock(a, n, c.Param["W1"].Shape[1], 0)
		net := New(nil, Input(x.Cols), emb, pos, block, last, MeanSteps(), head, Softmax())
		attend, think := block[0].(*ResidualLayer).Body, block[1].(*ResidualLayer).Body
		norm1, norm2 := attend[0].(*LayerNormLayer), think[0].(*LayerNormLayer)
		dense1, dense2 := think[1].(*DenseLayer), think[3].(*DenseLayer)
		names := map[*Param]string{emb.Table: "emb", pos.W: "pos", norm1.Gain: "ln1_gamma", norm1.Bias: "ln1_beta", norm2.Gain: "ln2_gamma", norm2.Bias: "ln2_beta",
			dense1.W: "W1", dense1.B: "b1", dense2.W: "W2", dense2.B: "b2", last.Gain: "lnf_gamma", last.Bias: "lnf_beta", head.W: "Wd", head.B: "bd"}
		setBlock(c, a, names)
		tr := Trainer{Net: net, Optimizer: o}
		var losses []float64
		for s := range batches.Rows {
			bx, by := NewMatrix(batches.Cols, x.Cols), NewMatrix(batches.Cols, 1)
			for i, r := range batches.Row(s) {
				copy(bx.Row(i), x.Row(int(r)))
				by.Data[i] = labels[int(r)]
			}
			losses = append(losses, tr.Step(bx, by))
			if s == 0 {
				checkBlock(t, c, "", gradOf, c.Grad, a, names)
			}
		}
		c.check(t, "loss", losses, c.Out["loss"])
		checkBlock(t, c, "final/", valueOf, c.Out, a, names)
	}
	if seen != 2 {
		t.Errorf("%d traces checked, want 2", seen)
	}
}
