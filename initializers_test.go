package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestInitializersGolden(t *testing.T) {
	variances := map[string]func(fanIn, fanOut int) float64{
		"kaiming_normal_std_fan_in_relu": func(in, _ int) float64 { return heVariance("", in) },
		"xavier_normal_std_linear":       func(in, out int) float64 { return glorotVariance("", in, out) },
		"lecun_normal_std":               func(in, _ int) float64 { return lecunVariance("", in) },
	}
	bounds := map[string]string{
		"kaiming_normal_std_fan_in_relu": "kaiming_uniform_bound_fan_in_relu",
		"xavier_normal_std_linear":       "xavier_uniform_bound_linear",
		"lecun_normal_std":               "lecun_uniform_bound",
	}
	cases, orthogonal := 0, 0
	for _, c := range golden(t, "init") {
		if c.Op == "init_orthogonal" {
			orthogonal++
			w := c.In["normal"].matrix()
			orthonormalize(w)
			c.check(t, "q", w.Data, c.Out["q"])
			continue
		}
		cases++
		in, out := int(c.Out["fan_in"].Data[0]), int(c.Out["fan_out"].Data[0])
		for std, variance := range variances {
			v := variance(in, out)
			c.check(t, std, []float64{math.Sqrt(v)}, c.Out[std])
			c.check(t, bounds[std], []float64{uniformBound(v)}, c.Out[bounds[std]])
		}
	}
	if cases == 0 || orthogonal == 0 {
		t.Errorf("%d golden cases, %d orthogonal", cases, orthogonal)
	}
}

func TestInitializerDraws(t *testing.T) {
	const in, out = 150, 200
	n := float64(in * out)
	for _, c := range []struct {
		name    string
		init    Initializer
		std     float64
		uniform bool
	}{
		{"HeNormal", HeNormal, math.Sqrt(2. / in), false},
		{"HeUniform", HeUniform, math.Sqrt(2. / in), true},
		{"GlorotNormal", GlorotNormal, math.Sqrt(2. / (in + out)), false},
		{"GlorotUniform", GlorotUniform, math.Sqrt(2. / (in + out)), true},
		{"LeCunNormal", LeCunNormal, math.Sqrt(1. / in), false},
		{"LeCunUniform", LeCunUniform, math.Sqrt(1. / in), true},
		{"Orthogonal", Orthogonal, math.Sqrt(1. / out), false}, // rows of length 1
	} {
		w := NewMatrix(in, out)
		c.init(w, in, out, rand.New(rand.NewPCG(1, 2)))
		sum, squares, fourth, largest := 0.0, 0.0, 0.0, 0.0
		for _, v := range w.Data {
			sum += v
			squares += v * v
			fourth += v * v * v * v
			largest = max(largest, math.Abs(v))
		}
		mean, std := sum/n, math.Sqrt(squares/n)
		kurtosis := fourth / n / (squares / n * squares / n)
		// five standard errors
		if math.Abs(mean) > 5*c.std/math.Sqrt(n) {
			t.Errorf("%s: mean %v, want 0", c.name, mean)
		}
		if math.Abs(std-c.std) > 5*c.std/math.Sqrt(2*n) {
			t.Errorf("%s: standard deviation %v, want %v", c.name, std, c.std)
		}
		if c.uniform {
			if b := math.Sqrt(3) * c.std; largest > b || largest < 0.999*b || math.Abs(kurtosis-1.8) > 0.05 {
				t.Errorf("%s: range ±%v, kurtosis %v; want ±%v, 1.8", c.name, largest, kurtosis, b)
			}
		} else if largest < 3.5*c.std || largest > 6*c.std || math.Abs(kurtosis-3) > 5*math.Sqrt(24/n) {
			t.Errorf("%s: largest %v, kurtosis %v; want about %v, 3", c.name, largest, kurtosis, 4*c.std)
		}

		// the same seed gives the same bits, and rows are drawn in order
		again, top := NewMatrix(in, out), NewMatrix(1, out)
		c.init(again, in, out, rand.New(rand.NewPCG(1, 2)))
		if !sameBits(again.Data, w.Data) {
			t.Errorf("%s: other values from the same seed", c.name)
		}
		if c.name == "Orthogonal" {
			continue
		}
		c.init(top, in, out, rand.New(rand.NewPCG(1, 2)))
		if !sameBits(top.Data, w.Row(0)) {
			t.Errorf("%s: the first row depends on the others", c.name)
		}
	}
}

func TestOrthogonal(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 7}, {7, 1}, {5, 5}, {40, 40}, {33, 8}, {8, 33}, {0, 3}} {
		w := NewMatrix(size[0], size[1])
		Orthogonal(w, 0, 0, rand.New(rand.NewPCG(3, 4)))
		orthonormal(t, w)
	}
}

