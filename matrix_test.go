package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

var matShapes = [][2]int{{0, 0}, {0, 3}, {3, 0}, {1, 1}, {1, 7}, {7, 1}, {2, 3}, {5, 5}, {3, 64}, {2, 131}, {129, 67}}

// matRand returns a rows×cols matrix of random numbers, positive and negative.
func matRand(seed uint64, rows, cols int) *Matrix {
	return NewMatrix(rows, cols).FillUniform(rand.New(rand.NewPCG(seed, 1)), -2, 2)
}

// matDirty returns an empty matrix whose memory is neither nil nor zero.
func matDirty() *Matrix {
	z := NewMatrix(200, 200).Fill(math.NaN())
	return z.Resize(0, 0)
}

// matDiffer says where two matrices differ in shape or in a bit, or returns "".
func matDiffer(got, want *Matrix) string {
	if got.Rows != want.Rows || got.Cols != want.Cols || len(got.Data) != len(want.Data) {
		return fmt.Sprintf("%d×%d with %d values, want %d×%d", got.Rows, got.Cols, len(got.Data), want.Rows, want.Cols)
	}
	for i, w := range want.Data {
		g := got.Data[i]
		if math.Float64bits(g) != math.Float64bits(w) && !(g != g && w != w) {
			return fmt.Sprintf("element %d, %d = %v, want %v", i/want.Cols, i%want.Cols, g, w)
		}
	}
	return ""
}

// matBuild returns the rows×cols matrix of f(i, j).
func matBuild(rows, cols int, f func(i, j int) float64) *Matrix {
	m := NewMatrix(rows, cols)
	for i := range rows {
		for j := range cols {
			m.Data[i*cols+j] = f(i, j)
		}
	}
	return m
}

// matPanics checks that f panics with the message want.
func matPanics(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); got != want {
			t.Errorf("panic %q, want %q", got, want)
		}
	}()
	f()
}

func TestNewMatrix(t *testing.T) {
	data := []float64{1, 2, 3, 4, 5, 6}
	m := NewMatrix(2, 3, data...)
	m.Set(1, 2, 7)
	if data[5] != 7 || m.At(1, 2) != 7 || m.At(0, 1) != 2 {
		t.Errorf("NewMatrix does not use its data: %v, %v", m, data)
	}
	for _, s := range matShapes {
		m := NewMatrix(s[0], s[1])
		if m.Rows != s[0] || m.Cols != s[1] || len(m.Data) != s[0]*s[1] || matDiffer(m, m.Clone().Fill(0)) != "" {
			t.Errorf("NewMatrix(%d, %d) = %+v", s[0], s[1], m)
		}
	}
	rows := [][]float64{{1, 2}, {3, 4}, {5, 6}}
	m = FromRows(rows)
	if d := matDiffer(m, NewMatrix(3, 2, 1, 2, 3, 4, 5, 6)); d != "" {
		t.Errorf("FromRows: %s", d)
	}
	m.Set(0, 0, 9)
	if rows[0][0] != 1 {
		t.Error("FromRows uses its rows")
	}
	for _, rows := range [][][]float64{nil, {}} {
		if m := FromRows(rows); m.Rows != 0 || m.Cols != 0 {
			t.Errorf("FromRows(%v) is %d×%d", rows, m.Rows, m.Cols)
		}
	}
	if m := FromRows([][]float64{{}, {}}); m.Rows != 2 || m.Cols != 0 {
		t.Errorf("FromRows of empty rows is %d×%d", m.Rows, m.Cols)
	}
}

func TestMatrixViews(t *testing.T) {
	m := matBuild(4, 3, func(i, j int) float64 { return float64(10*i + j) })
	v := m.RowRange(1, 3)
	if d := matDiffer(v, NewMatrix(2, 3, 10, 11, 12, 20, 21, 22)); d != "" {
		t.Errorf("RowRange: %s", d)
	}
	v.Set(0, 0, -1)
	m.Reshape(2, 6).Set(1, 5, -2)
	m.Row(0)[2] = -3
	if m.At(1, 0) != -1 || m.At(3, 2) != -2 || m.At(0, 2) != -3 {
		t.Errorf("views do not share memory: %v", m)
	}
	// Growing a view or a row must not reach into the rest of the matrix.
	v.Resize(3, 3).Fill(-4)
	_ = append(m.Row(1), -4)
	if m.At(3, 0) != 30 || m.At(2, 0) != 20 {
		t.Errorf("a view grew into its matrix: %v", m)
	}
	for _, s := range [][2]int{{0, 0}, {4, 4}} {
		if v := m.RowRange(s[0], s[1]); v.Rows != s[1]-s[0] || v.Cols != 3 {
			t.Errorf("RowRange(%d, %d) is %d×%d", s[0], s[1], v.Rows, v.Cols)
		}
	}

	z := NewMatrix(4, 5)
	p := &z.Data[0]
	if z.Resize(2, 10); z.Rows != 2 || z.Cols != 10 || &z.Data[0] != p {
		t.Error("Resize to the same size allocates")
	}
	if z.Resize(1, 2).Resize(4, 5); &z.Data[0] != p || len(z.Data) != 20 {
		t.Error("Resize to a smaller size forgets its memory")
	}
	if z.Resize(5, 5); len(z.Data) != 25 {
		t.Error("Resize does not grow")
	}

	x := matRand(1, 3, 4)
	c := x.Clone()
	if matDiffer(c, x) != "" || overlaps(c.Data, x.Data) {
		t.Error("Clone")
	}
	// Copy to an overlapping view, in both directions.
	for _, lo := range []int{0, 1} {
		x := matRand(1, 4, 5)
		want := x.Clone().RowRange(lo, lo+3)
		x.RowRange(1-lo, 4-lo).Copy(x.RowRange(lo, lo+3))
		if d := matDiffer(x.RowRange(1-lo, 4-lo), want); d != "" {
			t.Errorf("Copy with overlap: %s", d)
		}
	}
}

func TestOverlaps(t *testing.T) {
	a := make([]float64, 6)
	for i := range 6 {
		for j := i; j <= 6; j++ {
			for k := range 6 {
				for l := k; l <= 6; l++ {
					want := max(i, k) < min(j, l)
					if overlaps(a[i:j:j], a[k:l]) != want {
						t.Errorf("overlaps(a[%d:%d], a[%d:%d]) = %v", i, j, k, l, !want)
					}
				}
			}
		}
	}
	if overlaps(a, make([]float64, 6)) || overlaps(nil, a) {
		t.Error("different arrays overlap")
	}
}

