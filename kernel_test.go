package nn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// wild returns n numbers of many magnitudes; with special, zeros of both signs,
// subnormals, infinities and NaN among them.
func wild(rng *rand.Rand, n int, special bool) []float64 {
	x := make([]float64, n)
	odd := []float64{0, zero, tiny, -tiny, inf, -inf, nan, math.MaxFloat64, -1e308, -0x1p-1022}
	for i := range x {
		u := float64(float64(rng.Uint64()>>11)*0x1p-53) - 0.5
		x[i] = float64(u * math.Float64frombits((1011+rng.Uint64()%24)<<52))
		if special && rng.Uint64()%7 == 0 {
			x[i] = odd[rng.Uint64()%uint64(len(odd))]
		}
	}
	return x
}

// checkBits compares got with want bit for bit.
func checkBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d results, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if !sameNumber(got[i], w) {
			t.Fatalf("%s: [%d] = %x, want %x", what, i, got[i], w)
		}
	}
}

// fenced returns a copy of x, seldom aligned, with room before and behind it
// that done checks.
func fenced(t *testing.T, x []float64) (y []float64, done func()) {
	const guard = 12345.678
	a := make([]float64, len(x)+32)
	lo, hi := 8+len(x)%7, 8+len(x)%7+len(x)
	for i := range a {
		a[i] = guard
	}
	copy(a[lo:], x)
	return a[lo:hi:hi], func() {
		t.Helper()
		for i, v := range a {
			if (i < lo || i >= hi) && v != guard {
				t.Fatalf("written to element %d of %d", i-lo, len(x))
			}
		}
	}
}

// kernelSizes are all small ones, and some for which kernels must work in parts.
func kernelSizes() []int {
	var sizes []int
	for n := range 71 {
		sizes = append(sizes, n)
	}
	rng := testRand()
	return append(sizes, 127, 1000, 16383, 16384, 16385, 40003, 70+intN(rng, 1000), 1000+intN(rng, 40000))
}

func TestSliceFunctions(t *testing.T) { kernelSets(t, testSliceFunctions) }

func testSliceFunctions(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, c := range []struct {
		name string
		v    func(y, x []float64)
		f    func(x float64) float64
	}{
		{"vexp", vexp, exp}, {"vlog", vlog, log}, {"vtanh", vtanh, tanh}, {"vsigmoid", vsigmoid, sigmoid}, {"vsoftplus", vsoftplus, softplus},
		{"vgelu", vgelu, gelu}, {"vsqrt", vsqrt, math.Sqrt},
		{"vrelu", vrelu, func(x float64) float64 { return max(x, 0) }},
		{"vscale", func(y, x []float64) { vscale(y, 1.7, x) }, func(x float64) float64 { return 1.7 * x }},
		{"vshift", func(y, x []float64) { vshift(y, 1.7, x) }, func(x float64) float64 { return x + 1.7 }},
		{"vexpShift", func(y, x []float64) { vexpShift(y, -0.7, x) }, func(x float64) float64 { return exp(x + -0.7) }},
	} {
		for _, n := range kernelSizes() {
			x := wild(rng, n, true)
			want := make([]float64, n)
			for i, v := range x {
				want[i] = c.f(v)
			}
			got, done := fenced(t, make([]float64, n))
			c.v(got, x)
			checkBits(t, c.name, got, want)
			done()
			got, done = fenced(t, x)
			c.v(got, got)
			checkBits(t, c.name+" in place", got, want)
			done()
		}
	}
}

func TestSliceArithmetic(t *testing.T) { kernelSets(t, testSliceArithmetic) }

func testSliceArithmetic(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, c := range []struct {
		name string
		v    func(z, x, y []float64)
		f    func(x, y float64) float64
	}{
		{"vadd", vadd, func(x, y float64) float64 { return x + y }},
		{"vsub", vsub, func(x, y float64) float64 { return x - y }},
		{"vmul", vmul, func(x, y float64) float64 { return x * y }},
		{"vdiv", vdiv, func(x, y float64) float64 { return x / y }},
		{"vaxpy", func(z, x, y []float64) { vaxpy(z, x, 0.3, y) }, func(x, y float64) float64 { return math.FMA(0.3, y, x) }},
		{"vfma", func(z, x, y []float64) { vfma(z, x, y, x) }, func(x, y float64) float64 { return math.FMA(x, y, x) }},
		{"vfma", func(z, x, y []float64) { vfma(z, x, x, y) }, func(x, y float64) float64 { return math.FMA(x, x, y) }},
		{"vtanhGrad", vtanhGrad, func(y, dy float64) float64 { return dy * math.FMA(-y, y, 1) }},
		{"vsigmoidGrad", vsigmoidGrad, func(y, dy float64) float64 { return dy * (y * (1 - y)) }},
		{"vreluGrad", vreluGrad, func(x, y float64) float64 {
			if x <= 0 {
				return 0
			}
			return y
		}},
	} {
		for _, n := range kernelSizes() {
			x, y := wild(rng, n, true), wild(rng, n, true)
			want := make([]float64, n)
			for i, v := range x {
				want[i] = c.f(v, y[i])
			}
			got, done := fenced(t, make([]float64, n))
			c.v(got, x, y)
			checkBits(t, c.name, got, want)
			done()
			got, done = fenced(t, x)
			c.v(got, got, y)
			checkBits(t, c.name+" into x", got, want)
			done()
			got, done = fenced(t, y)
			c.v(got, x, got)
			checkBits(t, c.name+" into y", got, want)
			done()
		}
	}
}

