package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// elementwise returns all activations, and the layers that are like them.
func elementwise() []func() Layer {
	ls := []func() Layer{
		func() Layer { return Softmax() },
		func() Layer { return PReLU() },
		func() Layer { return PReLU().WithPerChannel() },
	}
	for a := range activations {
		ls = append(ls, func() Layer { return Activation(a) })
	}
	return ls
}

// built returns l, built for in and with room for gradients.
func built(t *testing.T, l Layer, in Shape) Layer {
	t.Helper()
	out, err := l.Build(in, rand.New(rand.NewPCG(1, 2)))
	if err != nil || !slices.Equal(out, in) {
		t.Fatalf("%s: Build(%v) = %v, %v; want %v", describe(l), in, out, err, in)
	}
	for _, q := range l.Params() {
		q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
	}
	return l
}

// awayFromKinks returns normal numbers none of which is near 0, −3 or 3, where
// some activations have no derivative.
func awayFromKinks(rows, cols int, rng *rand.Rand) *Matrix {
	m := NewMatrix(rows, cols)
	for i := range m.Data {
		for near := true; near; {
			v := 2 * normal(rng)
			m.Data[i] = v
			near = math.Abs(v) < 0.01 || math.Abs(math.Abs(v)-3) < 0.01
		}
	}
	return m
}

// forwardBackward returns y and dx of one trip, which must leave no matrix on
// the stack and change neither x nor dy.
func forwardBackward(t *testing.T, l Layer, x, dy *Matrix) (y, dx *Matrix) {
	t.Helper()
	x0, dy0 := x.Clone(), dy.Clone()
	p := new(Pass)
	p.reset(true, rand.New(rand.NewPCG(3, 4)))
	y = l.Forward(p, x)
	if y.Rows != x.Rows || y.Cols != x.Cols {
		t.Fatalf("%s: Forward of %d×%d is %d×%d", describe(l), x.Rows, x.Cols, y.Rows, y.Cols)
	}
	y = y.Clone()
	dx = l.Backward(p, dy)
	if dx.Rows != x.Rows || dx.Cols != x.Cols {
		t.Fatalf("%s: Backward for %d×%d is %d×%d", describe(l), x.Rows, x.Cols, dx.Rows, dx.Cols)
	}
	if len(p.stack) != 0 {
		t.Errorf("%s: %d matrices are left on the stack", describe(l), len(p.stack))
	}
	if !sameBits(x.Data, x0.Data) || !sameBits(dy.Data, dy0.Data) {
		t.Errorf("%s: changes its input or the gradient of its output", describe(l))
	}
	return y, dx.Clone()
}

func TestActivationGradients(t *testing.T) {
	const h = 1e-5
	rng := rand.New(rand.NewPCG(5, 6))
	for _, make := range elementwise() {
		for _, in := range []Shape{{1}, {5}, {3, 4}, {2, 3, 4}} {
			for _, batch := range []int{1, 3} {
				l := built(t, make(), in)
				name := fmt.Sprintf("%s of %v, %d samples", describe(l), in, batch)
				for _, q := range l.Params() {
					for i := range q.Value.Data {
						q.Value.Data[i] = normal(rng)
					}
				}
				x := awayFromKinks(batch, in.Size(), rng)
				dy := awayFromKinks(batch, in.Size(), rng)
				_, dx := forwardBackward(t, l, x, dy)

				p := new(Pass)
				loss := func() float64 { // Σ dy·y
					p.reset(false, nil)
					return vdot(dy.Data, l.Forward(p, x).Data)
				}
				check := func(what string, v, got []float64) {
					for i, v0 := range v {
						v[i] = v0 + h
						up := loss()
						v[i] = v0 - h
						want := (up - loss()) / (2 * h)
						v[i] = v0
						if !(math.Abs(got[i]-want) <= 1e-6*max(1, math.Abs(want))) {
							t.Errorf("%s: %s[%d] = %v, want %v", name, what, i, got[i], want)
						}
					}
				}
				check("dx", x.Data, dx.Data)
				for _, q := range l.Params() {
					check("d"+q.Name, q.Value.Data, q.Grad.Data)
				}
			}
		}
	}
}