// The products, and op(x), op(y) of each.
var matProducts = []struct {
	name        string
	op          func(z, x, y *Matrix) *Matrix
	tx, ty, add bool
}{
	{"Mul", (*Matrix).Mul, false, false, false},
	{"MulT", (*Matrix).MulT, false, true, false},
	{"TMul", (*Matrix).TMul, true, false, false},
	{"AddMul", (*Matrix).AddMul, false, false, true},
	{"AddMulT", (*Matrix).AddMulT, false, true, true},
	{"AddTMul", (*Matrix).AddTMul, true, false, true},
}

func TestProducts(t *testing.T) {
	sizes := []int{0, 1, 2, 3, 8, 17, 67, 129}
	for _, m := range sizes {
		for _, n := range sizes {
			for _, k := range sizes {
				if m*n*k > 17*67*129 {
					continue
				}
				a, b, c := matRand(1, m, k), matRand(2, k, n), matRand(3, m, n)
				zero, old := NewMatrix(m, n), c.Clone()
				for _, z := range []*Matrix{zero, old} {
					for i := range m {
						for p, u := range a.Row(i) {
							zi := z.Row(i)
							for j, v := range b.Row(p) {
								zi[j] = math.FMA(u, v, zi[j])
							}
						}
					}
				}
				at, bt := new(Matrix).T(a), new(Matrix).T(b)
				for _, test := range matProducts {
					x, y := a, b
					if test.tx {
						x = at
					}
					if test.ty {
						y = bt
					}
					want := zero
					if test.add {
						want = old
					}
					if d := matDiffer(test.op(c.Clone(), x, y), want); d != "" {
						t.Fatalf("%s, m, n, k = %d, %d, %d: %s", test.name, m, n, k, d)
					}
					if d := matDiffer(test.op(matDirty(), x, y), zero); d != "" {
						t.Fatalf("%s to an empty matrix, m, n, k = %d, %d, %d: %s", test.name, m, n, k, d)
					}
				}
				// (A·B)ᵀ = Bᵀ·Aᵀ, to the bit, as the order of the sums is the same.
				if d := matDiffer(new(Matrix).Mul(bt, at), new(Matrix).T(zero)); d != "" {
					t.Fatalf("(A·B)ᵀ = Bᵀ·Aᵀ, m, n, k = %d, %d, %d: %s", m, n, k, d)
				}
			}
		}
	}
	// 0·NaN and 0·∞ are not skipped.
	z := new(Matrix).Mul(NewMatrix(1, 1, 0), NewMatrix(1, 2, math.NaN(), math.Inf(1)))
	if z.Data[0] == z.Data[0] || z.Data[1] == z.Data[1] {
		t.Errorf("0·[NaN ∞] = %v", z)
	}
	x := matRand(4, 9, 9)
	if d := matDiffer(new(Matrix).Mul(x, new(Matrix).Identity(9)), x); d != "" {
		t.Errorf("x·I: %s", d)
	}
}

// Operations element by element on one matrix.
var matUnary = []struct {
	name string
	op   func(z, x *Matrix) *Matrix
	f    func(float64) float64
}{
	{"Copy", (*Matrix).Copy, func(v float64) float64 { return v }},
	{"Scale", func(z, x *Matrix) *Matrix { return z.Scale(0.3, x) }, func(v float64) float64 { return 0.3 * v }},
	{"AddScalar", func(z, x *Matrix) *Matrix { return z.AddScalar(x, 0.3) }, func(v float64) float64 { return v + 0.3 }},
	{"Apply", func(z, x *Matrix) *Matrix { return z.Apply(x, math.Floor) }, math.Floor},
	{"Exp", (*Matrix).Exp, exp},
	{"Log", (*Matrix).Log, log},
	{"Sqrt", (*Matrix).Sqrt, math.Sqrt},
	{"Tanh", (*Matrix).Tanh, tanh},
	{"Sigmoid", (*Matrix).Sigmoid, sigmoid},
	{"Abs", (*Matrix).Abs, math.Abs},
	{"Pow 2", func(z, x *Matrix) *Matrix { return z.Pow(x, 2) }, func(v float64) float64 { return v * v }},
	{"Pow -1", func(z, x *Matrix) *Matrix { return z.Pow(x, -1) }, func(v float64) float64 { return 1 / v }},
	{"Pow -2", func(z, x *Matrix) *Matrix { return z.Pow(x, -2) }, func(v float64) float64 { return pow(v, -2) }},
	{"Pow 1.5", func(z, x *Matrix) *Matrix { return z.Pow(x, 1.5) }, func(v float64) float64 { return pow(v, 1.5) }},
	{"Pow 3", func(z, x *Matrix) *Matrix { return z.Pow(x, 3) }, func(v float64) float64 { return pow(v, 3) }},
	{"Clip", func(z, x *Matrix) *Matrix { return z.Clip(x, -0.5, 1) }, func(v float64) float64 {
		switch {
		case v < -0.5:
			return -0.5
		case v > 1:
			return 1
		}
		return v
	}},
	{"MaxScalar", func(z, x *Matrix) *Matrix { return z.MaxScalar(x, 0.5) }, func(v float64) float64 {
		if v < 0.5 {
			return 0.5
		}
		return v
	}},
	{"MinScalar", func(z, x *Matrix) *Matrix { return z.MinScalar(x, 0.5) }, func(v float64) float64 {
		if v > 0.5 {
			return 0.5
		}
		return v
	}},
}

// Operations element by element on two matrices.
var matBinary = []struct {
	name    string
	op      func(z, x, y *Matrix) *Matrix
	f       func(a, b float64) float64
	stretch bool
}{
	{"Add", (*Matrix).Add, func(a, b float64) float64 { return a + b }, true},
	{"Sub", (*Matrix).Sub, func(a, b float64) float64 { return a - b }, true},
	{"MulElem", (*Matrix).MulElem, func(a, b float64) float64 { return a * b }, true},
	{"DivElem", (*Matrix).DivElem, func(a, b float64) float64 { return a / b }, true},
	{"AddScaled", func(z, x, y *Matrix) *Matrix { return z.AddScaled(x, 0.3, y) },
		func(a, b float64) float64 { return math.FMA(0.3, b, a) }, false},
}

var matSpecial = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, math.Inf(1), math.Inf(-1), math.NaN(), 800, -800,
	math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-310, 3,
}

