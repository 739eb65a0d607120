package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// lossCase is a loss with what it wants to be tested on.
type lossCase struct {
	name string
	loss Loss
	y    string // kind of predictions: real, probability, distribution, rate
	t    string // kind of targets: real, sign, bit, probability, distribution, index, count
}

// lossCases returns every loss with every option, for predictions with cols columns.
func lossCases(cols int) []lossCase {
	weights := make([]float64, cols)
	for j := range weights {
		weights[j] = 0.25 + float64(j%4)
	}
	last := cols - 1
	cases := []lossCase{
		{"MSE", MSE, "real", "real"},
		{"MAE", MAE, "real", "real"},
		{"Huber", Huber(0.7), "real", "real"},
		{"Hinge", Hinge, "real", "sign"},
		{"SquaredHinge", SquaredHinge, "real", "sign"},
		{"Poisson", Poisson, "rate", "count"},
		{"Poisson log", &PoissonLoss{LogRate: true}, "real", "count"},
		{"CosineSimilarity", CosineSimilarity, "real", "real"},
		{"BCE bits", BinaryCrossEntropy, "probability", "bit"},
		{"BCE soft", BinaryCrossEntropy, "probability", "probability"},
		{"BCE weight", &BinaryCrossEntropyLoss{PosWeight: []float64{3}}, "probability", "probability"},
		{"BCE weights", &BinaryCrossEntropyLoss{PosWeight: weights}, "probability", "probability"},
		{"CE soft", CrossEntropy, "distribution", "distribution"},
		{"CE unnormalised", CrossEntropy, "distribution", "probability"},
		{"CE soft smooth", SmoothCrossEntropy(0.1), "distribution", "distribution"},
		{"CE soft weights", &CrossEntropyLoss{Weights: weights}, "distribution", "distribution"},
		{"CE soft smooth weights", &CrossEntropyLoss{Weights: weights, Smoothing: 0.3}, "distribution", "distribution"},
		{"KL", KLDivergence, "distribution", "distribution"},
		{"Focal", FocalLoss{Gamma: 2, Alpha: 0.25}, "probability", "bit"},
		{"Focal soft", FocalLoss{Gamma: 2}, "probability", "probability"},
		{"Focal 0.5", FocalLoss{Gamma: 0.5, Alpha: 0.6}, "probability", "probability"},
		{"Focal 0", FocalLoss{}, "probability", "probability"},
		{"FocalCE soft", FocalCrossEntropyLoss{Gamma: 2}, "distribution", "distribution"},
		{"FocalCE 0.5 weights", FocalCrossEntropyLoss{Gamma: 0.5, Weights: weights}, "distribution", "distribution"},
	}
	if cols > 1 {
		cases = append(cases,
			lossCase{"CE index", CrossEntropy, "distribution", "index"},
			lossCase{"CE index smooth", SmoothCrossEntropy(0.2), "distribution", "index"},
			lossCase{"CE index weights", CrossEntropyLoss{Weights: weights}, "distribution", "index"},
			lossCase{"CE index ignore", &CrossEntropyLoss{Ignore: []int{-1, last}}, "distribution", "index"},
			lossCase{"CE index all", &CrossEntropyLoss{Weights: weights, Smoothing: 0.1, Ignore: []int{last}}, "distribution", "index"},
			lossCase{"FocalCE index", FocalCrossEntropyLoss{Gamma: 2}, "distribution", "index"},
			lossCase{"FocalCE index all", &FocalCrossEntropyLoss{Gamma: 1.5, Weights: weights, Ignore: []int{last}}, "distribution", "index"},
		)
	}
	return cases
}

// lossData returns a rows×cols matrix of values of a kind, or rows×1 for class indices.
func lossData(kind string, rows, cols int, rng *rand.Rand) *Matrix {
	if kind == "index" {
		m := NewMatrix(rows, 1)
		for i := range m.Data {
			m.Data[i] = float64(rng.IntN(cols))
		}
		return m
	}
	m := NewMatrix(rows, cols)
	for i := range m.Data {
		v := rng.Float64()
		switch kind {
		case "real":
			v = 4*v - 2
		case "sign":
			v = float64(2*rng.IntN(2) - 1)
		case "bit":
			v = float64(rng.IntN(2))
		case "probability", "distribution":
			v = 0.02 + 0.96*v
		case "rate":
			v = 0.3 + 3*v
		case "count":
			v = float64(rng.IntN(5))
		}
		m.Data[i] = v
	}
	if kind == "distribution" {
		for i := range rows {
			s := 0.0
			for _, v := range m.Row(i) {
				s += v
			}
			for j := range m.Row(i) {
				m.Row(i)[j] /= s
			}
		}
	}
	return m
}

var lossShapes = [][2]int{{1, 1}, {1, 3}, {4, 3}, {7, 5}, {2, lossBlock + 5}}