func TestActivationGolden(t *testing.T) {
	layers := map[string]func() Layer{
		"prelu":   nil, // below
		"softmax": func() Layer { return Softmax() },
	}
	for name, a := range map[string]Activation{
		"relu": ReLU, "leaky_relu_0.01": LeakyReLU, "elu_1": ELU, "celu_1": ELU, "selu": SELU,
		"gelu": GELU, "silu": SiLU, "mish": Mish, "softplus_1": Softplus, "softsign": Softsign,
		"sigmoid": Sigmoid, "hardsigmoid": HardSigmoid, "hardswish": HardSwish, "tanh": Tanh,
	} {
		layers[name] = func() Layer { return a }
	}
	// other functions, and parameters that ours do not have
	others := []string{"leaky_relu_0.3", "elu_0.7", "celu_2.5", "gelu_tanh", "softplus_2.5",
		"hardtanh_-1_1", "hardtanh_-0.5_2", "relu6", "logsigmoid", "log_softmax"}
	seen := map[string]bool{}
	for _, c := range golden(t, "activations") {
		group, _, _ := strings.Cut(c.Name, "/")
		if slices.Contains(others, group) {
			continue
		}
		make, ok := layers[group]
		if !ok {
			t.Errorf("%s: unknown", c.Name)
			continue
		}
		seen[group] = true
		if group == "prelu" {
			goldenPReLU(t, c)
			continue
		}
		x := c.In["x"].matrix()
		dy := NewMatrix(x.Rows, x.Cols)
		if up := c.Upstream["y"]; up != nil {
			dy = up.matrix()
		}
		l := built(t, make(), Shape{x.Cols})
		y, dx := forwardBackward(t, l, x, dy)
		c.check(t, "y", y.Data, c.Out["y"])
		want := c.Grad["x"]
		if want == nil {
			continue
		}
		if c.Kind == "kink" { // a derivative from either side will do
			for i, v := range dx.Data {
				if one := []float64{float64(c.Out["dleft"].Data[i]), float64(c.Out["dright"].Data[i])}; slices.Contains(one, v) {
					want.Data[i] = goldenNumber(v)
				}
			}
		}
		c.check(t, "dx", dx.Data, want)

		// What is computed from x is exact in the tails too, and y always is.
		if c.Kind == "extreme" {
			if a, ok := l.(Activation); ok && activations[a].fromX {
				closeULP(t, c.Name+": dx", dx.Data, want.floats(), 64)
			}
			closeULP(t, c.Name+": y", y.Data, c.Out["y"].floats(), 16)
		}
	}
	for name := range layers {
		if !seen[name] {
			t.Errorf("there are no golden values of %s", name)
		}
	}
}

// closeULP compares within n units in the last place, subnormal numbers within
// 2⁻¹⁰⁶⁴.
func closeULP(t *testing.T, what string, got, want []float64, n float64) {
	t.Helper()
	for i, w := range want {
		if g := got[i]; g != w && !(math.Abs(g-w) <= n*0x1p-52*math.Abs(w)+0x1p-1064) {
			t.Errorf("%s[%d] = %v, want %v", what, i, g, w)
		}
	}
}

func goldenPReLU(t *testing.T, c *goldenCase) {
	x := c.In["x"].matrix()
	l := PReLU()
	l.PerChannel = len(c.Param["a"].Data) > 1
	built(t, l, Shape{x.Cols})
	copy(l.Slope.Value.Data, c.Param["a"].floats())
	y, dx := forwardBackward(t, l, x, c.Upstream["y"].matrix())
	c.check(t, "y", y.Data, c.Out["y"])
	c.check(t, "dx", dx.Data, c.Grad["x"])
	c.check(t, "da", l.Slope.Grad.Data, c.Grad["a"])
}