func TestUnary(t *testing.T) {
	for _, test := range matUnary {
		xs := []*Matrix{NewMatrix(4, 4, matSpecial...)}
		for i, s := range matShapes {
			xs = append(xs, matRand(uint64(i), s[0], s[1]))
		}
		for _, x := range xs {
			want := matBuild(x.Rows, x.Cols, func(i, j int) float64 { return test.f(x.At(i, j)) })
			old := x.Clone()
			for _, z := range []*Matrix{matDirty(), NewMatrix(x.Rows, x.Cols).Fill(9)} {
				if got := test.op(z, x); got != z {
					t.Errorf("%s does not return its receiver", test.name)
				}
				if d := matDiffer(z, want); d != "" {
					t.Errorf("%s, %d×%d: %s", test.name, x.Rows, x.Cols, d)
				}
			}
			if matDiffer(x, old) != "" {
				t.Errorf("%s changes its operand", test.name)
			}
			if d := matDiffer(test.op(x, x), want); d != "" {
				t.Errorf("%s with z = x, %d×%d: %s", test.name, x.Rows, x.Cols, d)
			}
		}
	}
}

func TestBinary(t *testing.T) {
	for _, test := range matBinary {
		for _, s := range matShapes {
			m, n := s[0], s[1]
			for _, ys := range [][2]int{{m, n}, {1, n}, {m, 1}, {1, 1}} {
				if !test.stretch && ys != s {
					continue
				}
				x, y := matRand(1, m, n), matRand(2, ys[0], ys[1])
				copy(x.Data, matSpecial)
				want := matBuild(m, n, func(i, j int) float64 {
					return test.f(x.At(i, j), y.At(min(i, ys[0]-1), min(j, ys[1]-1)))
				})
				name := fmt.Sprintf("%s of %d×%d and %d×%d", test.name, m, n, ys[0], ys[1])
				oldX, oldY := x.Clone(), y.Clone()
				for _, z := range []*Matrix{matDirty(), NewMatrix(m, n).Fill(9)} {
					if got := test.op(z, x, y); got != z {
						t.Errorf("%s does not return its receiver", name)
					}
					if d := matDiffer(z, want); d != "" {
						t.Errorf("%s: %s", name, d)
					}
				}
				if matDiffer(x, oldX)+matDiffer(y, oldY) != "" {
					t.Errorf("%s changes an operand", name)
				}
				if d := matDiffer(test.op(oldX, oldX, y), want); d != "" {
					t.Errorf("%s with z = x: %s", name, d)
				}
				if ys != s {
					continue
				}
				if d := matDiffer(test.op(oldY, x, oldY), want); d != "" {
					t.Errorf("%s with z = y: %s", name, d)
				}
				want = matBuild(m, n, func(i, j int) float64 { return test.f(x.At(i, j), x.At(i, j)) })
				if d := matDiffer(test.op(x, x, x), want); d != "" {
					t.Errorf("%s with z = x = y: %s", name, d)
				}
			}
		}
	}
}