// The value and the derivative of GELU, also where one of them takes the place of x.
func TestGELUGradSlice(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(21, 22))
		for _, n := range kernelSizes() {
			x := wild(rng, n, true)
			value, grad := make([]float64, n), make([]float64, n)
			for i, v := range x {
				value[i], grad[i] = gelu(v), geluGrad(v)
			}
			for place := range 3 {
				y, doneY := fenced(t, x)
				d, doneD := fenced(t, x)
				vgeluGrad(y, d, [][]float64{x, y, d}[place])
				checkBits(t, "value", y, value)
				checkBits(t, "derivative", d, grad)
				doneY()
				doneD()
			}
		}
	})
}

// The functions of slices on the points at which the functions are tested.
func TestSlicePoints(t *testing.T) {
	slices := map[string]func(y, x []float64){"exp": vexp, "log": vlog, "tanh": vtanh, "sigmoid": vsigmoid, "softplus": vsoftplus, "gelu": vgelu,
		"geluGrad": func(y, x []float64) {
			vgeluGrad(make([]float64, len(x)), y, x)
		}}
	kernelSets(t, func(t *testing.T) {
		for _, c := range unaryFuncs {
			v := slices[c.name]
			if v == nil {
				continue
			}
			x := testPoints(20000, c.ranges, c.at)
			y := make([]float64, len(x))
			v(y, x)
			for i, x := range x {
				if want := c.f(x); !sameNumber(y[i], want) {
					t.Fatalf("%s(%x) = %x in a slice, want %x", c.name, x, y[i], want)
				}
			}
		}
	})
}

// naiveSum and naiveDot are the contract of vsum and vdot word by word.
func naiveSum(x []float64, add func(s float64, i int) float64) float64 {
	if len(x) < 32 {
		s := 0.0
		for i := range x {
			s = add(s, i)
		}
		return s
	}
	var a [32]float64
	for i := range x {
		a[i%32] = add(a[i%32], i)
	}
	var b [8]float64
	for l := range 8 {
		b[l] = (a[l] + a[l+8]) + (a[l+16] + a[l+24])
	}
	return ((b[0] + b[4]) + (b[2] + b[6])) + ((b[1] + b[5]) + (b[3] + b[7]))
}

func TestSumOrder(t *testing.T) { kernelSets(t, testSumOrder) }

func testSumOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	var sizes []int
	for n := range 200 {
		sizes = append(sizes, n)
	}
	for _, n := range append(sizes, 1000, 1023, 1024, 1025, 1055, 1056, 2047, 2048, 2049, 5000, 10007, 16384, 16390, 50000) {
		for _, special := range []bool{false, true} {
			if special && n%5 != 0 {
				continue
			}
			x, y := wild(rng, n, special), wild(rng, n, special)
			want := naiveSum(x, func(s float64, i int) float64 { return s + x[i] })
			if got := vsum(x); !sameNumber(got, want) {
				t.Errorf("vsum of %d elements = %x, want %x", n, got, want)
			}
			want = naiveSum(x, func(s float64, i int) float64 { return math.FMA(x[i], y[i], s) })
			if got := vdot(x, y); !sameNumber(got, want) {
				t.Errorf("vdot of %d elements = %x, want %x", n, got, want)
			}
		}
	}
}

func TestMaxMin(t *testing.T) { kernelSets(t, testMaxMin) }