// checkLossGradient compares the gradient that eval gives at x with central differences.
func checkLossGradient(t *testing.T, eval func(dx, x *Matrix) float64, x *Matrix) {
	t.Helper()
	const h = 1e-5
	dx := NewMatrix(x.Rows, x.Cols).Fill(math.NaN())
	value := eval(dx, x)
	if v := eval(nil, x); math.Float64bits(v) != math.Float64bits(value) {
		t.Errorf("value is %v without a gradient, %v with one", v, value)
	}
	largest := 0.0
	for _, g := range dx.Data {
		largest = max(largest, math.Abs(g))
	}
	for i, v := range x.Data {
		x.Data[i] = v + h
		plus := eval(nil, x)
		x.Data[i] = v - h
		minus := eval(nil, x)
		x.Data[i] = v
		want := (plus - minus) / (2 * h)
		if math.Abs(dx.Data[i]-want) > 1e-6*max(largest, 1e-3)+3e-11*math.Abs(value) {
			t.Errorf("gradient at %d, x = %v: got %v, want %v", i, v, dx.Data[i], want)
			return
		}
	}
}

func TestLossGradients(t *testing.T) {
	for _, shape := range lossShapes {
		rows, cols := shape[0], shape[1]
		for _, c := range lossCases(cols) {
			t.Run(fmt.Sprintf("%s/%dx%d", c.name, rows, cols), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(rows*cols)))
				kind := c.y
				if kind == "distribution" { // no loss asks that rows of y sum to 1, and differences want large y
					kind = "probability"
				}
				y, target := lossData(kind, rows, cols, rng), lossData(c.t, rows, cols, rng)
				y0, t0 := y.Clone(), target.Clone()
				checkLossGradient(t, func(dy, y *Matrix) float64 { return c.loss.Eval(dy, y, target) }, y)
				f, ok := c.loss.(fused)
				if ok {
					z := lossData("real", rows, cols, rng)
					checkLossGradient(t, func(dz, z *Matrix) float64 { return f.evalLogits(dz, z, target) }, z)
				}
				c.loss.Eval(new(Matrix), y, target)
				for i := range y.Data {
					if y.Data[i] != y0.Data[i] {
						t.Fatal("Eval changes y")
					}
				}
				for i := range target.Data {
					if target.Data[i] != t0.Data[i] {
						t.Fatal("Eval changes t")
					}
				}
			})
		}
	}
}

// activate returns the sigmoid or, row by row, the softmax of z.
func activate(c lossCase, z *Matrix) *Matrix {
	y := z.Clone()
	for i := range z.Rows {
		s := 0.0
		for j, v := range z.Row(i) {
			if c.y == "probability" {
				y.Row(i)[j] = 1 / (1 + math.Exp(-v))
			} else {
				y.Row(i)[j] = math.Exp(v)
				s += math.Exp(v)
			}
		}
		if c.y == "distribution" {
			for j := range y.Row(i) {
				y.Row(i)[j] /= s
			}
		}
	}
	return y
}

// deactivate returns the gradient with respect to z, given that with respect to y.
func deactivate(c lossCase, y, dy *Matrix) *Matrix {
	dz := dy.Clone()
	for i := range y.Rows {
		yi, di := y.Row(i), dz.Row(i)
		dot := 0.0
		for j := range yi {
			dot += yi[j] * di[j]
		}
		for j := range yi {
			if c.y == "probability" {
				di[j] *= yi[j] * (1 - yi[j])
			} else {
				di[j] = yi[j] * (di[j] - dot)
			}
		}
	}
	return dz
}

func TestLossFused(t *testing.T) {
	for _, shape := range lossShapes {
		rows, cols := shape[0], shape[1]
		for _, c := range lossCases(cols) {
			f, ok := c.loss.(fused)
			if !ok {
				continue
			}
			rng := rand.New(rand.NewPCG(2, uint64(rows*cols)))
			z, target := lossData("real", rows, cols, rng), lossData(c.t, rows, cols, rng)
			y := activate(c, z)
			var dy, dz Matrix
			want := c.loss.Eval(&dy, y, target)
			got := f.evalLogits(&dz, z, target)
			if math.Abs(got-want) > 1e-13*max(1, math.Abs(want)) {
				t.Errorf("%s %v: from logits %v, from probabilities %v", c.name, shape, got, want)
			}
			for i, want := range deactivate(c, y, &dy).Data {
				if math.Abs(dz.Data[i]-want) > 1e-14 {
					t.Errorf("%s %v: gradient %d from logits %v, from probabilities %v", c.name, shape, i, dz.Data[i], want)
					break
				}
			}
			// Adding the same to all z of a row leaves a softmax as it is.
			if c.y != "distribution" {
				continue
			}
			for i := range rows {
				s, size := 0.0, 0.0
				for _, v := range dz.Row(i) {
					s += v
					size += math.Abs(v)
				}
				if math.Abs(s) > 2e-16*float64(cols+3)*size {
					t.Errorf("%s %v: gradient of row %d sums to %v", c.name, shape, i, s)
				}
			}
		}
	}
}

func TestLossAbsorbs(t *testing.T) {
	for _, c := range lossCases(3) {
		f, ok := c.loss.(fused)
		if ok != (c.y == "probability" || c.y == "distribution") {
			t.Errorf("%s: fused is %v", c.name, ok)
		}
		if !ok {
			continue
		}
		for _, l := range []Layer{Sigmoid, Softmax(), Tanh, Dense(3), Layers{Sigmoid}} {
			_, softmax := l.(*SoftmaxLayer)
			want := c.y == "probability" && isSigmoid(l) || c.y == "distribution" && softmax
			if got := f.absorbs(l); got != want {
				t.Errorf("%s: absorbs(%T) = %v", c.name, l, got)
			}
		}
	}
}

func TestLossAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range lossCases(2*lossBlock + 5) {
		y, target := lossData(c.y, 3, 2*lossBlock+5, rng), lossData(c.t, 3, 2*lossBlock+5, rng)
		dy := NewMatrix(y.Rows, y.Cols)
		f, _ := c.loss.(fused)
		for _, d := range []*Matrix{dy, nil} {
			n := testing.AllocsPerRun(5, func() {
				c.loss.Eval(d, y, target)
				if f != nil {
					f.evalLogits(d, y, target)
				}
			})
			if n != 0 {
				t.Errorf("%s, gradient %v: %v allocations", c.name, d != nil, n)
			}
		}
	}
}

// TestLossTargets compares class indices with the equal one-hot rows, bit for bit.
func TestLossTargets(t *testing.T) {
	for _, cols := range []int{2, 3, 10, 2*lossBlock + 5} {
		for _, l := range []Loss{CrossEntropy, SmoothCrossEntropy(0.1), SmoothCrossEntropy(1), FocalCrossEntropyLoss{Gamma: 2}} {
			rng := rand.New(rand.NewPCG(5, uint64(cols)))
			index := lossData("index", 7, cols, rng)
			rows := NewMatrix(7, cols)
			for i, k := range index.Data {
				rows.Set(i, int(k), 1)
			}
			evals := []func(dy, y, t *Matrix) float64{l.Eval, l.(fused).evalLogits}
			for e, eval := range evals {
				y := lossData("distribution", 7, cols, rng)
				if e == 1 {
					y.Apply(y, func(v float64) float64 { return 50 * v })
				}
				var d1, d2 Matrix
				v1, v2 := eval(&d1, y, index), eval(&d2, y, rows)
				if math.Float64bits(v1) != math.Float64bits(v2) {
					t.Errorf("%v, %d classes: %v for indices, %v for rows", l, cols, v1, v2)
				}
				for i := range d1.Data {
					if math.Float64bits(d1.Data[i]) != math.Float64bits(d2.Data[i]) {
						t.Errorf("%v, %d classes: gradient %d is %v for indices, %v for rows", l, cols, i, d1.Data[i], d2.Data[i])
						break
					}
				}
			}
		}
	}
}

// TestLossFocal compares with the formulas of the paper, with γ = 0 and else.
func TestLossFocal(t *testing.T) {
	const rows, cols = 6, 4
	rng := rand.New(rand.NewPCG(6, 7))
	weights := []float64{2, 0.5, 1, 3}
	same := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-14*max(1, math.Abs(want)) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	both := func(what string, a, b Loss, z, target *Matrix) {
		t.Helper()
		var da, db Matrix
		same(what, a.(fused).evalLogits(&da, z, target), b.(fused).evalLogits(&db, z, target))
		for i := range da.Data {
			same(what+" gradient", da.Data[i], db.Data[i])
		}
	}
	z, bits, index := lossData("real", rows, cols, rng), lossData("bit", rows, cols, rng), lossData("index", rows, cols, rng)
	both("γ = 0", FocalLoss{}, BinaryCrossEntropy, z, bits)
	both("γ = 0 of classes", FocalCrossEntropyLoss{}, CrossEntropy, z, index)
	both("γ = 0 of classes with weights", FocalCrossEntropyLoss{Weights: weights}, CrossEntropyLoss{Weights: weights}, z, index)
	// α·t and (1−α)·(1−t) are (1−α) times a positive weight of α/(1−α).
	var d1, d2 Matrix
	same("γ = 0 with α", FocalLoss{Alpha: 0.2}.evalLogits(&d1, z, bits),
		0.8*BinaryCrossEntropyLoss{PosWeight: []float64{0.25}}.evalLogits(&d2, z, bits))
	for i := range d1.Data {
		same("γ = 0 with α, gradient", d1.Data[i], 0.8*d2.Data[i])
	}

	for _, gamma := range []float64{0, 0.5, 1, 2, 5} {
		want, classes, total := 0.0, 0.0, 0.0
		for i := range rows {
			sum := 0.0
			for _, v := range z.Row(i) {
				sum += math.Exp(v)
			}
			for j, v := range z.Row(i) {
				p, alpha := 1/(1+math.Exp(-v)), 0.25
				if bits.At(i, j) == 0 {
					p, alpha = 1-p, 0.75
				}
				want -= alpha * math.Pow(1-p, gamma) * math.Log(p)
				if j == int(index.Data[i]) {
					p := math.Exp(v) / sum
					classes -= weights[j] * math.Pow(1-p, gamma) * math.Log(p)
					total += weights[j]
				}
			}
		}
		same("FocalLoss", FocalLoss{gamma, 0.25}.evalLogits(nil, z, bits), want/(rows*cols))
		same("FocalCrossEntropyLoss", FocalCrossEntropyLoss{Gamma: gamma, Weights: weights}.evalLogits(nil, z, index), classes/total)
	}
}