func TestMinMaxClipSigns(t *testing.T) {
	neg, nan := math.Copysign(0, -1), math.NaN()
	m := func(v ...float64) *Matrix { return NewMatrix(1, len(v), v...) }
	for _, test := range []struct {
		name      string
		got, want *Matrix
	}{
		{"MaxScalar(x, 0)", new(Matrix).MaxScalar(m(neg, 0, nan, -1), 0), m(0, 0, nan, 0)},
		{"MaxScalar(x, -0)", new(Matrix).MaxScalar(m(neg, 0, nan, -1), neg), m(neg, 0, nan, neg)},
		{"MinScalar(x, 0)", new(Matrix).MinScalar(m(neg, 0, nan, 1), 0), m(neg, 0, nan, 0)},
		{"MinScalar(x, -0)", new(Matrix).MinScalar(m(neg, 0, nan, 1), neg), m(neg, neg, nan, neg)},
		{"MaxScalar(x, NaN)", new(Matrix).MaxScalar(m(1, nan), nan), m(nan, nan)},
		{"MinScalar(x, NaN)", new(Matrix).MinScalar(m(1, nan), nan), m(nan, nan)},
		{"Clip(x, 0, 1)", new(Matrix).Clip(m(neg, 0, nan, -1, math.Inf(1)), 0, 1), m(neg, 0, nan, 0, 1)},
		{"Clip(x, 2, 2)", new(Matrix).Clip(m(1, 3, nan), 2, 2), m(2, 2, nan)},
		{"Clip(x, -Inf, Inf)", new(Matrix).Clip(m(1, math.Inf(-1)), math.Inf(-1), math.Inf(1)), m(1, math.Inf(-1))},
		{"Max", m(m(neg, 0, neg).Max(), m(neg, neg).Max(), m(1, nan, 2).Max(), m(math.Inf(-1)).Max()), m(0, neg, nan, math.Inf(-1))},
		{"Min", m(m(0, neg, 0).Min(), m(0, 0).Min(), m(1, nan, 2).Min(), m(math.Inf(1)).Min()), m(neg, 0, nan, math.Inf(1))},
	} {
		if d := matDiffer(test.got, test.want); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}

// Reductions over the rows, and the same of one column.
var matReductions = []struct {
	name       string
	rows, cols func(z, x *Matrix) *Matrix
	all        func(x []float64) float64 // by plain loops
	exact      bool
	some       bool // of one element at least
}{
	{"Sum", (*Matrix).SumRows, (*Matrix).SumCols, func(x []float64) (s float64) {
		for _, v := range x {
			s += v
		}
		return s
	}, false, false},
	{"Mean", (*Matrix).MeanRows, (*Matrix).MeanCols, func(x []float64) (s float64) {
		for _, v := range x {
			s += v
		}
		return s / float64(len(x))
	}, false, false},
	{"Var", (*Matrix).VarRows, (*Matrix).VarCols, func(x []float64) float64 {
		s, q := 0.0, 0.0
		for _, v := range x {
			s += v
		}
		for _, v := range x {
			d := v - s/float64(len(x))
			q += d * d
		}
		return q / float64(len(x))
	}, false, false},
	{"Norm", (*Matrix).NormRows, (*Matrix).NormCols, func(x []float64) (s float64) {
		for _, v := range x {
			s = math.Hypot(s, v)
		}
		return s
	}, false, false},
	{"Max", (*Matrix).MaxRows, (*Matrix).MaxCols, func(x []float64) float64 {
		k := x[0]
		for _, v := range x {
			if v > k {
				k = v
			}
		}
		return k
	}, true, true},
	{"Min", (*Matrix).MinRows, (*Matrix).MinCols, func(x []float64) float64 {
		k := x[0]
		for _, v := range x {
			if v < k {
				k = v
			}
		}
		return k
	}, true, true},
	{"ArgMax", (*Matrix).ArgMaxRows, (*Matrix).ArgMaxCols, func(x []float64) float64 {
		k := 0
		for i, v := range x {
			if v > x[k] {
				k = i
			}
		}
		return float64(k)
	}, true, true},
}

func TestReductions(t *testing.T) {
	all := map[string]func(*Matrix) float64{
		"Sum": (*Matrix).Sum, "Mean": (*Matrix).Mean, "Var": (*Matrix).Var,
		"Norm": (*Matrix).Norm, "Max": (*Matrix).Max, "Min": (*Matrix).Min,
	}
	for _, test := range matReductions {
		check := func(what string, got, want *Matrix) {
			t.Helper()
			d := matDiffer(got, want)
			if d != "" && !test.exact && got.Rows == want.Rows && got.Cols == want.Cols {
				d = ""
				for i, w := range want.Data {
					if g := got.Data[i]; !(math.Abs(g-w) <= 1e-12*max(1, math.Abs(w))) && !(g != g && w != w) {
						d = fmt.Sprintf("element %d = %v, want %v", i, g, w)
					}
				}
			}
			if d != "" {
				t.Errorf("%s: %s", what, d)
			}
		}
		for i, s := range matShapes {
			x := matRand(uint64(i), s[0], s[1])
			if i%2 == 0 { // with equal elements
				x.Apply(x, math.Floor)
			}
			xt := new(Matrix).T(x)
			if s[0] > 0 || !test.some {
				want := matBuild(1, s[1], func(_, j int) float64 { return test.all(xt.Row(j)) })
				check(fmt.Sprintf("%sRows of %d×%d", test.name, s[0], s[1]), test.rows(matDirty(), x), want)
				check(fmt.Sprintf("%sRows of %d×%d again", test.name, s[0], s[1]), test.rows(NewMatrix(1, s[1]).Fill(9), x), want)
			}
			if s[1] > 0 || !test.some {
				want := matBuild(s[0], 1, func(i, _ int) float64 { return test.all(x.Row(i)) })
				check(fmt.Sprintf("%sCols of %d×%d", test.name, s[0], s[1]), test.cols(matDirty(), x), want)
				check(fmt.Sprintf("%sCols of %d×%d again", test.name, s[0], s[1]), test.cols(NewMatrix(s[0], 1).Fill(9), x), want)
			}
			if f := all[test.name]; f != nil && (len(x.Data) > 0 || !test.some) {
				check(fmt.Sprintf("%s of %d×%d", test.name, s[0], s[1]), NewMatrix(1, 1, f(x)), NewMatrix(1, 1, test.all(x.Data)))
			}
		}
	}
}

// TestReductionOrder checks the bits of what is summed in a given order.
func TestReductionOrder(t *testing.T) {
	for i, s := range matShapes {
		x, old := matRand(uint64(i), s[0], s[1]), matRand(99, 1, s[1])
		rows := float64(s[0])
		sum, add, variance, norm := NewMatrix(1, s[1]), old.Clone(), NewMatrix(1, s[1]), NewMatrix(1, s[1])
		for i := range x.Rows {
			for j, v := range x.Row(i) {
				sum.Data[j] += v
				add.Data[j] += v
			}
		}
		mean := matBuild(1, s[1], func(_, j int) float64 { return sum.Data[j] / rows })
		for i := range x.Rows {
			for j, v := range x.Row(i) {
				d := v - mean.Data[j]
				variance.Data[j] = math.FMA(d, d, variance.Data[j])
				norm.Data[j] = math.FMA(v, v, norm.Data[j])
			}
		}
		for j := range variance.Data {
			variance.Data[j] /= rows
			norm.Data[j] = math.Sqrt(norm.Data[j])
		}
		for _, test := range []struct {
			name      string
			got, want *Matrix
		}{
			{"SumRows", new(Matrix).SumRows(x), sum},
			{"AddSumRows", old.Clone().AddSumRows(x), add},
			{"AddSumRows to an empty matrix", matDirty().AddSumRows(x), sum},
			{"MeanRows", new(Matrix).MeanRows(x), mean},
			{"VarRows", new(Matrix).VarRows(x), variance},
			{"NormRows", new(Matrix).NormRows(x), norm},
			{"SumCols", new(Matrix).SumCols(x), matBuild(s[0], 1, func(i, _ int) float64 { return vsum(x.Row(i)) })},
			{"Sum", NewMatrix(1, 1, x.Sum()), NewMatrix(1, 1, vsum(x.Data))},
		} {
			if d := matDiffer(test.got, test.want); d != "" {
				t.Errorf("%s of %d×%d: %s", test.name, s[0], s[1], d)
			}
		}
	}
}

func TestArgMax(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		row  []float64
		want int
	}{
		{[]float64{7}, 0},
		{[]float64{1, 3, 2}, 1},
		{[]float64{1, 3, 3}, 1},
		{[]float64{-inf, -inf}, 0},
		{[]float64{-5, inf, 1}, 1},
		{[]float64{nan, 9}, 0},
		{[]float64{9, nan, inf, nan}, 1},
		{[]float64{math.Copysign(0, -1), 0}, 0},
	} {
		x := NewMatrix(2, len(test.row))
		copy(x.Row(1), test.row)
		rows, cols := new(Matrix).ArgMaxRows(new(Matrix).T(x)), new(Matrix).ArgMaxCols(x)
		if got := x.ArgMax(1); got != test.want || rows.Data[1] != float64(got) || cols.Data[1] != float64(got) {
			t.Errorf("ArgMax(%v) = %d, %v, %v, want %d", test.row, got, rows.Data[1], cols.Data[1], test.want)
		}
	}
	// The maximum of a row or column with NaN is NaN, wherever it stands.
	for i := range 40 {
		x := matRand(1, 40, 40)
		x.Set(i, i, nan)
		for _, z := range []*Matrix{new(Matrix).MaxRows(x), new(Matrix).MaxCols(x), new(Matrix).MinRows(x), new(Matrix).MinCols(x)} {
			for j, v := range z.Data {
				if (v != v) != (j == i) {
					t.Errorf("NaN at %d: maxima or minima %v", i, z)
				}
			}
		}
	}
}

func TestNorm(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		x    []float64
		want float64
	}{
		{nil, 0},
		{[]float64{0, math.Copysign(0, -1)}, 0},
		{[]float64{3, -4}, 5},
		{[]float64{3e200, 4e200}, 5e200},
		{[]float64{3 * 0x1p1020, 4 * 0x1p1020}, 5 * 0x1p1020},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, inf},
		{[]float64{3e200, -4e200, 1e-200}, 5e200},
		{[]float64{3e-200, 4e-200}, 5e-200},
		{[]float64{3 * 0x1p-1074, 4 * 0x1p-1074}, 5 * 0x1p-1074},
		{[]float64{3 * 0x1p-500, 4 * 0x1p-500}, 5 * 0x1p-500},
		{[]float64{1, 1e-300}, 1},
		{[]float64{inf, 1}, inf},
		{[]float64{-inf, inf}, inf},
		{[]float64{inf, nan}, nan},
		{[]float64{1e300, nan}, nan},
		{[]float64{1e-300, nan}, nan},
	} {
		n := len(test.x)
		x := NewMatrix(2, n)
		copy(x.Row(1), test.x)
		got := []float64{x.Norm(), new(Matrix).NormCols(x).Data[1], new(Matrix).NormRows(new(Matrix).T(x)).Data[1]}
		for _, g := range got {
			if !(math.Abs(g-test.want) <= 4e-16*test.want) && g != test.want && !(g != g && test.want != test.want) {
				t.Errorf("norms of %v = %v, want %v", test.x, got, test.want)
			}
		}
	}
}