func TestActivationSpecialValues(t *testing.T) {
	inf, nan, zero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	tiny, big := math.SmallestNonzeroFloat64, math.MaxFloat64
	xs := []float64{-inf, -big, -1e4, -tiny, zero, 0, tiny, 1e4, big, inf, nan}
	const a, b = seluScale, seluDepth
	ln2 := log(2)
	for _, c := range []struct {
		a     Activation
		y, dx []float64 // for dy = 1; dx of NaN is NaN
	}{
		{Identity, xs, []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{ReLU, []float64{0, 0, 0, 0, 0, 0, tiny, 1e4, big, inf, nan}, []float64{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, nan}},
		{LeakyReLU, []float64{-inf, -0.01 * big, -100, zero, zero, 0, tiny, 1e4, big, inf, nan}, []float64{.01, .01, .01, .01, .01, .01, 1, 1, 1, 1, nan}},
		{ELU, []float64{-1, -1, -1, -tiny, zero, 0, tiny, 1e4, big, inf, nan}, []float64{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, nan}},
		{SELU, []float64{-b, -b, -b, -2 * tiny, zero, 0, tiny, a * 1e4, inf, inf, nan}, []float64{0, 0, 0, b, b, b, a, a, a, a, nan}},
		{GELU, []float64{zero, zero, zero, zero, zero, 0, 0, 1e4, big, inf, nan}, []float64{0, 0, 0, .5, .5, .5, .5, 1, 1, 1, nan}},
		{SiLU, []float64{zero, zero, zero, zero, zero, 0, 0, 1e4, big, inf, nan}, []float64{0, 0, 0, .5, .5, .5, .5, 1, 1, 1, nan}},
		{Mish, []float64{zero, zero, zero, -tiny, zero, 0, tiny, 1e4, big, inf, nan}, []float64{0, 0, 0, .6, .6, .6, .6, 1, 1, 1, nan}},
		{Softplus, []float64{0, 0, 0, ln2, ln2, ln2, ln2, 1e4, big, inf, nan}, []float64{0, 0, 0, .5, .5, .5, .5, 1, 1, 1, nan}},
		{Softsign, []float64{-1, -1, -1e4 / (1 + 1e4), -tiny, zero, 0, tiny, 1e4 / (1 + 1e4), 1, 1, nan}, []float64{0, 0, 1 / (1 + 1e4) / (1 + 1e4), 1, 1, 1, 1, 1 / (1 + 1e4) / (1 + 1e4), 0, 0, nan}},
		{Sigmoid, []float64{0, 0, 0, .5, .5, .5, .5, 1, 1, 1, nan}, []float64{0, 0, 0, .25, .25, .25, .25, 0, 0, 0, nan}},
		{HardSigmoid, []float64{0, 0, 0, .5, .5, .5, .5, 1, 1, 1, nan}, []float64{0, 0, 0, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 0, 0, 0, nan}},
		{HardSwish, []float64{zero, zero, zero, zero, zero, 0, 0, 1e4, big, inf, nan}, []float64{0, 0, 0, .5, .5, .5, .5, 1, 1, 1, nan}},
		{Tanh, []float64{-1, -1, -1, -tiny, zero, 0, tiny, 1, 1, 1, nan}, []float64{0, 0, 0, 1, 1, 1, 1, 0, 0, 0, nan}},
	} {
		x := NewMatrix(1, len(xs), slices.Clone(xs)...)
		y, dx := forwardBackward(t, c.a, x, NewMatrix(1, len(xs)).Fill(1))
		for i, v := range xs {
			if g, w := y.Data[i], c.y[i]; !closeTo(g, w) || w == 0 && math.Signbit(g) != math.Signbit(w) {
				t.Errorf("%v(%v) = %v, want %v", c.a, v, g, w)
			}
			g, w := dx.Data[i], c.dx[i]
			if c.a == ReLU && v != v && g == 1 { // dy as it is: a NaN in y makes dy NaN
				continue
			}
			if !closeTo(g, w) {
				t.Errorf("%v′(%v) = %v, want %v", c.a, v, g, w)
			}
		}
	}
}

// closeTo reports whether g is w to 15 digits; NaN is NaN.
func closeTo(g, w float64) bool {
	return g == w || g != g && w != w || math.Abs(g-w) <= 1e-15*math.Abs(w)
}

// A unit that is off passes no gradient, whatever that is.
func TestReLUOff(t *testing.T) {
	x := NewMatrix(1, 2, -1, 0)
	if _, dx := forwardBackward(t, ReLU, x, NewMatrix(1, 2, math.NaN(), math.Inf(1))); !sameBits(dx.Data, []float64{0, 0}) {
		t.Errorf("dx = %v, want zeros", dx.Data)
	}
}

func TestActivationNaN(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, make := range elementwise() {
		l := built(t, make(), Shape{4})
		x := awayFromKinks(3, 4, rng)
		dy := awayFromKinks(3, 4, rng)
		clean, _ := forwardBackward(t, l, x, dy)
		_, rowwise := l.(*SoftmaxLayer)
		for _, nan := range []float64{math.NaN(), -math.NaN()} {
			x.Set(1, 2, nan)
			y, _ := forwardBackward(t, l, x, dy)
			for i, v := range y.Data {
				hit := i == 6 || rowwise && i/4 == 1
				if hit != (v != v) || !hit && v != clean.Data[i] {
					t.Errorf("%s with NaN at 6: y[%d] = %v, without it %v", describe(l), i, v, clean.Data[i])
				}
			}
		}
	}
}

func TestActivationLayers(t *testing.T) {
	for _, make := range elementwise() {
		for _, in := range []Shape{{1}, {5}, {3, 4}, {2, 3, 4}} {
			if err := TestLayer(make(), in); err != nil {
				t.Errorf("for %v: %v", in, err)
			}
		}
	}
}

func TestActivationEmptyBatch(t *testing.T) {
	for _, make := range elementwise() {
		l := built(t, make(), Shape{2, 3})
		y, dx := forwardBackward(t, l, NewMatrix(0, 6), NewMatrix(0, 6))
		if len(y.Data)+len(dx.Data) != 0 {
			t.Errorf("%s of no samples: %v, %v", describe(l), y.Data, dx.Data)
		}
	}
}

func TestActivationAllocs(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, make := range elementwise() {
		l := built(t, make(), Shape{3, 4})
		x, dy, p := awayFromKinks(5, 12, rng), awayFromKinks(5, 12, rng), new(Pass)
		step := func() {
			p.reset(true, rng)
			l.Forward(p, x)
			l.Backward(p, dy)
		}
		step()
		if n := testing.AllocsPerRun(10, step); n != 0 {
			t.Errorf("%s: %v allocations in a step, want 0", describe(l), n)
		}
	}
}

func TestActivationPredictsConcurrently(t *testing.T) {
	for _, make := range elementwise() {
		l := make()
		net := New(rand.NewPCG(1, 2), Input(2, 3, 4), l)
		x := awayFromKinks(7, 24, rand.New(rand.NewPCG(11, 12)))
		want := net.Predict(x)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if got := net.Predict(x); !sameBits(got.Data, want.Data) {
					t.Errorf("%s: unequal concurrent results", describe(l))
				}
			})
		}
		wg.Wait()
	}
}