// TestLossExtreme is about values that need care, with their exact results.
func TestLossExtreme(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	row := func(v ...float64) *Matrix { return NewMatrix(1, len(v), v...) }
	logits := func(l Loss) func(dy, y, t *Matrix) float64 { return l.(fused).evalLogits }
	tests := []struct {
		name string
		eval func(dy, y, t *Matrix) float64
		y, t *Matrix
		loss float64
		dy   []float64
	}{
		{"CE logits, right", logits(CrossEntropy), row(1e4, -1e4, 0), row(0), 0, []float64{0, 0, 0}},
		{"CE logits, wrong", logits(CrossEntropy), row(1e4, -1e4, 0), row(1), 2e4, []float64{1, -1, 0}},
		{"CE logits, huge", logits(CrossEntropy), row(1e308, -1e308), row(1, 0), 0, []float64{0, 0}},
		{"CE logits, masked", logits(CrossEntropy), row(0, -inf, 0), row(0.5, 0, 0.5), math.Ln2, []float64{0, 0, 0}},
		{"CE logits, masked target", logits(CrossEntropy), row(0, -inf), row(1), inf, []float64{1, -1}},
		{"CE logits, NaN", logits(CrossEntropy), row(0, nan), row(0), nan, []float64{nan, nan}},
		{"CE logits, ignored NaN", logits(CrossEntropy), row(0, nan), row(-100), 0, []float64{0, 0}},
		{"CE logits, no target", logits(CrossEntropy), row(1, 2), row(0, 0), 0, []float64{0, 0}},
		{"CE logits, no target, NaN", logits(CrossEntropy), row(0, nan), row(0, 0), 0, []float64{0, 0}},
		{"FocalCE logits, no target, NaN", logits(FocalCrossEntropyLoss{Gamma: 2}), row(0, nan), row(0, 0), 0, []float64{0, 0}},
		{"CE logits, one class", logits(CrossEntropy), row(7), row(1), 0, []float64{0}},
		{"CE logits, weight 0", logits(CrossEntropyLoss{Weights: []float64{0, 1}}), row(1, 2), row(0), 0, []float64{0, 0}},
		{"CE, 0 where right", CrossEntropy.Eval, row(1, 0), row(0), 0, []float64{-1, 0}},
		{"CE, 0 where wrong", CrossEntropy.Eval, row(1, 0), row(1), 100, []float64{0, -1 / minProb}},
		{"CE, ignored", CrossEntropy.Eval, row(1, 0), row(-100), 0, []float64{0, 0}},
		{"CE, NaN", CrossEntropy.Eval, row(nan, 0), row(0), nan, []float64{nan, 0}},
		{"KL of equal", KLDivergence.Eval, row(0.25, 0.75, 0), row(0.25, 0.75, 0), 0, []float64{-1, -1, 0}},
		{"BCE logits", logits(BinaryCrossEntropy), row(1e4, -1e4), row(1, 0), 0, []float64{0, 0}},
		{"BCE logits, wrong", logits(BinaryCrossEntropy), row(1e4, -1e4), row(0, 1), 1e4, []float64{0.5, -0.5}},
		{"BCE logits, tiny loss", logits(BinaryCrossEntropy), row(600), row(1), exp(-600), []float64{0}},
		{"BCE logits, NaN", logits(BinaryCrossEntropy), row(nan), row(1), nan, []float64{nan}},
		{"BCE, right", BinaryCrossEntropy.Eval, row(1, 0), row(1, 0), 0, []float64{-0.5, 0.5}},
		{"BCE, wrong", BinaryCrossEntropy.Eval, row(1, 0), row(0, 1), 100, []float64{0.5 / minProb, -0.5 / minProb}},
		{"BCE, NaN", BinaryCrossEntropy.Eval, row(nan), row(0), nan, []float64{nan}},
		{"Focal logits, right", logits(FocalLoss{Gamma: 0.5}), row(1e4, -1e4), row(1, 0), 0, []float64{0, 0}},
		{"Focal logits, wrong", logits(FocalLoss{Gamma: 2}), row(1e4, -1e4), row(0, 1), 1e4, []float64{0.5, -0.5}},
		{"Focal, right", FocalLoss{Gamma: 0.5}.Eval, row(1, 0), row(1, 0), 0, []float64{0, 0}},
		{"Focal logits, NaN", logits(FocalLoss{Gamma: 2}), row(nan), row(1), nan, []float64{nan}},
		{"FocalCE logits, right", logits(FocalCrossEntropyLoss{Gamma: 0.5}), row(1e4, 0, 0), row(0), 0, []float64{0, 0, 0}},
		{"FocalCE logits, wrong", logits(FocalCrossEntropyLoss{Gamma: 2}), row(1e4, 0, 0), row(1), 1e4, []float64{1, -1, 0}},
		{"FocalCE logits, NaN", logits(FocalCrossEntropyLoss{Gamma: 2}), row(0, nan), row(0), nan, []float64{nan, nan}},
		{"FocalCE logits, ignored", logits(FocalCrossEntropyLoss{Gamma: 2}), row(0, nan), row(-100), 0, []float64{0, 0}},
		{"MSE, infinite", MSE.Eval, row(inf, 0), row(0, 0), inf, []float64{inf, 0}},
		{"MSE, NaN", MSE.Eval, row(nan, 0), row(0, 0), nan, []float64{nan, 0}},
		{"MAE, infinite", MAE.Eval, row(-inf, 1), row(0, 1), inf, []float64{-0.5, 0}},
		{"MAE, NaN", MAE.Eval, row(nan), row(0), nan, []float64{nan}},
		{"Huber, infinite", Huber(2).Eval, row(-inf, 0), row(0, 0), inf, []float64{-1, 0}},
		{"Huber, at delta", Huber(2).Eval, row(2), row(0), 2, []float64{2}},
		{"Huber, NaN", Huber(2).Eval, row(nan), row(0), nan, []float64{nan}},
		{"Hinge, at the margin", Hinge.Eval, row(1, -1), row(1, -1), 0, []float64{0, 0}},
		{"Hinge, wrong", Hinge.Eval, row(1, -1), row(-1, 1), 2, []float64{0.5, -0.5}},
		{"Hinge, NaN", Hinge.Eval, row(nan), row(1), nan, []float64{nan}},
		{"SquaredHinge, NaN", SquaredHinge.Eval, row(nan), row(1), nan, []float64{nan}},
		{"Poisson at 0", Poisson.Eval, row(0), row(0), 0, []float64{1}},
		{"Poisson, negative", Poisson.Eval, row(-1), row(1), nan, []float64{1 + 1/(1-1e-8)}},
		{"Cosine of equal", CosineSimilarity.Eval, row(3, 4), row(3, 4), 0, []float64{0, 0}},
		{"Cosine of opposite", CosineSimilarity.Eval, row(3, 4), row(-6, -8), 2, []float64{0, 0}},
		{"Cosine of zeros", CosineSimilarity.Eval, row(0, 0), row(0, 0), 1, []float64{0, 0}},
		{"Cosine, NaN", CosineSimilarity.Eval, row(nan, 1), row(1, 1), nan, []float64{nan, nan}},
	}
	equal := func(x, y float64) bool {
		return x == y || math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) <= 4e-14*min(1, math.Abs(y)) ||
			y == 0 && math.Abs(x) < 1e-13 || math.Abs(x-y) < 1e-13*math.Abs(y)
	}
	for _, c := range tests {
		dy := NewMatrix(1, c.y.Cols).Fill(5)
		if got := c.eval(dy, c.y, c.t); !equal(got, c.loss) {
			t.Errorf("%s: loss of %v for %v = %v, want %v", c.name, c.y, c.t, got, c.loss)
		}
		if got := c.eval(nil, c.y, c.t); !equal(got, c.loss) {
			t.Errorf("%s: loss of %v for %v without gradient = %v, want %v", c.name, c.y, c.t, got, c.loss)
		}
		for i, want := range c.dy {
			if !equal(dy.Data[i], want) {
				t.Errorf("%s: gradient %v, want %v", c.name, dy.Data, c.dy)
				break
			}
		}
	}
}

