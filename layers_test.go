package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// trip runs l forward on x and back with the upstream gradient dy, in
// training, and returns output and input gradient.
func trip(l Layer, x, dy *Matrix) (y, dx *Matrix) {
	for _, q := range l.Params() {
		q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
	}
	p := new(Pass)
	p.reset(true, testRand())
	y = l.Forward(p, x).Clone()
	return y, l.Backward(p, dy).Clone()
}

func TestGoldenDense(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "dense") {
		x, dy := c.In["x"].matrix(), c.Upstream["y"].matrix()
		var l Layer
		var names []string
		switch c.Op {
		case "dense":
			l, names = Dense(dy.Cols), []string{"W", "b"}
			if c.Param["b"] == nil {
				l, names = Dense(dy.Cols).WithoutBias(), []string{"W"}
			}
		case "residual":
			if c.str("activation") != "tanh" {
				t.Fatalf("%s: activation %s", c.Name, c.str("activation"))
			}
			l, names = Residual(Dense(c.Param["W1"].Shape[1]), Tanh, Dense(x.Cols)), []string{"W1", "b1", "W2", "b2"}
		}
		seen++
		if _, err := l.Build(Shape{x.Cols}, testRand()); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			copy(l.Params()[i].Value.Data, c.Param[name].floats())
		}
		y, dx := trip(l, x, dy)
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "dx", dx.Data, c.Grad["x"])
		for i, name := range names {
			c.check(t, "d"+name, l.Params()[i].Grad.Data, c.Grad[name])
		}
	}
	if seen != 4 {
		t.Errorf("%d cases checked, want 4", seen)
	}
}

func TestGoldenEmbedding(t *testing.T) {
	for _, c := range golden(t, "embedding") {
		w, x := c.Param["W"].matrix(), c.In["idx"].matrix()
		l := Embedding(w.Rows, w.Cols)
		if k, ok := c.Attrs["padding_idx"]; ok {
			l = l.WithPadding(int(k.(float64)))
		}
		if _, err := l.Build(Shape{x.Cols}, nil); err != nil {
			t.Fatal(err)
		}
		l.Table.Value = w
		dy := NewMatrix(x.Rows, x.Cols*w.Cols, c.Upstream["y"].floats()...)
		y, dx := trip(l, x, dy)
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "dW", l.Table.Grad.Data, c.Grad["W"])
		if dx.Rows != x.Rows || dx.Cols != x.Cols || dx.Norm() != 0 {
			t.Errorf("%s: dx = %v, want zeros", c.Name, dx)
		}
	}
}

func TestEmbeddingIndices(t *testing.T) {
	n := New(nil, Input(2), Embedding(3, 4).WithPadding(1))
	for _, v := range []float64{-1, 3, 0.5, math.NaN(), math.Inf(1)} {
		wantPanic(t, "nn: Embedding(3, 4): ", func() { n.Predict(NewMatrix(1, 2, 0, v)) })
	}
	y := n.Predict(NewMatrix(1, 2, 2, 1))
	if slices.Max(y.Data[4:]) != 0 || slices.Min(y.Data[4:]) != 0 || y.RowRange(0, 1).Norm() == 0 {
		t.Errorf("padding gives %v, want zeros at the end only", y)
	}
}

// Every size that a layer may meet: large, odd, one; NaN stays.
func TestDenseSizes(t *testing.T) {
	rng := testRand()
	for _, size := range [][3]int{{1, 1, 1}, {0, 3, 2}, {5, 1, 7}, {65, 129, 33}, {3, 300, 1}} {
		n, in, out := size[0], size[1], size[2]
		net := New(rand.NewPCG(1, 2), Input(in), Dense(out))
		x := randomMatrix(rng, n, in)
		w, b := net.params[0].Value, net.params[1].Value
		b.FillNormal(rng, 0, 1)
		y := net.Predict(x)
		for i := range n {
			for j := range out {
				s := 0.0
				for k := range in {
					s = math.FMA(x.At(i, k), w.At(k, j), s)
				}
				if want := s + b.Data[j]; y.At(i, j) != want {
					t.Fatalf("%v: y[%d,%d] = %v, want %v", size, i, j, y.At(i, j), want)
				}
			}
		}
	}
	net := New(nil, Input(3), Dense(2))
	y := net.Predict(NewMatrix(2, 3, 0, math.NaN(), 0, 1, 2, 3))
	if !math.IsNaN(y.At(0, 0)) || !math.IsNaN(y.At(0, 1)) || math.IsNaN(y.At(1, 0)) {
		t.Errorf("NaN in sample 0 gives %v", y)
	}
}

func TestDropout(t *testing.T) {
	const n = 100000
	x := NewMatrix(1, n).Fill(2)
	for _, rate := range []float64{0.1, 0.5, 0.9, 1 - 0x1p-20} {
		l := Dropout(rate)
		p := new(Pass)
		p.reset(true, testRand())
		y := l.Forward(p, x).Clone()
		dropped := 0
		kept := math.Inf(1)
		for _, v := range y.Data {
			if v == 0 {
				dropped++
			} else {
				kept = min(kept, v)
			}
		}
		if got := float64(dropped) / n; math.Abs(got-rate) > 0.006 {
			t.Errorf("rate %v: %v of the values are dropped", rate, got)
		}
		if want := 2 / (1 - rate); rate < 0.99 && math.Abs(kept-want) > 1e-3*want {
			t.Errorf("rate %v: others become %v, want about %v", rate, kept, want)
		}
		dx := l.Backward(p, x)
		if !sameBits(dx.Data, y.Data) {
			t.Errorf("rate %v: the gradient has another mask", rate)
		}
		again := l.Forward(p, x)
		if sameBits(again.Data, y.Data) {
			t.Errorf("rate %v: the mask is the same at the second use", rate)
		}
		p.reset(false, nil)
		if l.Forward(p, x) != x {
			t.Errorf("rate %v: values are dropped in prediction", rate)
		}
	}
}