func testMaxMin(t *testing.T) {
	rng := testRand()
	for _, n := range kernelSizes()[1:] {
		x := wild(rng, n, false)
		i, j := intN(rng, n), intN(rng, n)
		x[i], x[j] = -1e300, 1e300
		if got := vmax(x); got != 1e300 {
			t.Errorf("vmax of %d, the largest at %d: %v", n, j, got)
		}
		x[i] = nan
		if got := vmax(x); got == got {
			t.Errorf("vmax of %d, NaN at %d: %v", n, i, got)
		}
		for i := range x {
			x[i] = math.Copysign(0, -float64(i&1))
		}
		if got := vmax(x); !sameNumber(got, 0) {
			t.Errorf("vmax of %d zeros: %v", n, got)
		}
		for i := range x {
			x[i] = -2 - float64(i)
		}
		x[j] = -1
		if got := vmax(x); got != -1 {
			t.Errorf("vmax of %d negative numbers, the largest, -1, at %d: %v", n, j, got)
		}
	}
	for _, c := range []struct {
		x   []float64
		max float64
	}{
		{nil, -inf},
		{[]float64{3}, 3},
		{[]float64{1, 3, 2}, 3},
		{[]float64{-1, -3, -2}, -1},
		{[]float64{-inf, -inf}, -inf},
		{[]float64{inf, 1, -inf}, inf},
		{[]float64{1, nan, 3}, nan},
		{[]float64{nan, inf}, nan},
		{[]float64{inf, -inf, nan}, nan},
		{[]float64{zero}, 0},
		{[]float64{zero, 0, zero}, 0},
		{[]float64{zero, -tiny}, 0},
		{[]float64{zero, tiny}, tiny},
	} {
		if got := vmax(c.x); !sameNumber(got, c.max) {
			t.Errorf("vmax(%v) = %v, want %v", c.x, got, c.max)
		}
	}
}

func TestRowKernels(t *testing.T) { kernelSets(t, testRowKernels) }

// atOnceMost is the largest number of elements that a kernel gets at once, of those
// of all architectures.
const atOnceMost = 1 << 14

func testRowKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	columns := []int{127, 128, 129, 300, atOnceMost - 1, atOnceMost + 3, 2*atOnceMost + 9}
	for cols := range 70 {
		columns = append(columns, cols)
	}
	for _, rows := range []int{0, 1, 2, 3, 5, 29, 500} {
		for _, cols := range columns {
			if rows*cols > 1<<18 {
				continue
			}
			special := rows <= 5 // of more nearly every sum would be NaN
			x, b := wild(rng, rows*cols, special), wild(rng, cols, special)
			want := make([]float64, rows*cols)
			sums := append([]float64(nil), b...)
			for i := range rows {
				for j := range cols {
					want[i*cols+j] = x[i*cols+j] + b[j]
					sums[j] += x[i*cols+j]
				}
			}
			got, done := fenced(t, b)
			vsumrows(got, x)
			checkBits(t, "vsumrows", got, sums)
			done()
			got, done = fenced(t, make([]float64, rows*cols))
			vaddrow(got, x, b)
			checkBits(t, "vaddrow", got, want)
			done()
			vaddrow(x, x, b)
			checkBits(t, "vaddrow in place", x, want)
		}
	}
}

func TestReLUSpecials(t *testing.T) { kernelSets(t, testReLUSpecials) }

func testReLUSpecials(t *testing.T) {
	x := []float64{nan, -nan, zero, 0, -1, 1, inf, -inf, tiny, -tiny}
	y := make([]float64, len(x))
	vrelu(y, x)
	checkBits(t, "vrelu", y, []float64{nan, nan, 0, 0, 0, 1, inf, 0, tiny, 0})
	dy := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	want := []float64{1, 2, 0, 0, 0, 6, 7, 0, 9, 0}
	vreluGrad(y, x, dy)
	checkBits(t, "vreluGrad", y, want)
	vrelu(x, x)
	vreluGrad(dy, x, dy)
	checkBits(t, "vreluGrad of the result", dy, want)
}

func TestSoftmaxRow(t *testing.T) { kernelSets(t, testSoftmaxRow) }

// softmaxRow is softmax that returns log Σₖ e^xₖ.
func softmaxRow(y, x []float64) float64 {
	m, s := softmax(y, x)
	if math.IsInf(m, 0) {
		return m
	}
	return m + log(s)
}

func testSoftmaxRow(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		lse  float64
	}{
		{nil, nil, -inf},
		{[]float64{5}, []float64{1}, 5},
		{[]float64{nan}, []float64{nan}, nan},
		{[]float64{1, nan, inf}, []float64{nan, nan, nan}, nan},
		{[]float64{1, inf}, []float64{nan, nan}, inf},
		{[]float64{-inf, -inf}, []float64{nan, nan}, -inf},
		{[]float64{-inf, 3}, []float64{0, 1}, 3},
		{[]float64{1e308, -1e308}, []float64{1, 0}, 1e308},
		{[]float64{-1e308, 1e308, 1e308}, []float64{0, 0.5, 0.5}, 1e308},
		{[]float64{0, 0}, []float64{0.5, 0.5}, math.Ln2},
		{[]float64{-1000, -1000, -1000, -1000}, []float64{0.25, 0.25, 0.25, 0.25}, -1000 + 2*math.Ln2},
	} {
		got, done := fenced(t, c.x)
		lse := softmaxRow(got, got)
		checkBits(t, "softmaxRow", got, c.y)
		done()
		if !sameNumber(lse, c.lse) {
			t.Errorf("softmaxRow(%v) returned %v, want %v", c.x, lse, c.lse)
		}
	}
	rng := rand.New(rand.NewPCG(15, 16))
	for n := 1; n < 100; n++ {
		x := wild(rng, n, false)
		y := make([]float64, n)
		lse := softmaxRow(y, x)
		sum := 0.0
		for i, p := range y {
			sum += p
			if want := exp(x[i] - lse); math.Abs(p-want) > 1e-12*want && want > 1e-300 {
				t.Fatalf("softmaxRow of %d: [%d] = %v, want %v", n, i, p, want)
			}
		}
		if math.Abs(sum-1) > 1e-14 {
			t.Errorf("softmaxRow of %d sums to %v", n, sum)
		}
	}
}