// TestLossNone is about batches without rows that count.
func TestLossNone(t *testing.T) {
	for _, c := range lossCases(3) {
		y, target := NewMatrix(0, 3), NewMatrix(0, 3)
		if c.t == "index" {
			target = NewMatrix(0, 1)
		}
		if got := c.loss.Eval(NewMatrix(0, 3), y, target); got != 0 {
			t.Errorf("%s of no rows = %v", c.name, got)
		}
		if f, ok := c.loss.(fused); ok {
			if got := f.evalLogits(NewMatrix(0, 3), y, target); got != 0 {
				t.Errorf("%s of no rows from logits = %v", c.name, got)
			}
		}
	}
	y := NewMatrix(2, 3, 0.2, 0.5, 0.3, math.NaN(), 1, 2)
	target := NewMatrix(2, 1, 7, 8)
	for _, l := range []Loss{
		CrossEntropyLoss{Ignore: []int{8, 7}},
		CrossEntropyLoss{Ignore: []int{7, 8}, Smoothing: 0.1},
		FocalCrossEntropyLoss{Ignore: []int{7, 8}},
	} {
		for _, eval := range []func(dy, y, t *Matrix) float64{l.Eval, l.(fused).evalLogits} {
			dy := NewMatrix(2, 3).Fill(5)
			if got := eval(dy, y, target); math.Float64bits(got) != 0 {
				t.Errorf("%v of ignored rows = %v", l, got)
			}
			for i, v := range dy.Data {
				if math.Float64bits(v) != 0 {
					t.Errorf("%v of ignored rows: gradient %d is %v", l, i, v)
				}
			}
		}
	}
	// All classes that occur have weight 0, but others share in the smoothed targets.
	l := CrossEntropyLoss{Weights: []float64{0, 1, 1}, Smoothing: 0.1}
	dy := NewMatrix(1, 3).Fill(5)
	for _, eval := range []func(dy, y, t *Matrix) float64{l.Eval, l.evalLogits} {
		if got := eval(dy, NewMatrix(1, 3, 0.2, 0.5, 0.3), NewMatrix(1, 1)); got != 0 || vdot(dy.Data, dy.Data) != 0 {
			t.Errorf("%v of rows of weight 0 = %v, gradient %v", l, got, dy)
		}
	}
}