func TestVarLargeMean(t *testing.T) {
	// Σv²/n − v̄² would lose every digit.
	x := matBuild(3, 4, func(i, j int) float64 { return 1e9 + float64(j%2) })
	if got := x.Var(); got != 0.25 {
		t.Errorf("Var = %v, want 0.25", got)
	}
	if got := new(Matrix).VarCols(x); matDiffer(got, NewMatrix(3, 1, 0.25, 0.25, 0.25)) != "" {
		t.Errorf("VarCols = %v, want 0.25", got)
	}
	if got := new(Matrix).VarRows(new(Matrix).T(x)); matDiffer(got, NewMatrix(1, 3, 0.25, 0.25, 0.25)) != "" {
		t.Errorf("VarRows = %v, want 0.25", got)
	}
}

func TestRearrange(t *testing.T) {
	for i, s := range matShapes {
		m, n := s[0], s[1]
		x, y := matRand(uint64(i), m, n), matRand(50, m, 2)
		xt := new(Matrix).T(x)
		if d := matDiffer(xt, matBuild(n, m, func(i, j int) float64 { return x.At(j, i) })); d != "" {
			t.Errorf("T of %d×%d: %s", m, n, d)
		}
		h := matDirty().HStack(x, y, x)
		for k, part := range []*Matrix{x, y, x} {
			lo := []int{0, n, n + 2}[k]
			if d := matDiffer(new(Matrix).CopyCols(h, lo, lo+part.Cols), part); d != "" {
				t.Errorf("CopyCols of HStack, %d×%d, part %d: %s", m, n, k, d)
			}
		}
		v := matDirty().VStack(xt, new(Matrix).T(y), xt)
		if d := matDiffer(v, new(Matrix).T(h)); d != "" {
			t.Errorf("VStack is not HStack transposed, %d×%d: %s", m, n, d)
		}
		var rows []int
		for i := range 2 * m {
			rows = append(rows, (7*i+m/2)%m)
		}
		g := matDirty().Gather(x, rows)
		if d := matDiffer(g, matBuild(2*m, n, func(i, j int) float64 { return x.At(rows[i], j) })); d != "" {
			t.Errorf("Gather from %d×%d: %s", m, n, d)
		}
	}
	if d := matDiffer(matDirty().Identity(3), NewMatrix(3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1)); d != "" {
		t.Errorf("Identity: %s", d)
	}
}

func TestFill(t *testing.T) {
	a, b := rand.New(rand.NewPCG(3, 4)), rand.New(rand.NewPCG(3, 4))
	x := NewMatrix(100, 100).FillUniform(a, -1, 3)
	for i, v := range x.Data {
		if want := math.FMA(uniform(b), 4, -1); v != want || v < -1 || v >= 3 {
			t.Fatalf("uniform element %d = %v, want %v", i, v, want)
		}
	}
	if m, v := x.Mean(), x.Var(); math.Abs(m-1) > 0.05 || math.Abs(v-4./3) > 0.05 {
		t.Errorf("uniform on [-1, 3): mean %v, variance %v", m, v)
	}
	x.FillNormal(a, 5, 2)
	for i, v := range x.Data {
		if want := math.FMA(normal(b), 2, 5); v != want {
			t.Fatalf("normal element %d = %v, want %v", i, v, want)
		}
	}
	if m, v := x.Mean(), x.Var(); math.Abs(m-5) > 0.1 || math.Abs(v-4) > 0.2 {
		t.Errorf("normal of mean 5 and variance 4: mean %v, variance %v", m, v)
	}
	if x.FillUniform(a, 2, 2); x.Min() != 2 || x.Max() != 2 {
		t.Errorf("uniform on [2, 2): %v to %v", x.Min(), x.Max())
	}
}

func TestEqual(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, test := range []struct {
		a, b, tol float64
		want      bool
	}{
		{1, 1, 0, true}, {1, 1.5, 0.5, true}, {1.5, 1, 0.4, false}, {0, math.Copysign(0, -1), 0, true},
		{inf, inf, 0, true}, {inf, -inf, 1, false}, {inf, 1, 1e300, false}, {nan, nan, inf, false}, {nan, 1, inf, false}, {1, nan, inf, false},
	} {
		a, b := NewMatrix(1, 2, 0, test.a), NewMatrix(1, 2, 0, test.b)
		if got := a.Equal(b, test.tol); got != test.want {
			t.Errorf("%v.Equal(%v, %v) = %v", a, b, test.tol, got)
		}
	}
	for _, s := range [][2]int{{2, 3}, {3, 2}, {1, 6}} {
		if got := NewMatrix(s[0], s[1]).Equal(NewMatrix(2, 3), 1); got != (s == [2]int{2, 3}) {
			t.Errorf("%v equal to 2×3: %v", s, got)
		}
	}
	if new(Matrix).Equal(NewMatrix(0, 3), 1) {
		t.Error("0×0 equals 0×3")
	}
}