// Columns that nearly agree need the second time.
func TestOrthonormalizeNearlyDependent(t *testing.T) {
	const n = 12
	w := NewMatrix(n, n) // of Hilbert, condition 10¹⁶
	for i := range n {
		for j := range n {
			w.Set(i, j, 1/float64(i+j+1))
		}
	}
	orthonormalize(w)
	orthonormal(t, w)
}

// orthonormal checks that wᵀ·w = I, or w·wᵀ = I if that is smaller.
func orthonormal(t *testing.T, w *Matrix) {
	t.Helper()
	n, dot := w.Cols, func(i, j int) (s float64) {
		for k := range w.Rows {
			s += w.At(k, i) * w.At(k, j)
		}
		return s
	}
	if w.Rows < w.Cols {
		n, dot = w.Rows, func(i, j int) (s float64) {
			for k := range w.Cols {
				s += w.At(i, k) * w.At(j, k)
			}
			return s
		}
	}
	for i := range n {
		for j := range i + 1 {
			want := 0.0
			if i == j {
				want = 1
			}
			if got := dot(i, j); !(math.Abs(got-want) <= 1e-14) {
				t.Errorf("%d×%d: vectors %d and %d have the product %v, want %v", w.Rows, w.Cols, i, j, got, want)
			}
		}
	}
}

func TestConstant(t *testing.T) {
	w := NewMatrix(2, 3)
	Constant(-1.5)(w, 2, 3, nil)
	for _, v := range w.Data {
		if v != -1.5 {
			t.Fatalf("Constant(-1.5) gives %v", w.Data)
		}
	}
}

func TestInitializerPanics(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, init := range map[string]Initializer{
		"HeNormal": HeNormal, "HeUniform": HeUniform, "GlorotNormal": GlorotNormal,
		"GlorotUniform": GlorotUniform, "LeCunNormal": LeCunNormal, "LeCunUniform": LeCunUniform,
	} {
		wantPanic(t, "nn: "+name+": fanIn is 0; it must be positive", func() { init(NewMatrix(2, 2), 0, 5, rng) })
		wantPanic(t, "nn: "+name+": fanIn is -3; it must be positive", func() { init(NewMatrix(2, 2), -3, 5, rng) })
	}
	wantPanic(t, "nn: GlorotNormal: fanOut is 0; it must be positive", func() { GlorotNormal(NewMatrix(2, 2), 5, 0, rng) })
	wantPanic(t, "nn: GlorotUniform: fanOut is 0; it must be positive", func() { GlorotUniform(NewMatrix(2, 2), 5, 0, rng) })
}

// A layer without an Initializer looks at what follows.
func TestInitializerChoice(t *testing.T) {
	he := []Layer{ReLU, LeakyReLU, PReLU(), PReLU().WithPerChannel(), ELU, GELU, SiLU, Mish, HardSwish}
	glorot := []Layer{Identity, Softplus, Softsign, Sigmoid, HardSigmoid, Tanh, Softmax(), Dense(3)}
	expect := func(want Initializer, name string, after ...Layer) {
		t.Helper()
		w := NewMatrix(20, 30)
		want(w, 20, 30, rand.New(rand.NewPCG(1, 2)))
		d := Dense(30)
		layers := append(Layers{d}, after...)
		if _, err := layers.Build(Shape{20}, rand.New(rand.NewPCG(1, 2))); err != nil {
			t.Fatal(err)
		}
		if !sameBits(d.W.Value.Data, w.Data) {
			t.Errorf("Dense before %s is not initialized by %s", describeList(after), name)
		}
	}
	for _, l := range he {
		expect(HeNormal, "HeNormal", l)
	}
	for _, l := range glorot {
		expect(GlorotUniform, "GlorotUniform", l)
	}
	expect(LeCunNormal, "LeCunNormal", SELU)
	expect(GlorotUniform, "GlorotUniform")

	expect(HeNormal, "HeNormal", Dropout(0.5), Flatten(), Reshape(5, 6), ReLU)
	expect(HeNormal, "HeNormal", Layers{Dropout(0.5), Layers{GELU}}, SELU)
	expect(HeNormal, "HeNormal", Layers{Dropout(0.5), Layers{}}, GELU)
	expect(GlorotUniform, "GlorotUniform", Layers{Dense(30)}, ReLU)
	expect(GlorotUniform, "GlorotUniform", Dropout(0.5))

	d := Dense(30).WithInit(Constant(2))
	if _, err := (Layers{d, ReLU}).Build(Shape{20}, rand.New(rand.NewPCG(1, 2))); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.W.Value.Data, NewMatrix(20, 30).Fill(2).Data) {
		t.Error("Dense before ReLU does not use the Initializer that it was given")
	}
	initialize(nil, ReLU, d.W.Value, 0, 0, nil) // nothing without random numbers, so that Load can do without
}