func TestFunctionsGolden(t *testing.T) {
	two := func(f func(x float64) float64, df func(x float64) float64) [2]func(float64) float64 {
		return [2]func(float64) float64{f, df}
	}
	fs := map[string][2]func(float64) float64{
		"tanh":       two(tanh, nil),
		"sigmoid":    two(sigmoid, nil),
		"softplus_1": two(softplus, sigmoid),
		"gelu":       two(gelu, geluGrad),
		"silu":       two(func(x float64) float64 { return max(x, -1e4) * sigmoid(x) }, nil),
		"mish":       two(func(x float64) float64 { return max(x, -1e4) * tanh(softplus(x)) }, nil),
	}
	tested := 0
	for _, c := range golden(t, "activations") {
		for _, kind := range []string{"random", "extreme", "inf", "nan", "zero"} {
			for name, f := range fs {
				if c.Name != name+"/"+kind {
					continue
				}
				tested++
				x := c.In["x"].floats()
				y, dx := make([]float64, len(x)), make([]float64, len(x))
				for i, v := range x {
					y[i] = f[0](v)
				}
				c.check(t, "y", y, c.Out["y"])
				if f[1] == nil || c.Grad["x"] == nil {
					continue
				}
				for i, v := range x {
					dx[i] = f[1](v) * float64(c.Upstream["y"].Data[i])
				}
				c.check(t, "dx", dx, c.Grad["x"])
			}
		}
		if c.Op == "softmax" && len(c.In["x"].Shape) == 2 && c.num("axis") == -1 {
			tested++
			x := c.In["x"].floats()
			n := c.In["x"].Shape[1]
			for i := 0; i < len(x); i += n {
				softmaxRow(x[i:i+n], x[i:i+n])
			}
			c.check(t, "y", x, c.Out["y"])
		}
	}
	if tested < 25 {
		t.Errorf("only %d cases", tested)
	}
}

func TestKernelAllocs(t *testing.T) { kernelSets(t, testKernelAllocs) }

func testKernelAllocs(t *testing.T) {
	x, y := make([]float64, 1000), make([]float64, 1000)
	s := 0.0
	if n := testing.AllocsPerRun(10, func() {
		vexp(y, x)
		vlog(y, x)
		vtanh(y, x)
		vsigmoid(y, x)
		vsoftplus(y, x)
		vgelu(y, x)
		vaxpy(y, x, 2, y)
		vrelu(y, x)
		vreluGrad(y, x, y)
		vaddrow(y, x, x[:10])
		vsumrows(y[:10], x)
		s += vsum(x) + vdot(x, y) + vmax(x) + softmaxRow(y, x) + pow(x[3], 0.5) + powi(2, 7) + sin(1e300)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func negated(x []float64) []float64 {
	z := make([]float64, len(x))
	vscale(z, -1, x)
	return z
}

// The same bits of the kernels on every architecture.
func TestKernelHash(t *testing.T) { kernelSets(t, testKernelHash) }

func testKernelHash(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	var out []float64
	for n := range 300 {
		x, y := wild(rng, n, n%10 == 3), wild(rng, n, n%10 == 3)
		z := make([]float64, n)
		out = append(out, vsum(x), vdot(x, y), vmax(x), 0-vmax(negated(y)))
		for _, f := range []func(z, x, y []float64){
			vadd, vsub, vmul, vdiv, vreluGrad,
			func(z, x, y []float64) { vaxpy(z, x, 0.37, y) },
			func(z, x, y []float64) { vrelu(z, x) },
			func(z, x, y []float64) { out = append(out, softmaxRow(z, x)) },
			func(z, x, y []float64) { vaddrow(z[:n/7*7], x[:n/7*7], y[:min(n, 7)]) },
			func(z, x, y []float64) { vsumrows(z[:n/10], x[:n/10*10]) },
		} {
			f(z, x, y)
			out = append(out, z...)
		}
	}
	const want = "f1438d68dbd2cca8"
	if got := hashOf(out); got != want {
		t.Errorf("kernels: hash of %d results is %q, want %q", len(out), got, want)
	}
}