func TestLossPanics(t *testing.T) {
	m := func(rows, cols int, v ...float64) *Matrix { return NewMatrix(rows, cols, v...) }
	tests := []struct {
		call func()
		want string // parts of the message, the first at its start
	}{
		{func() { MSE.Eval(nil, m(4, 3), m(4, 2)) }, "nn: MSE: 4×3 and 4×2 do not fit"},
		{func() { MSE.Eval(m(2, 3), m(4, 3), m(4, 3)) }, "nn: MSE: …4×3…2×3"},
		{func() { MAE.Eval(nil, m(4, 3), m(3, 3)) }, "nn: MAE: 4×3 and 3×3"},
		{func() { Huber(1).Eval(nil, m(4, 3), m(3, 3)) }, "nn: Huber: 4×3 and 3×3"},
		{func() { Huber(0) }, "nn: Huber: delta 0 is not positive"},
		{func() { Huber(math.NaN()) }, "nn: Huber: delta NaN is not positive"},
		{func() { Hinge.Eval(nil, m(4, 3), m(3, 3)) }, "nn: Hinge: 4×3 and 3×3"},
		{func() { SquaredHinge.Eval(nil, m(4, 3), m(3, 3)) }, "nn: SquaredHinge: 4×3 and 3×3"},
		{func() { Hinge.Eval(nil, m(2, 2), m(2, 2, 1, -1, 1, 0)) }, "nn: Hinge: target 0 in row 1, column 1; targets are 1 and −1"},
		{func() { Poisson.Eval(nil, m(4, 3), m(3, 3)) }, "nn: Poisson: 4×3 and 3×3"},
		{func() { CosineSimilarity.Eval(nil, m(4, 3), m(3, 3)) }, "nn: CosineSimilarity: 4×3 and 3×3"},
		{func() { KLDivergence.Eval(nil, m(4, 3), m(4, 1)) }, "nn: KLDivergence: 4×3 and 4×1"},
		{func() { KLDivergence.(fused).evalLogits(nil, m(4, 3), m(4, 1)) }, "nn: KLDivergence: 4×3 and 4×1"},
		{func() { CrossEntropy.Eval(nil, m(4, 3), m(4, 2)) }, "nn: CrossEntropy: 4×3 and 4×2 do not fit; targets are 4×3, or 4×1 for class indices"},
		{func() { CrossEntropy.Eval(nil, m(4, 3), m(3, 1)) }, "nn: CrossEntropy: 4×3 and 3×1"},
		{func() { CrossEntropy.(fused).evalLogits(m(3, 3), m(4, 3), m(4, 1)) }, "nn: CrossEntropy: …4×3…3×3"},
		{func() { CrossEntropy.(fused).evalLogits(nil, m(4, 10), m(4, 1, 0, 0, 9, 12)) }, "nn: CrossEntropy: label 12 in row 3; there are 10 classes"},
		{func() { CrossEntropy.Eval(nil, m(1, 10), m(1, 1, 10)) }, "nn: CrossEntropy: label 10 in row 0; there are 10 classes"},
		{func() { CrossEntropy.Eval(nil, m(1, 10), m(1, 1, -1)) }, "nn: CrossEntropy: label -1 in row 0"},
		{func() { CrossEntropy.Eval(nil, m(1, 10), m(1, 1, 0.5)) }, "nn: CrossEntropy: label 0.5 in row 0"},
		{func() { CrossEntropy.Eval(nil, m(1, 10), m(1, 1, math.NaN())) }, "nn: CrossEntropy: label NaN in row 0"},
		{func() { CrossEntropyLoss{Ignore: []int{}}.Eval(nil, m(1, 10), m(1, 1, -100)) }, "nn: CrossEntropy: label -100 in row 0"},
		{func() { CrossEntropyLoss{Weights: []float64{1, 2}}.Eval(nil, m(1, 3), m(1, 1)) }, "nn: CrossEntropy: 2 weights for 3 classes"},
		{func() { CrossEntropyLoss{Weights: []float64{1, -2}}.Eval(nil, m(1, 2), m(1, 1)) }, "nn: CrossEntropy: weight -2 of class 1"},
		{func() { CrossEntropyLoss{Smoothing: 1.5}.Eval(nil, m(1, 2), m(1, 1)) }, "nn: CrossEntropy: smoothing 1.5"},
		{func() { SmoothCrossEntropy(-0.1) }, "nn: CrossEntropy: smoothing -0.1 is not from 0 to 1"},
		{func() { BinaryCrossEntropy.Eval(nil, m(4, 3), m(4, 1)) }, "nn: BinaryCrossEntropy: 4×3 and 4×1"},
		{func() { BinaryCrossEntropy.(fused).evalLogits(m(1, 1), m(4, 3), m(4, 3)) }, "nn: BinaryCrossEntropy: …4×3…1×1"},
		{func() { BinaryCrossEntropyLoss{PosWeight: []float64{1, 2}}.Eval(nil, m(4, 3), m(4, 3)) }, "nn: BinaryCrossEntropy: 2 positive weights for 3 columns"},
		{func() { BinaryCrossEntropyLoss{PosWeight: []float64{}}.Eval(nil, m(4, 3), m(4, 3)) }, "nn: BinaryCrossEntropy: 0 positive weights for 3 columns"},
		{func() { BinaryCrossEntropyLoss{PosWeight: []float64{-1}}.Eval(nil, m(4, 3), m(4, 3)) }, "nn: BinaryCrossEntropy: positive weight -1"},
		{func() { FocalLoss{}.Eval(nil, m(4, 3), m(4, 1)) }, "nn: Focal: 4×3 and 4×1"},
		{func() { FocalLoss{Gamma: -1}.Eval(nil, m(1, 1), m(1, 1)) }, "nn: Focal: gamma -1"},
		{func() { FocalLoss{Alpha: 2}.Eval(nil, m(1, 1), m(1, 1)) }, "nn: Focal: alpha 2 is not from 0 to 1"},
		{func() { FocalCrossEntropyLoss{Gamma: -1}.Eval(nil, m(1, 2), m(1, 1)) }, "nn: FocalCrossEntropy: gamma -1"},
		{func() { FocalCrossEntropyLoss{}.Eval(nil, m(1, 2), m(1, 1, 5)) }, "nn: FocalCrossEntropy: label 5 in row 0; there are 2 classes"},
	}
	for _, c := range tests {
		func() {
			defer func() {
				got := fmt.Sprint(recover())
				for i, part := range strings.Split(c.want, "…") {
					if at := strings.Index(got, part); at < 0 || i == 0 && at > 0 {
						t.Errorf("panic: got %q, want %q", got, c.want)
						break
					}
				}
			}()
			c.call()
		}()
	}
}