func TestGaussianNoise(t *testing.T) {
	const n = 100000
	x := NewMatrix(1, n).Fill(3)
	p := new(Pass)
	p.reset(true, testRand())
	y := GaussianNoise(0.5).Forward(p, x)
	if mean, deviation := y.Mean(), math.Sqrt(y.Var()); math.Abs(mean-3) > 0.006 || math.Abs(deviation-0.5) > 0.005 {
		t.Errorf("noise has mean %v and standard deviation %v, want 0 and 0.5", mean-3, deviation)
	}
	p.reset(false, nil)
	if GaussianNoise(0.5).Forward(p, x) != x {
		t.Error("there is noise in prediction")
	}
}

func TestPass(t *testing.T) {
	p := new(Pass)
	rng := testRand()
	p.reset(true, rng)
	if !p.Training() || p.Rand() != rng {
		t.Error("a training pass is not in training, or has another rng")
	}
	m := p.New(2, 3)
	m.Fill(1)
	p.Push(m, nil)
	if p.Pop() != nil || p.Pop() != m {
		t.Error("Pop does not return the last matrix first")
	}
	wantPanic(t, "nn: Pop: nothing is pushed", func() { p.Pop() })
	wantPanic(t, "nn: Reshape: 2×3 to 2×2", func() { p.Reshape(m, 2, 2) })
	if v := p.Reshape(m, 3, 2); v.Rows != 3 || &v.Data[0] != &m.Data[0] {
		t.Errorf("Reshape gives %v", v)
	}
	p.reset(false, nil)
	if again := p.New(3, 2); again != m || again.Norm() != 0 {
		t.Errorf("the first matrix of the next trip is %v, want the same memory, cleared", again)
	}
	p.Push(m)
	if p.Training() || p.Rand() != nil || len(p.stack) != 0 {
		t.Error("a pass that does not train remembers, or has random numbers")
	}
}

func TestLayerAllocs(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		in    Shape
	}{
		{Dense(7), Shape{5}},
		{Dense(7), Shape{3, 5}},
		{Dropout(0.5), Shape{5}},
		{GaussianNoise(0.5), Shape{5}},
		{Embedding(4, 3), Shape{5}},
		{Flatten(), Shape{2, 3}},
		{Reshape(3, 2), Shape{2, 3}},
		{Residual(Dense(5), Tanh).WithShortcut(Dense(5)), Shape{5}},
		{Concat(Layers{Dense(2)}, Layers{}), Shape{5}},
		{PReLU(), Shape{5}},
		{Softmax(), Shape{5}},
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
		}
		f()
		if a := testing.AllocsPerRun(20, f); a != 0 {
			t.Errorf("%s%v: %v allocations", describe(test.layer), test.in, a)
		}
	}
}

// Dense and the GELU after it in one go, and a large bias in parts, have the bits of
// one operation after the other.
func TestDenseActivated(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		splitLoops(t, 3)
		rng := testRand()
		for _, c := range []struct {
			rows, steps, out int
			noBias           bool
		}{{1, 1, 1, false}, {5, 1, 7, true}, {3, 2, 9, false}, {40, 3, 512, false}, {33, 1, 513, true}, {70, 1, 300, false}, {2, 1, 1030, false}, {0, 1, 3, false}} {
			d := &DenseLayer{Out: c.out, NoBias: c.noBias}
			if _, err := d.Build(Shape{c.steps, 6}, rng); err != nil {
				t.Fatal(err)
			}
			if d.B != nil {
				d.B.Value.FillNormal(rng, 0, 1)
			}
			x, dy := randomMatrix(rng, c.rows, c.steps*6), randomMatrix(rng, c.rows, c.steps*c.out)
			z := new(Matrix).Mul(x.Reshape(c.rows*c.steps, 6), d.W.Value)
			if d.B != nil {
				z.Add(z, d.B.Value)
			}
			if y := predict(d, x); !sameBits(y.Data, z.Data) {
				t.Errorf("%+v: Dense has other bits than x·W + b", c)
			}
			y, dx := trip(Layers{d, GELU}, x, dy)
			got := append(append(append([]float64(nil), y.Data...), dx.Data...), d.W.Grad.Data...)
			y, dx = trip(Layers{d, Identity, GELU}, x, dy)
			want := append(append(append([]float64(nil), y.Data...), dx.Data...), d.W.Grad.Data...)
			if !sameBits(got, want) {
				t.Errorf("%+v: Dense and GELU have other bits than one after the other", c)
			}
			for i, v := range z.Data {
				if !sameNumber(y.Data[i], gelu(v)) {
					t.Fatalf("%+v: GELU(%v) = %v, want %v", c, v, y.Data[i], gelu(v))
				}
			}
			if p := predict(Layers{d, GELU}, x); !sameBits(p.Data, y.Data) {
				t.Errorf("%+v: Dense and GELU give other values in prediction", c)
			}
		}
	})
}

// A bias that a program has replaced by one of another size ends in a panic, not in
// the memory beside it.
func TestDenseBiasSize(t *testing.T) {
	for _, next := range []Layer{Tanh, GELU} {
		for _, size := range []int{0, 1, 7, 9, 64} {
			d := Dense(8)
			net := New(testRand(), Input(4), d, next)
			d.B.Value = NewMatrix(1, size)
			func() {
				defer func() {
					if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "nn: ") || !strings.Contains(v, "8") {
						t.Errorf("Dense(8) with a bias of %d values, %v: %q", size, next, v)
					}
				}()
				net.Predict(NewMatrix(3, 4))
			}()
		}
	}
}