func TestMatrixPanics(t *testing.T) {
	x23, x32, x45 := NewMatrix(2, 3), NewMatrix(3, 2), NewMatrix(4, 5)
	broken := &Matrix{2, 3, make([]float64, 5)}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, test := range []struct {
		want string
		f    func()
	}{
		{"NewMatrix: 5 values do not make a 2×3 matrix", func() { NewMatrix(2, 3, 1, 2, 3, 4, 5) }},
		{"NewMatrix: 0 values do not make a 2×3 matrix", func() { NewMatrix(2, 3, []float64{}...) }},
		{"NewMatrix: there is no -1×3 matrix", func() { NewMatrix(-1, 3) }},
		{"NewMatrix: there is no -1×-3 matrix", func() { NewMatrix(-1, -3, 1, 2, 3) }},
		{"NewMatrix: there is no 0×-3 matrix", func() { NewMatrix(0, -3) }},
		{fmt.Sprintf("NewMatrix: there is no %d×4 matrix", math.MaxInt/2), func() { NewMatrix(math.MaxInt/2, 4) }},
		{"FromRows: row 0 has 2 values, row 1 has 1", func() { FromRows([][]float64{{1, 2}, {3}}) }},
		{"At: no element 0, 3 in a 2×3 matrix", func() { x23.At(0, 3) }},
		{"At: no element 1, -1 in a 2×3 matrix", func() { x23.At(1, -1) }},
		{"Set: no element 0, 3 in a 2×3 matrix", func() { x23.Set(0, 3, 1) }},
		{"Row: no row 2 in a 2×3 matrix", func() { x23.Row(2) }},
		{"Row: no row -1 in a 2×3 matrix", func() { x23.Row(-1) }},
		{"Row: no row 2 in a 2×3 matrix", func() { NewMatrix(4, 3).Resize(2, 3).Row(2) }}, // the memory is there
		{"Row: no row 2 in a 2×3 matrix", func() { x23.ArgMax(2) }},
		{"RowRange: no rows 1 to 3 in a 2×3 matrix", func() { x23.RowRange(1, 3) }},
		{"RowRange: no rows -1 to 1 in a 2×3 matrix", func() { x23.RowRange(-1, 1) }},
		{"RowRange: no rows 2 to 1 in a 2×3 matrix", func() { x23.RowRange(2, 1) }},
		{"Reshape: 2×3 to 2×2", func() { x23.Reshape(2, 2) }},
		{"Reshape: there is no -2×-3 matrix", func() { x23.Reshape(-2, -3) }},
		{"Resize: there is no 2×-3 matrix", func() { new(Matrix).Resize(2, -3) }},
		{"Identity: there is no -1×-1 matrix", func() { NewMatrix(0, 0).Identity(-1) }},
		{"Identity: the result is 2×2 but the receiver is 2×3", func() { NewMatrix(2, 3).Identity(2) }},
		{"T: the result is 3×2 but the receiver is 2×3", func() { NewMatrix(2, 3).T(x23) }},
		{"Gather: no row 2 in a 2×3 matrix", func() { new(Matrix).Gather(x23, []int{0, 2}) }},
		{"Gather: no row -1 in a 2×3 matrix", func() { new(Matrix).Gather(x23, []int{-1}) }},
		{"Gather: the result is 1×3 but the receiver is 3×2", func() { NewMatrix(3, 2).Gather(x23, []int{0}) }},
		{"CopyCols: no columns 1 to 4 in a 2×3 matrix", func() { new(Matrix).CopyCols(x23, 1, 4) }},
		{"CopyCols: no columns -1 to 2 in a 2×3 matrix", func() { new(Matrix).CopyCols(x23, -1, 2) }},
		{"CopyCols: no columns 2 to 1 in a 2×3 matrix", func() { new(Matrix).CopyCols(x23, 2, 1) }},
		{"CopyCols: the result is 2×1 but the receiver is 1×2", func() { NewMatrix(1, 2).CopyCols(x23, 0, 1) }},
		{"HStack: no matrices", func() { new(Matrix).HStack() }},
		{"VStack: no matrices", func() { new(Matrix).VStack() }},
		{"HStack: 2×3 and 3×2 do not fit", func() { new(Matrix).HStack(x23, x32) }},
		{"VStack: 2×3 and 3×2 do not fit", func() { new(Matrix).VStack(x23, x32) }},
		{"HStack: the result is 2×6 but the receiver is 2×3", func() { NewMatrix(2, 3).HStack(x23, x23) }},
		{"VStack: the result is 4×3 but the receiver is 2×3", func() { NewMatrix(2, 3).VStack(x23, x23) }},
		{"Mul: 2×3 and 2×3 do not fit", func() { new(Matrix).Mul(x23, x23) }},
		{"MulT: 2×3 and 3×2 do not fit", func() { new(Matrix).MulT(x23, x32) }},
		{"TMul: 2×3 and 3×2 do not fit", func() { new(Matrix).TMul(x23, x32) }},
		{"AddMul: 2×3 and 4×5 do not fit", func() { new(Matrix).AddMul(x23, x45) }},
		{"AddMulT: 2×3 and 4×5 do not fit", func() { new(Matrix).AddMulT(x23, x45) }},
		{"AddTMul: 2×3 and 4×5 do not fit", func() { new(Matrix).AddTMul(x23, x45) }},
		{"Mul: the result is 2×2 but the receiver is 2×3", func() { NewMatrix(2, 3).Mul(x23, x32) }},
		{"AddTMul: the result is 3×3 but the receiver is 0×3", func() { NewMatrix(0, 3).AddTMul(x23, x23) }},
		{"Mul: a 2×3 matrix has 5 values", func() { new(Matrix).Mul(broken, x32) }},
		{"Mul: a 2×3 matrix has 5 values", func() { new(Matrix).Mul(x32, broken) }},
		{"Add: a 2×3 matrix has 5 values", func() { broken.Add(x23, x23) }},
		{"Add: a 2×3 matrix has 5 values", func() { new(Matrix).Add(broken, x23) }},
		{"Add: a 2×3 matrix has 5 values", func() { new(Matrix).Add(x23, broken) }},
		{"Exp: a 2×3 matrix has 5 values", func() { new(Matrix).Exp(broken) }},
		{"Exp: a -2×-3 matrix has 6 values", func() { new(Matrix).Exp(&Matrix{-2, -3, make([]float64, 6)}) }},
		{"SumRows: a 2×3 matrix has 5 values", func() { new(Matrix).SumRows(broken) }},
		{"SumCols: a 2×3 matrix has 5 values", func() { new(Matrix).SumCols(broken) }},
		{"AddScaled: a 2×3 matrix has 5 values", func() { new(Matrix).AddScaled(x23, 1, broken) }},
		{"T: a 2×3 matrix has 5 values", func() { new(Matrix).T(broken) }},
		{"Gather: a 2×3 matrix has 5 values", func() { new(Matrix).Gather(broken, nil) }},
		{"CopyCols: a 2×3 matrix has 5 values", func() { new(Matrix).CopyCols(broken, 0, 1) }},
		{"HStack: a 2×3 matrix has 5 values", func() { new(Matrix).HStack(broken) }},
		{"VStack: a 2×3 matrix has 5 values", func() { new(Matrix).VStack(x23, broken) }},
		{"Copy: a 2×3 matrix has 5 values", func() { new(Matrix).Copy(broken) }},
		{"Copy: the result is 2×3 but the receiver is 3×2", func() { NewMatrix(3, 2).Copy(x23) }},
		{"AddScaled: 2×3 and 1×3 do not fit", func() { new(Matrix).AddScaled(x23, 1, NewMatrix(1, 3)) }},
		{"AddScaled: the result is 2×3 but the receiver is 3×2", func() { NewMatrix(3, 2).AddScaled(x23, 1, x23) }},
		{"Clip: [2, 1] is no interval", func() { new(Matrix).Clip(x23, 2, 1) }},
		{"Clip: [NaN, 1] is no interval", func() { new(Matrix).Clip(x23, math.NaN(), 1) }},
		{"FillUniform: rng is nil", func() { x23.FillUniform(nil, 0, 1) }},
		{"FillNormal: rng is nil", func() { x23.FillNormal(nil, 0, 1) }},
		{"FillUniform: [2, 1) is no interval", func() { x23.FillUniform(rng, 2, 1) }},
		{"FillUniform: [0, +Inf) is no interval", func() { x23.FillUniform(rng, 0, math.Inf(1)) }},
		{"Max: nothing to choose from in a 0×3 matrix", func() { NewMatrix(0, 3).Max() }},
		{"Min: nothing to choose from in a 3×0 matrix", func() { NewMatrix(3, 0).Min() }},
		{"ArgMax: nothing to choose from in a 3×0 matrix", func() { NewMatrix(3, 0).ArgMax(0) }},
		{"MaxRows: nothing to choose from in a 0×3 matrix", func() { new(Matrix).MaxRows(NewMatrix(0, 3)) }},
		{"MaxCols: nothing to choose from in a 3×0 matrix", func() { new(Matrix).MaxCols(NewMatrix(3, 0)) }},
		{"MinRows: nothing to choose from in a 0×3 matrix", func() { new(Matrix).MinRows(NewMatrix(0, 3)) }},
		{"MinCols: nothing to choose from in a 3×0 matrix", func() { new(Matrix).MinCols(NewMatrix(3, 0)) }},
		{"ArgMaxRows: nothing to choose from in a 0×3 matrix", func() { new(Matrix).ArgMaxRows(NewMatrix(0, 3)) }},
		{"ArgMaxCols: nothing to choose from in a 3×0 matrix", func() { new(Matrix).ArgMaxCols(NewMatrix(3, 0)) }},
		{"AddSumRows: the result is 1×3 but the receiver is 2×3", func() { NewMatrix(2, 3).AddSumRows(x23) }},
	} {
		matPanics(t, "nn: "+test.want, test.f)
	}

	if rows := math.MaxInt >> 10; math.MaxInt > math.MaxInt32 { // fewer fit there
		matPanics(t, fmt.Sprintf("nn: NewMatrix: there is no %d×1 matrix", rows), func() { NewMatrix(rows, 1) })
	}

	// The first operand is not stretched; neither side is for an outer sum.
	for _, test := range matBinary {
		for _, s := range [][2]int{{1, 2}, {3, 1}, {3, 3}, {3, 2}, {0, 0}, {0, 3}, {2, 0}} {
			y := NewMatrix(s[0], s[1])
			matPanics(t, fmt.Sprintf("nn: %s: 2×3 and %d×%d do not fit", test.name, s[0], s[1]), func() { test.op(new(Matrix), x23, y) })
		}
		matPanics(t, "nn: "+test.name+": 1×3 and 2×3 do not fit", func() { test.op(new(Matrix), NewMatrix(1, 3), x23) })
		matPanics(t, "nn: "+test.name+": 3×1 and 1×3 do not fit", func() { test.op(new(Matrix), NewMatrix(3, 1), NewMatrix(1, 3)) })
		matPanics(t, "nn: "+test.name+": the result is 2×3 but the receiver is 3×2", func() { test.op(NewMatrix(3, 2), x23, x23) })
	}
	for _, test := range matUnary {
		name, _, _ := strings.Cut(test.name, " ")
		for _, s := range [][2]int{{3, 2}, {0, 3}, {2, 0}, {1, 6}} {
			matPanics(t, fmt.Sprintf("nn: %s: the result is 2×3 but the receiver is %d×%d", name, s[0], s[1]),
				func() { test.op(NewMatrix(s[0], s[1]), x23) })
		}
	}
	for _, test := range matReductions {
		matPanics(t, "nn: "+test.name+"Rows: the result is 1×3 but the receiver is 2×1", func() { test.rows(NewMatrix(2, 1), x23) })
		matPanics(t, "nn: "+test.name+"Cols: the result is 2×1 but the receiver is 1×3", func() { test.cols(NewMatrix(1, 3), x23) })
	}
}