func TestLossString(t *testing.T) {
	for _, c := range []struct {
		loss Loss
		want string
	}{
		{MSE, "MSE"}, {MAE, "MAE"}, {Huber(1.5), "Huber(1.5)"}, {Hinge, "Hinge"}, {SquaredHinge, "SquaredHinge"},
		{Poisson, "Poisson"}, {&PoissonLoss{LogRate: true}, "Poisson(LogRate)"}, {CosineSimilarity, "CosineSimilarity"},
		{CrossEntropy, "CrossEntropy"}, {SmoothCrossEntropy(0.1), "CrossEntropy(Smoothing=0.1)"},
		{&CrossEntropyLoss{Weights: []float64{1, 2}, Ignore: []int{0}}, "CrossEntropy(Weights=[1 2], Ignore=[0])"},
		{BinaryCrossEntropy, "BinaryCrossEntropy"}, {&BinaryCrossEntropyLoss{PosWeight: []float64{3}}, "BinaryCrossEntropy(PosWeight=[3])"},
		{KLDivergence, "KLDivergence"}, {FocalLoss{Gamma: 2}, "Focal(Gamma=2)"}, {&FocalLoss{2, 0.25}, "Focal(Gamma=2, Alpha=0.25)"},
		{FocalCrossEntropyLoss{Gamma: 2, Weights: []float64{1}, Ignore: []int{}}, "FocalCrossEntropy(Gamma=2, Weights=[1], Ignore=[])"},
		{LossFunc(MSE.Eval), "LossFunc"},
	} {
		if got := fmt.Sprint(c.loss); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestLossFunc(t *testing.T) {
	l := LossFunc(func(dy, y, t *Matrix) float64 { return MSE.Eval(dy, y, t) / 2 })
	var dy Matrix
	if got := l.Eval(&dy, NewMatrix(1, 1, 3), NewMatrix(1, 1, 1)); got != 2 || dy.Data[0] != 4 {
		t.Errorf("half of MSE(3, 1) = %v, gradient %v", got, dy.Data)
	}
}

func TestLossGolden(t *testing.T) {
	for _, c := range golden(t, "losses") {
		t.Run(c.Name, func(t *testing.T) { checkGoldenLoss(t, c) })
	}
}

func checkGoldenLoss(t *testing.T, c *goldenCase) {
	in := func(name string) *Matrix {
		if c.In[name] == nil {
			return nil
		}
		return c.In[name].matrix()
	}
	data := func(name string) []float64 {
		if m := in(name); m != nil {
			return m.Data
		}
		return nil
	}
	column := func(name string) *Matrix {
		m := in(name)
		return NewMatrix(len(m.Data), 1, m.Data...)
	}
	var (
		y, target *Matrix
		eval      func(dy, y, t *Matrix) float64
		what      = "pred" // the input that has a gradient
		extra     = 0.0    // what the golden loss has in addition, in sum
		logY      = false  // the golden input is ln y
		count     float64  // what our mean divides by
	)
	switch c.Op {
	case "mse":
		eval = MSE.Eval
	case "mae":
		eval = MAE.Eval
	case "huber":
		eval = Huber(c.num("delta")).Eval
	case "smooth_l1":
		eval = Huber(c.num("beta")).Eval // times 1/beta
		if c.num("beta") != 1 {
			t.Fatal("beta is not 1")
		}
	case "hinge":
		what, eval = "score", Hinge.Eval
		if c.bool("squared") {
			eval = SquaredHinge.Eval
		}
	case "poisson_nll":
		eval = PoissonLoss{LogRate: c.bool("log_input")}.Eval
		if c.bool("full") { // Stirling's approximation of ln t!
			for _, v := range data("target") {
				if v > 1 {
					extra += v*math.Log(v) - v + 0.5*math.Log(2*math.Pi*v)
				}
			}
		}
	case "bce":
		eval = BinaryCrossEntropy.Eval
		if w := data("weight"); w != nil { // of single values: one by one
			eval = func(dy, y, t *Matrix) float64 {
				sum := 0.0
				for i, w := range w {
					var d Matrix
					sum += w * BinaryCrossEntropy.Eval(&d, NewMatrix(1, 1, y.Data[i]), NewMatrix(1, 1, t.Data[i]))
					dy.Data[i] = w * d.Data[0] / float64(len(y.Data))
				}
				return sum / float64(len(y.Data))
			}
		}
	case "bce_logits":
		what, eval = "logits", BinaryCrossEntropyLoss{PosWeight: data("pos_weight")}.evalLogits
	case "cross_entropy", "nll":
		l := CrossEntropyLoss{Weights: data("weight"), Smoothing: c.num("label_smoothing")}
		what, eval = "logits", l.evalLogits
		if c.Op == "nll" {
			what, eval, logY = "logp", l.Eval, true
		}
		if c.In["target"] == nil {
			target = column("labels")
			for _, k := range target.Data {
				switch {
				case k == -100:
				case l.Weights != nil:
					count += l.Weights[int(k)]
				default:
					count++
				}
			}
		} else {
			count = float64(in("target").Rows)
		}
	case "kldiv":
		what, eval, logY = "logp", KLDivergence.Eval, true
		target = in("target")
		if c.bool("log_target") {
			target.Apply(target, math.Exp)
		}
		count = float64(target.Rows)
	case "cosine_embedding":
		checkGoldenCosine(t, c)
		return
	case "multi_margin":
		t.Skip("not a loss of this package")
	default:
		t.Fatalf("unknown op %q", c.Op)
	}
	y = in(what)
	if target == nil {
		target = in("target")
	}
	if count == 0 {
		count = float64(len(y.Data))
	}
	if logY {
		y.Apply(y, math.Exp)
	}
	dy := NewMatrix(y.Rows, y.Cols)
	loss := eval(dy, y, target)
	if logY {
		dy.MulElem(dy, y) // ∂L/∂ln y = y·∂L/∂y
	}
	scale := 1.0 // from our mean to the reduction of the case
	switch c.str("reduction") {
	case "sum":
		scale = count
	case "mean":
		if c.Op == "kldiv" {
			scale = 1 / float64(y.Cols)
		}
	}
	loss += extra / count
	up := 1.0
	if u := c.Upstream["loss"]; u != nil {
		up = u.floats()[0]
	}
	for i := range dy.Data {
		dy.Data[i] *= scale * up
	}
	c.check(t, "loss", []float64{loss * scale}, c.Out["loss"])
	if want := c.Grad[what]; want != nil {
		c.check(t, what, dy.Data, want)
	}
}

// checkGoldenCosine evaluates row by row: 1 − cos where the target is 1, max(0, cos) where it is −1.
func checkGoldenCosine(t *testing.T, c *goldenCase) {
	x1, x2 := c.In["x1"].matrix(), c.In["x2"].matrix()
	d1, d2 := NewMatrix(x1.Rows, x1.Cols), NewMatrix(x1.Rows, x1.Cols)
	scale := c.Upstream["loss"].floats()[0]
	if c.str("reduction") == "mean" {
		scale /= float64(x1.Rows)
	}
	sum := 0.0
	for i, sign := range c.In["target"].floats() {
		a, b := NewMatrix(1, x1.Cols, x1.Row(i)...), NewMatrix(1, x1.Cols, x2.Row(i)...)
		var da, db Matrix
		l := CosineSimilarity.Eval(&da, a, b)
		CosineSimilarity.Eval(&db, b, a)
		s := scale
		if sign < 0 {
			l, s = 1-l, -scale
			if l <= 0 {
				continue
			}
		}
		sum += l
		vscale(d1.Row(i), s, da.Data)
		vscale(d2.Row(i), s, db.Data)
	}
	c.check(t, "loss", []float64{sum * scale / c.Upstream["loss"].floats()[0]}, c.Out["loss"])
	c.check(t, "x1", d1.Data, c.Grad["x1"])
	c.check(t, "x2", d2.Data, c.Grad["x2"])
}

// Targets that are no probabilities are mistakes, such as labels of −1 and 1.
func TestLossRefusesTargets(t *testing.T) {
	for _, test := range []struct {
		loss Loss
		t    *Matrix
		want string
	}{
		{BinaryCrossEntropy, NewMatrix(2, 2, 0, 1, -1, 0), "nn: BinaryCrossEntropy: target -1 in row 1, column 0; targets are probabilities, from 0 to 1"},
		{BinaryCrossEntropy, NewMatrix(2, 2, 0, 1, 1, 2), "target 2 in row 1, column 1"},
		{FocalLoss{Gamma: 2}, NewMatrix(2, 2, 0, 1, 1, 2), "nn: Focal: target 2"},
		{CrossEntropy, NewMatrix(2, 2, 0, 1, -1, 2), "target -1 in row 1, column 0"},
		{KLDivergence, NewMatrix(2, 2, 0, 1, -1, 2), "target -1 in row 1, column 0"},
	} {
		y := NewMatrix(2, 2).Fill(0.5)
		wantPanic(t, test.want, func() { test.loss.Eval(nil, y, test.t) })
		wantPanic(t, test.want, func() { test.loss.(fused).evalLogits(nil, y, test.t) })
	}
}