func TestActivationNames(t *testing.T) {
	for i, want := range []string{"Identity", "ReLU", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Mish",
		"Softplus", "Softsign", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh"} {
		a := Activation(i)
		if a.String() != want {
			t.Errorf("Activation(%d).String() = %q, want %q", i, a.String(), want)
		}
		text, err := json.Marshal(a)
		if err != nil || string(text) != `"`+want+`"` {
			t.Errorf("Marshal(%v) = %s, %v", a, text, err)
		}
		b := Activation(99)
		if err := json.Unmarshal(text, &b); err != nil || b != a {
			t.Errorf("Unmarshal(%s) = %v, %v", text, b, err)
		}
		if a.Params() != nil {
			t.Errorf("%v has parameters", a)
		}
	}

	unknown := Activation(200)
	if got := unknown.String(); got != "Activation(200)" {
		t.Errorf("String() = %q, want Activation(200)", got)
	}
	if _, err := unknown.MarshalText(); err == nil {
		t.Error("MarshalText of Activation(200): no error")
	}
	if _, err := unknown.Build(Shape{2}, nil); err == nil || !strings.Contains(err.Error(), "200") {
		t.Errorf("Build of Activation(200): %v", err)
	}
	if _, err := Activation(len(activations)).Build(Shape{2}, nil); err == nil {
		t.Error("Build of the first number without a name: no error")
	}
	for _, name := range []string{"", "relu", "Activation(200)", "Softmax"} {
		a := Tanh
		if err := a.UnmarshalText([]byte(name)); err == nil || a != Tanh {
			t.Errorf("UnmarshalText(%q): %v, %v", name, a, err)
		}
	}
	wantPanic(t, "nn: Forward: unknown activation 200", func() { unknown.Forward(new(Pass), NewMatrix(1, 1)) })
}