func TestMatrixOverlapPanics(t *testing.T) {
	const (
		part  = "nn: %s: the %d×%d result shares part of its memory with a %d×%d operand; use another receiver"
		whole = "nn: %s: the %d×%d result shares memory with a %d×%d operand; use another receiver"
	)
	// Views of one 4×4 matrix: a, b, c begin a row apart; d is apart from all.
	m, d := matRand(1, 4, 4), matRand(2, 2, 4)
	a, b := m.RowRange(0, 2), m.RowRange(1, 3)
	for _, test := range matUnary {
		name, _, _ := strings.Cut(test.name, " ")
		if name == "Copy" {
			continue
		}
		for _, ops := range [][2]*Matrix{{a, b}, {b, a}} {
			matPanics(t, fmt.Sprintf(part, name, 2, 4, 2, 4), func() { test.op(ops[0], ops[1]) })
		}
	}
	for _, test := range matBinary {
		matPanics(t, fmt.Sprintf(part, test.name, 2, 4, 2, 4), func() { test.op(a, b, d) })
		matPanics(t, fmt.Sprintf(part, test.name, 2, 4, 2, 4), func() { test.op(a, d, b) })
		if !test.stretch {
			continue
		}
		// A row, column or number of the result itself, at either end.
		for _, i := range []int{0, 1} {
			matPanics(t, fmt.Sprintf(part, test.name, 2, 4, 1, 4), func() { test.op(a, a, a.RowRange(i, i+1)) })
			matPanics(t, fmt.Sprintf(part, test.name, 2, 4, 2, 1), func() { test.op(a, d, NewMatrix(2, 1, m.Data[6*i:6*i+2]...)) })
			matPanics(t, fmt.Sprintf(part, test.name, 2, 4, 1, 1), func() { test.op(a, a, NewMatrix(1, 1, m.Data[7*i:7*i+1]...)) })
		}
	}
	x, y := matRand(3, 4, 4), matRand(4, 4, 4)
	for _, test := range matProducts {
		matPanics(t, fmt.Sprintf(whole, test.name, 4, 4, 4, 4), func() { test.op(x, x, y) })
		matPanics(t, fmt.Sprintf(whole, test.name, 4, 4, 4, 4), func() { test.op(x, y, x) })
		z := NewMatrix(4, 4, append(x.Data, y.Data...)[12:28]...)
		w := NewMatrix(4, 4, z.Data[0:16:16]...)
		matPanics(t, fmt.Sprintf(whole, test.name, 4, 4, 4, 4), func() { test.op(z, y, w) })
	}
	for _, test := range matReductions {
		matPanics(t, fmt.Sprintf(whole, test.name+"Rows", 1, 4, 4, 4), func() { test.rows(x.RowRange(3, 4), x) })
		matPanics(t, fmt.Sprintf(whole, test.name+"Cols", 4, 1, 4, 4), func() { test.cols(x.RowRange(0, 1).Reshape(4, 1), x) })
	}
	matPanics(t, fmt.Sprintf(whole, "AddSumRows", 1, 4, 4, 4), func() { x.RowRange(0, 1).AddSumRows(x) })
	matPanics(t, fmt.Sprintf(whole, "T", 4, 4, 4, 4), func() { x.T(x) })
	matPanics(t, fmt.Sprintf(whole, "Gather", 4, 4, 4, 4), func() { x.Gather(x, []int{3, 2, 1, 0}) })
	matPanics(t, fmt.Sprintf(whole, "CopyCols", 4, 4, 4, 4), func() { x.CopyCols(x, 0, 4) })
	matPanics(t, fmt.Sprintf(whole, "HStack", 4, 4, 4, 4), func() { x.HStack(NewMatrix(4, 0), x) })
	matPanics(t, fmt.Sprintf(whole, "VStack", 4, 4, 4, 4), func() { x.VStack(NewMatrix(0, 4), x) })
}

// TestEmptyReceiverIsOperand checks that an empty matrix may be result and
// operand of what has no elements.
func TestEmptyReceiverIsOperand(t *testing.T) {
	for _, test := range matProducts {
		test.op(matDirty(), new(Matrix), new(Matrix))
		z := matDirty()
		test.op(z, z, z)
	}
	for _, test := range matReductions {
		if test.some {
			continue
		}
		z := new(Matrix)
		if test.rows(z, z); z.Rows != 1 || z.Cols != 0 {
			t.Errorf("%sRows of itself is %d×%d", test.name, z.Rows, z.Cols)
		}
		z = new(Matrix)
		if test.cols(z, z); z.Rows != 0 || z.Cols != 1 {
			t.Errorf("%sCols of itself is %d×%d", test.name, z.Rows, z.Cols)
		}
	}
	z := new(Matrix)
	z.T(z).Gather(z, nil).CopyCols(z, 0, 0).HStack(z, z).VStack(z, z).Identity(0)
	if z.HStack(z, NewMatrix(0, 3)); z.Rows != 0 || z.Cols != 3 {
		t.Errorf("HStack of 0×0 and 0×3 is %d×%d", z.Rows, z.Cols)
	}
}

func TestMatrixAllocs(t *testing.T) {
	const n = 70
	x, y := matRand(1, n, n), matRand(2, n, n)
	z, row, col, one := NewMatrix(n, n), NewMatrix(1, n), NewMatrix(n, 1), NewMatrix(1, 1)
	wide, high := NewMatrix(n, 2*n), NewMatrix(2*n, n)
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([]int, n)
	sum := 0.0
	check := func(name string, f func()) {
		t.Helper()
		if a := testing.AllocsPerRun(3, f); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	}
	for _, test := range matUnary {
		check(test.name, func() { test.op(z, x) })
	}
	for _, test := range matBinary {
		check(test.name, func() { test.op(z, x, y) })
		if test.stretch {
			check(test.name+" row", func() { test.op(z, x, row) })
			check(test.name+" column", func() { test.op(z, x, col) })
			check(test.name+" number", func() { test.op(z, x, one) })
		}
	}
	for _, test := range matProducts {
		check(test.name, func() { test.op(z, x, y) })
	}
	for _, test := range matReductions {
		check(test.name+"Rows", func() { test.rows(row, x) })
		check(test.name+"Cols", func() { test.cols(col, x) })
	}
	check("reductions", func() {
		sum += x.Sum() + x.Mean() + x.Var() + x.Max() + x.Min() + x.Norm() + float64(x.ArgMax(3))
		row.AddSumRows(x)
	})
	check("rearrangement", func() {
		z.T(x).Gather(x, rows).CopyCols(x, 0, n).Identity(n)
		wide.HStack(x, y)
		high.VStack(x, y)
		z.Resize(2, 3).Resize(n, n)
	})
	check("fills", func() { z.Fill(1).FillUniform(rng, 0, 1).FillNormal(rng, 0, 1) })
	check("Equal", func() {
		if x.Equal(y, 0) {
			sum++
		}
	})
}

// A matrix that is nil, such as a Grad before training or the Y of a Dataset
// without targets, is a mistake that the panic names.
func TestNilMatrix(t *testing.T) {
	x, z := NewMatrix(2, 2), new(Matrix)
	for op, f := range map[string]func(){
		"Mul":                  func() { z.Mul(x, nil) },
		"TMul":                 func() { z.TMul(nil, x) },
		"Add":                  func() { z.Add(x, nil) },
		"Sub":                  func() { z.Sub(nil, x) },
		"AddScaled":            func() { z.AddScaled(nil, 2, x) },
		"Exp":                  func() { z.Exp(nil) },
		"T":                    func() { z.T(nil) },
		"Copy":                 func() { z.Copy(nil) },
		"HStack":               func() { z.HStack(nil, x) },
		"VStack":               func() { z.VStack(nil, x) },
		"SumRows":              func() { z.SumRows(nil) },
		"Equal":                func() { x.Equal(nil, 0) },
		"MSE":                  func() { MSE.Eval(nil, x, nil) },
		"CrossEntropy":         func() { CrossEntropy.Eval(nil, nil, x) },
		"BinaryCrossEntropy":   func() { BinaryCrossEntropy.Eval(nil, x, nil) },
		"FocalCrossEntropy":    func() { FocalCrossEntropyLoss{}.Eval(nil, x, nil) },
		"Accuracy":             func() { Accuracy(nil, x) },
		"Report":               func() { Report(x, nil) },
		"ROCAUC":               func() { ROCAUC(x, nil) },
		"LogLoss":              func() { LogLoss(x, nil) },
		"R2":                   func() { R2(nil, x) },
		"RootMeanSquaredError": func() { RootMeanSquaredError(x, nil) },
		"OneHot":               func() { OneHot(nil, 2) },
		"Classes":              func() { Classes(nil) },
		"ClassIndices":         func() { ClassIndices(nil, nil) },
		"StandardScaler":       func() { StandardScaler(nil) },
		"MinMaxScaler":         func() { MinMaxScaler(nil, 0, 1) },
		"Scaler.Apply":         func() { Scaler{}.Apply(nil) },
		"NewTensor":            func() { NewTensor(nil) },
		"PredictTo":            func() { New(nil, Input(2), Dense(1)).PredictTo(nil, x) },
	} {
		matPanics(t, "nn: "+op+": a matrix is nil", f)
	}
}