func TestPick(t *testing.T) {
	for _, c := range []struct{ x, want float64 }{
		{1, 7}, {math.SmallestNonzeroFloat64, 7}, {math.Inf(1), 7}, {0, -5}, {math.Copysign(0, -1), -5},
		{-math.SmallestNonzeroFloat64, -5}, {math.Inf(-1), -5}, {math.NaN(), math.NaN()}, {-math.NaN(), math.NaN()},
	} {
		if got := pick(c.x, 7, -5); got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("pick(%v, 7, -5) = %v, want %v", c.x, got, c.want)
		}
	}
}

func TestSoftmax(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	l := built(t, Softmax(), Shape{3, 5})
	x, dy := awayFromKinks(4, 15, rng), awayFromKinks(4, 15, rng)
	y, dx := forwardBackward(t, l, x, dy)
	for i := 0; i < len(y.Data); i += 5 {
		sum, slope := 0.0, 0.0
		for j := i; j < i+5; j++ {
			if !(y.Data[j] > 0) {
				t.Errorf("y[%d] = %v", j, y.Data[j])
			}
			sum += y.Data[j]
			slope += dx.Data[j]
		}
		if math.Abs(sum-1) > 1e-15*5 || math.Abs(slope) > 1e-15 {
			t.Errorf("step %d: Σ y = %v, want 1; Σ dx = %v, want 0", i/5, sum, slope)
		}
	}

	// a common summand changes nothing
	moved := x.Clone()
	for i := range moved.Data {
		moved.Data[i] = math.Round(x.Data[i]*1024) / 1024
	}
	y, _ = forwardBackward(t, l, moved, dy)
	for i := range moved.Data {
		moved.Data[i] += 1 << 20
	}
	if z, _ := forwardBackward(t, l, moved, dy); !sameBits(y.Data, z.Data) {
		t.Errorf("softmax(x + c) = %v, softmax(x) = %v", z.Data, y.Data)
	}

	one := built(t, Softmax(), Shape{1})
	y, dx = forwardBackward(t, one, NewMatrix(2, 1, -800, 1e300), NewMatrix(2, 1, 3, 4))
	if !slices.Equal(y.Data, []float64{1, 1}) || !slices.Equal(dx.Data, []float64{0, 0}) {
		t.Errorf("softmax of one number: %v, %v; want ones, zeros", y.Data, dx.Data)
	}

	inf := math.Inf(1)
	for _, c := range []struct{ x, y []float64 }{
		{[]float64{0, -inf, 0}, []float64{.5, 0, .5}},
		{[]float64{-inf, 5, -1e300}, []float64{0, 1, 0}},
		{[]float64{-inf, -inf, -inf}, []float64{math.NaN(), math.NaN(), math.NaN()}},
		{[]float64{0, inf, 0}, []float64{math.NaN(), math.NaN(), math.NaN()}},
		{[]float64{0, math.NaN(), -inf}, []float64{math.NaN(), math.NaN(), math.NaN()}},
		{[]float64{1e308, -1e308, 1e308}, []float64{.5, 0, .5}},
	} {
		l := built(t, Softmax(), Shape{3})
		if y, _ := forwardBackward(t, l, NewMatrix(1, 3, slices.Clone(c.x)...), NewMatrix(1, 3)); !sameBits(y.Data, c.y) {
			t.Errorf("softmax(%v) = %v, want %v", c.x, y.Data, c.y)
		}
	}
	for _, in := range []Shape{nil, {0}} {
		if _, err := Softmax().Build(in, nil); err == nil {
			t.Errorf("Softmax for %v: no error", in)
		}
		if _, err := PReLU().Build(in, nil); err == nil {
			t.Errorf("PReLU for %v: no error", in)
		}
	}
	if Softmax().Params() != nil {
		t.Error("Softmax has parameters")
	}
}

func TestPReLU(t *testing.T) {
	for _, c := range []struct {
		in       Shape
		channels int
		channel  func(i int) int // of value i of a sample
	}{
		{Shape{6}, 6, func(i int) int { return i }},
		{Shape{2, 3}, 3, func(i int) int { return i % 3 }},
		{Shape{2, 3, 4}, 2, func(i int) int { return i / 12 }},
		{Shape{3, 1, 1}, 3, func(i int) int { return i }},
	} {
		l := PReLU().WithPerChannel()
		built(t, l, c.in)
		q := l.Params()[0]
		if q.Name != "slope" || !q.NoDecay || q.Value.Rows != 1 || q.Value.Cols != c.channels {
			t.Errorf("PReLU for %v: parameter %+v", c.in, *q)
			continue
		}
		rng := rand.New(rand.NewPCG(15, 16))
		for k := range q.Value.Data {
			if q.Value.Data[k] != 0.25 {
				t.Errorf("PReLU for %v: initial slope %v", c.in, q.Value.Data[k])
			}
			q.Value.Data[k] = normal(rng)
		}
		x, dy := awayFromKinks(3, c.in.Size(), rng), awayFromKinks(3, c.in.Size(), rng)
		y, dx := forwardBackward(t, l, x, dy)
		da := make([]float64, c.channels)
		for n := range 3 {
			for i, v := range x.Row(n) {
				k := c.channel(i)
				a := q.Value.Data[k]
				wantY, wantDx := v, dy.At(n, i)
				if v < 0 {
					da[k] += wantDx * v
					wantY, wantDx = a*v, a*wantDx
				}
				if y.At(n, i) != wantY || dx.At(n, i) != wantDx {
					t.Errorf("PReLU for %v: sample %d, value %d: y = %v, dx = %v, want %v, %v", c.in, n, i, y.At(n, i), dx.At(n, i), wantY, wantDx)
				}
			}
		}
		for k, w := range da {
			if g := q.Grad.Data[k]; math.Abs(g-w) > 1e-14 {
				t.Errorf("PReLU for %v: da[%d] = %v, want %v", c.in, k, g, w)
			}
		}
		// gradients add up
		once := q.Grad.Clone()
		forwardBackward(t, l, x, dy)
		for k, w := range once.Data {
			if g := q.Grad.Data[k]; math.Abs(g-2*w) > 1e-14 {
				t.Errorf("PReLU for %v: da[%d] = %v after two steps, %v after one", c.in, k, g, w)
			}
		}
	}
	inf, zero := math.Inf(1), math.Copysign(0, -1)
	x := NewMatrix(1, 6, -inf, zero, 0, 2, inf, math.NaN())
	y, dx := forwardBackward(t, built(t, PReLU(), Shape{6}), x, NewMatrix(1, 6).Fill(1))
	if want := []float64{-inf, zero, 0, 2, inf, math.NaN()}; !sameBits(y.Data, want) {
		t.Errorf("PReLU(%v) = %v, want %v", x.Data, y.Data, want)
	}
	if want := []float64{.25, .25, .25, 1, 1, math.NaN()}; !sameBits(dx.Data, want) {
		t.Errorf("PReLU′(%v) = %v, want %v", x.Data, dx.Data, want)
	}

	one := PReLU()
	built(t, one, Shape{2, 3, 4})
	if v := one.Params()[0].Value; v.Rows != 1 || v.Cols != 1 || v.Data[0] != 0.25 {
		t.Errorf("slope of PReLU is %v, want [[0.25]]", v)
	}
	if got := describe(PReLU().WithPerChannel()); got != "PReLU(PerChannel)" {
		t.Errorf("describe: %s", got)
	}
}
