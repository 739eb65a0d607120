package nn

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"
)

// The scalar functions are compared with values computed here in math/big to
// more than a hundred bits.

const bigPrec = 256

func bigNew() *big.Float                { return new(big.Float).SetPrec(bigPrec) }
func bigOf(x float64) *big.Float        { return bigNew().SetFloat64(x) }
func bigAdd(x, y *big.Float) *big.Float { return bigNew().Add(x, y) }
func bigSub(x, y *big.Float) *big.Float { return bigNew().Sub(x, y) }
func bigMul(x, y *big.Float) *big.Float { return bigNew().Mul(x, y) }
func bigQuo(x, y *big.Float) *big.Float { return bigNew().Quo(x, y) }

// bigConst holds what the reference functions need, computed once.
var bigConst = sync.OnceValue(func() (c struct {
	pi      *big.Float // 1500 bits, for the reduction of huge angles
	ln2     *big.Float
	rsqrtpi *big.Float // 1/√π
	invFact []*big.Float
	invOdd  []*big.Float
	logs    [100]*big.Float   // log(j/64), 45 ≤ j ≤ 91
	erfcx   [460][]*big.Float // Taylor coefficients of e^(a²)·erfc(a) at a = j/16
}) {
	const piPrec = 1500
	// π = 16·atan(1/5) − 4·atan(1/239)
	atanInv := func(n int64) *big.Float {
		one := new(big.Int).Lsh(big.NewInt(1), piPrec+30)
		t := new(big.Int).Quo(one, big.NewInt(n))
		sum, n2 := new(big.Int).Set(t), big.NewInt(n*n)
		for k := int64(3); t.Sign() != 0; k += 2 {
			t.Neg(t.Quo(t, n2))
			sum.Add(sum, new(big.Int).Quo(t, big.NewInt(k)))
		}
		f := new(big.Float).SetPrec(piPrec).SetInt(sum)
		return f.SetMantExp(f, -piPrec-30)
	}
	a, b := atanInv(5), atanInv(239)
	c.pi = new(big.Float).SetPrec(piPrec).Sub(a.SetMantExp(a, 4), b.SetMantExp(b, 2))
	c.rsqrtpi = bigQuo(bigOf(1), bigNew().Sqrt(bigNew().Set(c.pi)))
	f := bigOf(1)
	for n := range 64 {
		c.invFact = append(c.invFact, bigQuo(bigOf(1), f))
		f = bigMul(f, bigOf(float64(n+1)))
		c.invOdd = append(c.invOdd, bigQuo(bigOf(1), bigOf(float64(2*n+1))))
	}
	c.ln2 = bigAtanh(bigQuo(bigOf(1), bigOf(3)), c.invOdd) // ½·ln 2
	c.ln2 = bigAdd(c.ln2, c.ln2)
	for j := 45; j <= 91; j++ {
		l := bigAtanh(bigQuo(bigOf(float64(j-64)), bigOf(float64(j+64))), c.invOdd)
		c.logs[j] = bigAdd(l, l)
	}
	// e^(a²)·erfc(a) from its asymptotic series at 28.6875, then downwards
	// from one a to the next, which damps errors.
	a0 := bigOf(float64(len(c.erfcx)-1) / 16)
	t := bigQuo(c.rsqrtpi, a0)
	g := bigOf(0)
	for n := 1; n < 80; n++ {
		g = bigAdd(g, t)
		t = bigMul(t, bigQuo(bigOf(float64(1-2*n)/2), bigMul(a0, a0)))
	}
	for j := len(c.erfcx) - 1; j >= 0; j-- {
		// y' = 2ay − 2/√π
		a := bigOf(float64(j) / 8)
		p := []*big.Float{g, bigSub(bigMul(a, g), bigAdd(c.rsqrtpi, c.rsqrtpi))}
		for n := 1; n < 40; n++ {
			s := bigAdd(bigMul(a, p[n]), bigMul(bigOf(2), p[n-1]))
			p = append(p, bigQuo(s, bigOf(float64(n+1))))
		}
		c.erfcx[j] = p
		g = bigHorner(p, bigOf(-1./16))
	}
	return c
})

func bigHorner(p []*big.Float, x *big.Float) *big.Float {
	s := bigNew().Set(p[len(p)-1])
	for i := len(p) - 2; i >= 0; i-- {
		s.Add(s.Mul(s, x), p[i])
	}
	return s
}

// bigAtanh is for |s| ≤ 1/3.
func bigAtanh(s *big.Float, invOdd []*big.Float) *big.Float {
	n := len(invOdd)
	if e := s.MantExp(nil); e < -1 {
		n = min(n, 3+bigPrec/(-2*e))
	} else {
		sum, z := bigOf(0), bigMul(s, s) // only for the constants
		for k := 200; k >= 0; k-- {
			sum = bigAdd(bigMul(sum, z), bigQuo(bigOf(1), bigOf(float64(2*k+1))))
		}
		return bigMul(sum, s)
	}
	return bigMul(s, bigHorner(invOdd[:n], bigMul(s, s)))
}

// bigExpm1 keeps relative accuracy around 0.
func bigExpm1(x *big.Float) *big.Float {
	c := bigConst()
	if x.Sign() == 0 {
		return bigOf(0)
	}
	if e := x.MantExp(nil); e < -2 {
		n := min(60, 3+bigPrec/-e)
		return bigMul(x, bigHorner(c.invFact[1:n], x))
	}
	return bigSub(bigExp(x), bigOf(1))
}

// bigExp returns 0 and a huge number where float64 has left its range.
func bigExp(x *big.Float) *big.Float {
	c := bigConst()
	if f, _ := x.Float64(); f > 2000 {
		return bigOf(1).SetMantExp(bigOf(1), 3000)
	} else if f < -2000 {
		return bigOf(0)
	}
	k, _ := bigQuo(x, c.ln2).Int64()
	r := bigSub(x, bigMul(bigOf(float64(k)), c.ln2))
	r.SetMantExp(r, -8)
	s := bigHorner(c.invFact[:27], r)
	for range 8 {
		s.Mul(s, s)
	}
	return s.SetMantExp(s, int(k))
}

// bigLog keeps relative accuracy around 1.
func bigLog(x *big.Float) *big.Float {
	c := bigConst()
	m := bigNew()
	k := x.MantExp(m) // m in [½, 1)
	f, _ := m.Float64()
	if f < math.Sqrt2/2 {
		m.SetMantExp(m, 1)
		f *= 2
		k--
	}
	j := math.Round(64 * f)
	d := bigOf(j / 64)
	s := bigQuo(bigSub(m, d), bigAdd(m, d))
	l := bigOf(0)
	if s.Sign() != 0 {
		l = bigAtanh(s, c.invOdd)
		l = bigAdd(l, l)
	}
	return bigAdd(bigAdd(l, c.logs[int(j)]), bigMul(bigOf(float64(k)), c.ln2))
}

func bigLog1p(x *big.Float) *big.Float {
	if x.Sign() == 0 || x.MantExp(nil) >= -8 {
		return bigLog(bigAdd(bigOf(1), x))
	}
	l := bigAtanh(bigQuo(x, bigAdd(bigOf(2), x)), bigConst().invOdd)
	return bigAdd(l, l)
}

func bigTanh(x float64) *big.Float {
	u := bigExpm1(bigOf(-2 * math.Abs(x)))
	t := bigQuo(u, bigAdd(bigOf(2), u))
	if x > 0 {
		t.Neg(t)
	}
	return t
}

func bigSigmoid(x float64) *big.Float {
	if x < -2000 {
		return bigOf(0)
	}
	return bigQuo(bigOf(1), bigAdd(bigOf(1), bigExp(bigOf(-x))))
}

func bigSoftplus(x float64) *big.Float {
	l := bigLog1p(bigExp(bigOf(-math.Abs(x))))
	if x > 0 {
		l = bigAdd(l, bigOf(x))
	}
	return l
}

// bigSinCos returns sin(x + quarter·π/2).
func bigSinCos(x float64, quarter int) *big.Float {
	c := bigConst()
	half := new(big.Float).SetMantExp(c.pi, -1)
	y := new(big.Float).SetPrec(c.pi.Prec()).SetFloat64(x)
	q := new(big.Float).SetPrec(c.pi.Prec()).Quo(y, half)
	if x < 0 {
		q.Sub(q, big.NewFloat(0.5))
	} else {
		q.Add(q, big.NewFloat(0.5))
	}
	k, _ := q.Int(nil)
	r := bigNew().Set(y.Sub(y, q.Mul(q.SetInt(k), half)))
	z := bigMul(r, r)
	z.Neg(z)
	n := (int(new(big.Int).And(k, big.NewInt(3)).Int64()) + quarter) & 3
	var p []*big.Float
	for i := n & 1; i < 56; i += 2 {
		p = append(p, c.invFact[i^1])
	}
	s := bigHorner(p, z)
	if n&1 == 0 {
		s.Mul(s, r)
	}
	if n&2 != 0 {
		s.Neg(s)
	}
	return s
}

// bigErfcAbs returns erfc(|a|).
func bigErfcAbs(a *big.Float) *big.Float {
	a = bigNew().Abs(a)
	f, _ := a.Float64()
	if f > 28.5 {
		return bigOf(0)
	}
	j := math.Round(16 * f)
	g := bigHorner(bigConst().erfcx[int(j)], bigSub(a, bigOf(j/16)))
	h := bigMul(a, a)
	return bigMul(bigExp(h.Neg(h)), g)
}

func bigErf(x float64) *big.Float {
	c := bigConst()
	if math.Abs(x) > 0.5 {
		y := bigSub(bigOf(1), bigErfcAbs(bigOf(x)))
		if x < 0 {
			y.Neg(y)
		}
		return y
	}
	z := bigMul(bigOf(x), bigOf(x))
	z.Neg(z)
	s := bigOf(0)
	for n := 40; n >= 0; n-- {
		s = bigAdd(bigMul(s, z), bigMul(c.invFact[n], c.invOdd[n]))
	}
	s.Mul(s, bigMul(bigOf(2*x), c.rsqrtpi))
	return s
}

func bigErfc(x float64) *big.Float {
	y := bigErfcAbs(bigOf(x))
	if x < 0 {
		y = bigSub(bigOf(2), y)
	}
	return y
}

func bigCDF(x float64) *big.Float {
	y := bigErfcAbs(bigMul(bigOf(x), bigNew().Sqrt(bigOf(0.5))))
	y.SetMantExp(y, -1)
	if x > 0 {
		y = bigSub(bigOf(1), y)
	}
	return y
}

func bigPDF(x float64) *big.Float {
	h := bigMul(bigOf(x), bigOf(x))
	h.SetMantExp(h.Neg(h), -1)
	return bigMul(bigExp(h), bigMul(bigConst().rsqrtpi, bigNew().Sqrt(bigOf(0.5))))
}

func bigGELUGrad(x float64) *big.Float {
	return bigAdd(bigCDF(x), bigMul(bigOf(x), bigPDF(x)))
}

func bigPow(x, y float64) *big.Float {
	p := bigExp(bigMul(bigOf(y), bigLog(bigOf(math.Abs(x)))))
	if x < 0 && math.Mod(y, 2) != 0 {
		p.Neg(p)
	}
	return p
}

// ulps returns |got − want| in units of the last place of want.
func ulps(got float64, want *big.Float) float64 {
	w, _ := want.Float64()
	if got == w {
		d := bigSub(bigOf(got), want)
		if math.IsInf(w, 0) {
			return 0
		}
		return ulpsOf(d, w)
	}
	if math.IsInf(got, 0) || math.IsInf(w, 0) || got != got {
		return math.Inf(1)
	}
	return ulpsOf(bigSub(bigOf(got), want), w)
}

func ulpsOf(d *big.Float, w float64) float64 {
	e := int(math.Float64bits(w)>>52&2047) - 1075
	e = max(e, -1074)
	f, _ := d.SetMantExp(d, -e).Float64()
	return math.Abs(f)
}

// unaryFuncs are the functions of one argument: ranges in which points are
// drawn, arguments around which they lie (the hardest one known of millions, and
// thresholds), and the documented bound.
var unaryFuncs = []struct {
	name   string
	f      func(float64) float64
	ref    func(float64) *big.Float
	bound  float64
	ranges [][2]float64
	at     []float64
	hash   string
}{
	{"exp", exp, func(x float64) *big.Float { return bigExp(bigOf(x)) }, 1,
		[][2]float64{{-746, 710}, {-745.2, -708}, {-1, 1}, {-40, 40}}, []float64{-0x1.d712ba49caf41p+04, 710, -746, 709.782712893384, -745.1332191019412, -708.3964185322641, 0.34657359027997264}, "05d758c6450455fd"},
	{"expm1", expm1, func(x float64) *big.Float { return bigExpm1(bigOf(x)) }, 2.5,
		[][2]float64{{-40, 40}, {-1, 1}, {-0.4, 0.4}, {36, 710}, {-1.1, -0.3}}, []float64{0x1.737ff4dc05bf3p-02, 40, -40, -36.7, 0.34657359027997264, 709.782712893384}, "40bd264c364618b1"},
	{"log", log, func(x float64) *big.Float { return bigLog(bigOf(x)) }, 1,
		[][2]float64{{0, 3}, {0.5, 2}, {0.99, 1.01}, {0, 1e-307}, {0, 1e6}}, []float64{0x1.67eb0418689c5p+00, 1, math.Sqrt2, math.Sqrt2 / 2, 0x1p-1022, 2}, "e3df6cd5b532e175"},
	{"log1p", log1p, func(x float64) *big.Float { return bigLog1p(bigOf(x)) }, 1,
		[][2]float64{{-1, 3}, {-0.3, 0.42}, {-0.01, 0.01}, {0.4, 0.5}, {-0.999999, -0.2}, {0, 1e17}}, []float64{0x1.9b9ef648d974bp-02, -1, -0.5, math.Sqrt2 - 1, math.Sqrt2/2 - 1, 0x1p-54, 0x1p52, 0x1p53}, "d1fec6b2cbb8e778"},
	{"tanh", tanh, bigTanh, 2.5,
		[][2]float64{{-20, 20}, {-1, 1}, {-0.2, 0.2}, {-3, 3}}, []float64{0x1.62e6e1db045c1p-03, 20, 19.06, 0.1732867951399863, 0.5198603854199589}, "fbb650540402d26f"},
	{"sigmoid", sigmoid, bigSigmoid, 2.5,
		[][2]float64{{-746, 40}, {-1, 1}, {-6, 6}, {-40, 40}, {-745.2, -708}}, []float64{-0x1.5d436b9778f53p+01, 0, 37, -745.13, -708.4, 746}, "bdf9087a06632b9b"},
	{"softplus", softplus, bigSoftplus, 2,
		[][2]float64{{-746, 40}, {-1, 1}, {-6, 6}, {-40, 40}, {-745.2, -708}}, []float64{-0x1.c3e6bd3da7p-02, 0, 37, -745.13, -708.4, 746}, "4db4db5a41fad03b"},
	{"erf", erf, bigErf, 1.5,
		[][2]float64{{-6, 6}, {-1, 1}, {-0.75, 0.75}, {0.75, 3}}, []float64{0x1.8485e5bba4852p-01, 0.75, 5.92, 28}, "c338fd4cd81040d1"},
	{"erfc", erfc, bigErfc, 2,
		[][2]float64{{-6, 28}, {-1, 1}, {0, 6}, {26.5, 27.3}, {0, 0.5}}, []float64{0x1.af8f464588d2ap-01, 0, 0.5, 0.47693627620446987, 26.543, 27.226, 28}, "d3f8292f32bdcab2"},
	{"gelu", gelu, func(x float64) *big.Float { return bigMul(bigOf(x), bigCDF(x)) }, 2,
		[][2]float64{{-39, 9}, {-1, 1}, {-6, 6}, {-38.6, -37.5}}, []float64{-0x1.666d5e9b01226p+00, 0, -37.5, -38.6, 40, -40}, "ad9b4eeba0326a7f"},
	{"geluGrad", geluGrad, bigGELUGrad, 2.5,
		[][2]float64{{-39, 9}, {-0.7, 1}, {-6, -0.8}, {-38.6, -37.5}}, []float64{0, -37.5, -38.6, 40, -40}, "51093d1177041545"},
	{"sin", sin, func(x float64) *big.Float { return bigSinCos(x, 0) }, 1,
		[][2]float64{{-10, 10}, {-0.8, 0.8}, {-1e6, 1e6}, {0, 1e12}, {0x1p30, 0x1p31}}, trigPoints(), "45c384940631b37b"},
	{"cos", cos, func(x float64) *big.Float { return bigSinCos(x, 1) }, 1,
		[][2]float64{{-10, 10}, {-0.8, 0.8}, {-1e6, 1e6}, {0, 1e12}, {0x1p30, 0x1p31}}, trigPoints(), "4389d6833fe78e0f"},
}

// trigPoints are numbers near multiples of π/2, 6381956970095103·2⁷⁹⁷ being the
// float64 that comes nearest to one (Muller, Elementary Functions).
func trigPoints() []float64 {
	x := []float64{6381956970095103 * 0x1p797, 5.319372648326541e+255, 0x1p30, 0x1p1023, math.MaxFloat64, 355, 22, 0x1.6ac5b262ca1ffp849}
	for k := 1; k < 200; k++ {
		x = append(x, float64(float64(k)*(math.Pi/4)), float64(float64(k*104729)*(math.Pi/2)))
	}
	return x
}

// testPoints are about n numbers: all kinds of bit patterns, uniform in the
// ranges, of small magnitude, and around the thresholds.
func testPoints(n int, ranges [][2]float64, at []float64) []float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	special := []float64{0, 1, 0.5, 2, math.SmallestNonzeroFloat64, 0x1p-1022, 0x1p-1021, 1e-300, 1e-30, 1e-17, 1e-16, 1e-8, 1e-3,
		math.MaxFloat64, 1e300, 1e100, 1e20, 1e16, 1e10, 1e5, math.Inf(1), math.NaN()}
	var x []float64
	for _, v := range append(special, at...) {
		below, above := v, v
		for range 4 {
			x = append(x, below, above, -below, -above)
			below, above = math.Nextafter(below, math.Inf(-1)), math.Nextafter(above, math.Inf(1))
		}
	}
	for len(x) < n {
		x = append(x, math.Float64frombits(rng.Uint64()))
		for _, r := range ranges {
			u := float64(float64(rng.Uint64()>>11) * 0x1p-53)
			x = append(x, r[0]+float64(u*(r[1]-r[0])))
			// of random magnitude, inside the range
			v := float64(u * math.Float64frombits((1023-rng.Uint64()&63)<<52))
			x = append(x, float64(v*r[1]), float64(v*r[0]))
		}
	}
	return x
}

func TestFunctionError(t *testing.T) {
	n := 24_000
	if testing.Short() {
		n = 4_000
	}
	for _, c := range unaryFuncs {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			worst, at, tested := 0.0, 0.0, 0
			for _, x := range testPoints(n, c.ranges, c.at) {
				y := c.f(x)
				if x != x || math.IsInf(x, 0) || y != y && (x < 0 && c.name == "log" || x < -1 && c.name == "log1p") {
					continue // TestFunctionSpecials
				}
				if x == 0 && c.name == "log" || x == -1 && c.name == "log1p" {
					continue
				}
				if c.name == "geluGrad" && math.Abs(x+0.75) < 0.25 {
					continue // around the zero, TestGELUGradZero
				}
				if e := ulps(y, c.ref(x)); e > worst {
					worst, at = e, x
				}
				tested++
			}
			t.Logf("%s: %.3f ulp at %v (%x), %d points", c.name, worst, at, at, tested)
			if !(worst <= c.bound) {
				w, _ := c.ref(at).Float64()
				t.Errorf("%s(%x) = %x, want %x within %v ulp, is %.3f", c.name, at, c.f(at), w, c.bound, worst)
			}
		})
	}
}

// Around its zero at -0.7518 the derivative of GELU is a small difference, with
// an error of a rounding of its terms; beside that the error is some ulp again.
func TestGELUGradZero(t *testing.T) {
	for i := range 4000 {
		x := -0.75 + float64(i-2000)*0.4/2000
		got, want := geluGrad(x), bigGELUGrad(x)
		if d, _ := bigSub(bigOf(got), want).Float64(); math.Abs(x+0.75) <= 0.25 && math.Abs(d) > 0x1p-54 {
			t.Fatalf("geluGrad(%v) = %v, off by %v", x, got, d)
		}
		if e := ulps(got, want); math.Abs(x+0.75) >= 0.25 && e > 2.5 {
			t.Fatalf("geluGrad(%v) = %v, off by %v ulp", x, got, e)
		}
	}
}

// powPoints are about n pairs: results over the whole range of float64, bases
// around 1, small exponents, integer ones, and any bit patterns.
func powPoints(n int) (x, y []float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	uniform := func() float64 { return float64(float64(rng.Uint64()>>11) * 0x1p-53) }
	for len(x) < n {
		a := math.Float64frombits(rng.Uint64() >> 1)
		if !(a <= math.MaxFloat64) || a == 0 {
			continue
		}
		b := 0.5 + uniform()
		c := 1 + float64((uniform()-0.5)*math.Float64frombits((1023-rng.Uint64()&31)<<52))
		t := float64((uniform() - 0.5) * 1480)
		x = append(x, a, a, b, b, c, c, 0.999, -b, 10, a, math.Float64frombits(rng.Uint64()))
		y = append(y, t/log(a), float64(uniform()*0x1p-20), t/log(b), uniform()-0.5, t/log(c), 3*uniform(), math.Floor(100000*uniform()),
			math.Floor(float64(1000*uniform()))-500, float64(680*uniform())-340, 0.5, math.Float64frombits(rng.Uint64()))
	}
	return x, y
}

func TestPowError(t *testing.T) {
	n := 40_000
	if testing.Short() {
		n = 8_000
	}
	t.Run("pow", func(t *testing.T) {
		t.Parallel()
		worst, wx, wy := 0.0, 0.0, 0.0
		xs, ys := powPoints(n)
		for i, x := range xs {
			y := ys[i]
			if x != x || y != y || math.IsInf(x, 0) || math.IsInf(y, 0) || x < 0 && y != math.Trunc(y) || x == 0 {
				continue
			}
			if e := ulps(pow(x, y), bigPow(x, y)); e > worst {
				worst, wx, wy = e, x, y
			}
		}
		t.Logf("pow: %.3f ulp at %v, %v", worst, wx, wy)
		if !(worst <= 1) {
			w, _ := bigPow(wx, wy).Float64()
			t.Errorf("pow(%x, %x) = %x, want %x within 1 ulp, is %.3f", wx, wy, pow(wx, wy), w, worst)
		}
	})
	t.Run("powi", func(t *testing.T) {
		t.Parallel()
		worst, wx, wn := 0.0, 0.0, 0
		rng := rand.New(rand.NewPCG(5, 6))
		for range n / 2 {
			// results over the whole range, bases down to where n = 10⁶
			m := int(rng.Uint64()>>1) >> (44 + rng.Uint64()&15)
			l := float64(float64(rng.Uint64()>>11)*0x1p-53*1460) - 740
			x := exp(l / float64(max(m, 1)))
			if rng.Uint64()&1 != 0 {
				x = -x
			}
			if rng.Uint64()&1 != 0 {
				m = -m
			}
			if x == 0 || math.IsInf(x, 0) {
				continue
			}
			if e := ulps(powi(x, m), bigPow(x, float64(m))); e > worst {
				worst, wx, wn = e, x, m
			}
		}
		t.Logf("powi: %.3f ulp at %v, %v", worst, wx, wn)
		if !(worst <= 2.5) {
			w, _ := bigPow(wx, float64(wn)).Float64()
			t.Errorf("powi(%x, %d) = %x, want %x within 2.5 ulp, is %.3f", wx, wn, powi(wx, wn), w, worst)
		}
	})
}

var (
	inf  = math.Inf(1)
	nan  = math.NaN()
	zero = math.Copysign(0, -1) // −0
	tiny = math.SmallestNonzeroFloat64
)

// sameNumber reports whether x and y have the same bits or are both NaN.
func sameNumber(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
}

func TestFunctionSpecials(t *testing.T) {
	const (
		big    = math.MaxFloat64
		normal = 0x1p-1022
	)
	for _, c := range []struct {
		name string
		f    func(float64) float64
		xy   [][2]float64
	}{
		{"exp", exp, [][2]float64{{0, 1}, {zero, 1}, {inf, inf}, {-inf, 0}, {big, inf}, {-big, 0}, {tiny, 1}, {-tiny, 1}, {709.782712893384, 0x1.fffffffffff2ap+1023},
			{709.7827128933841, inf}, {-745.1332191019411, tiny}, {-745.1332191019412, 0}, {1, math.E}}},
		{"expm1", expm1, [][2]float64{{0, 0}, {zero, zero}, {inf, inf}, {-inf, -1}, {big, inf}, {-big, -1}, {tiny, tiny}, {-tiny, -tiny}, {normal, normal}, {1e-20, 1e-20}, {-40, -1}}},
		{"log", log, [][2]float64{{0, -inf}, {zero, -inf}, {inf, inf}, {-inf, nan}, {-tiny, nan}, {-1, nan}, {1, 0}, {tiny, -0x1.74385446d71c3p+9}, {normal, -0x1.6232bdd7abcd2p+9}, {big, 0x1.62e42fefa39efp+9}}},
		{"log1p", log1p, [][2]float64{{0, 0}, {zero, zero}, {inf, inf}, {-inf, nan}, {-1, -inf}, {-1.5, nan}, {-big, nan}, {tiny, tiny}, {-tiny, -tiny}, {normal, normal}, {big, 0x1.62e42fefa39efp+9}}},
		{"tanh", tanh, [][2]float64{{0, 0}, {zero, zero}, {inf, 1}, {-inf, -1}, {big, 1}, {-big, -1}, {tiny, tiny}, {-tiny, -tiny}, {normal, normal}, {20, 1}, {-20, -1}}},
		{"sigmoid", sigmoid, [][2]float64{{0, 0.5}, {zero, 0.5}, {inf, 1}, {-inf, 0}, {big, 1}, {-big, 0}, {tiny, 0.5}, {-745.1332191019411, tiny}, {-746, 0}, {40, 1}}},
		{"softplus", softplus, [][2]float64{{0, math.Ln2}, {zero, math.Ln2}, {inf, inf}, {-inf, 0}, {big, big}, {-big, 0}, {tiny, math.Ln2}, {-745.1332191019411, tiny}, {-746, 0}, {40, 40}, {1e300, 1e300}}},
		{"erf", erf, [][2]float64{{0, 0}, {zero, zero}, {inf, 1}, {-inf, -1}, {big, 1}, {-big, -1}, {tiny, tiny}, {-tiny, -tiny}, {6, 1}, {-6, -1}}},
		{"erfc", erfc, [][2]float64{{0, 1}, {zero, 1}, {inf, 0}, {-inf, 2}, {big, 0}, {-big, 2}, {tiny, 1}, {-tiny, 1}, {27.3, 0}, {-6, 2}}},
		{"gelu", gelu, [][2]float64{{0, 0}, {zero, zero}, {inf, inf}, {-inf, zero}, {big, big}, {-big, zero}, {2 * tiny, tiny}, {-2 * tiny, -tiny}, {-40, zero}, {40, 40}}},
		{"geluGrad", geluGrad, [][2]float64{{0, 0.5}, {zero, 0.5}, {inf, 1}, {-inf, zero}, {big, 1}, {-big, zero}, {tiny, 0.5}, {-40, zero}, {40, 1}}},
		{"sin", sin, [][2]float64{{0, 0}, {zero, zero}, {inf, nan}, {-inf, nan}, {tiny, tiny}, {-tiny, -tiny}, {normal, normal}, {big, 0x1.452fc98b34e97p-8}, {math.Pi, 0x1.1a62633145c07p-53}, {-big, -0x1.452fc98b34e97p-8}}},
		{"cos", cos, [][2]float64{{0, 1}, {zero, 1}, {inf, nan}, {-inf, nan}, {tiny, 1}, {-tiny, 1}, {big, -0x1.fffe62ecfab75p-1}, {math.Pi / 2, 0x1.1a62633145c07p-54}, {math.Pi, -1}}},
	} {
		for _, v := range append(c.xy, [2]float64{nan, nan}, [2]float64{-nan, nan}) {
			if got := c.f(v[0]); !sameNumber(got, v[1]) {
				t.Errorf("%s(%v) = %x, want %x", c.name, v[0], got, v[1])
			}
		}
	}
}

// The special cases of C99, annex F.9.4.4, against package math, which agrees
// with them on every architecture.
func TestPowSpecials(t *testing.T) {
	v := []float64{0, zero, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, -2.5, inf, -inf, nan, 0x1p53, 0x1p53 - 1, 0x1p54, -0x1p53 + 1, 1e300, -1e300, 5, -5, 4}
	for _, x := range v {
		for _, y := range v {
			if got, want := pow(x, y), math.Pow(x, y); !sameNumber(got, want) && !(math.Abs(got/want-1) < 1e-15) {
				t.Errorf("pow(%v, %v) = %v, want %v", x, y, got, want)
			}
		}
	}
	for _, c := range []struct{ x, y, want float64 }{
		{2, -1074, tiny}, {2, -1075, 0}, {2, 1023, 0x1p1023}, {2, 1024, inf}, {-2, 1023, -0x1p1023}, {-2, -1073, -2 * tiny}, {tiny, 1, tiny}, {tiny, -1, inf},
		{math.MaxFloat64, 1, math.MaxFloat64}, {3, 4, 81}, {10, 22, 1e22}, {9, 0.5, 3}, {0.1, 1, 0.1}, {tiny, 0.5, 0x1p-537},
	} {
		if got := pow(c.x, c.y); !sameNumber(got, c.want) {
			t.Errorf("pow(%v, %v) = %x, want %x", c.x, c.y, got, c.want)
		}
	}
	for _, c := range []struct {
		x    float64
		n    int
		want float64
	}{
		{nan, 0, 1}, {inf, 0, 1}, {0, 0, 1}, {nan, 1, nan}, {nan, -2, nan}, {zero, 1, zero}, {zero, 2, 0}, {zero, 3, zero}, {zero, -1, -inf}, {zero, -2, inf}, {0, -3, inf},
		{inf, 1, inf}, {inf, -1, 0}, {-inf, 3, -inf}, {-inf, -3, zero}, {-inf, 2, inf}, {2, 1023, 0x1p1023}, {2, 1024, inf}, {-2, 1025, -inf}, {2, -1074, tiny}, {2, -1075, 0}, {0.5, 1074, tiny},
		{1.1, 2, float64(1.1 * 1.1 * 1)}, {3, 4, 81}, {-3, 3, -27}, {2, math.MinInt, 0}, {0.5, math.MinInt, inf}, {1, math.MinInt, 1}, {-1, math.MaxInt, -1}, {tiny, -1, inf}, {0x1p-1023, -1, 0x1p1023}, {math.MaxFloat64, -1, 0x1p-1024},
		{math.MaxFloat64, 1, math.MaxFloat64}, {1e200, 2, inf}, {1e-200, 2, 0},
	} {
		x := c.x
		want := c.want
		if x == 1.1 {
			want = x * x
		}
		if got := powi(x, c.n); !sameNumber(got, want) {
			t.Errorf("powi(%v, %d) = %x, want %x", x, c.n, got, want)
		}
	}
}

// A function that rises must not fall from one point to another well apart.
func TestFunctionMonotonic(t *testing.T) {
	for _, c := range unaryFuncs {
		lo, hi := -30.0, 30.0
		sign := 1.0
		switch c.name {
		case "log":
			lo = 0
		case "log1p":
			lo = -1
		case "erfc":
			sign = -1
		case "gelu":
			lo = -0.75
		case "geluGrad":
			lo, hi = -1.4, 1.4
		case "sin":
			lo, hi = -math.Pi/2, math.Pi/2
		case "cos":
			lo, hi = -math.Pi, 0
		}
		last := math.Inf(-1)
		for i := range 20001 {
			x := lo + (hi-lo)*float64(i)/20000
			y := sign * c.f(x)
			if !(y >= last) {
				t.Errorf("%s(%v) = %v, before it %v", c.name, x, c.f(x), sign*last)
				break
			}
			last = y
		}
	}
}

// hashOf returns the start of the SHA-256 of the bits, every NaN being one NaN.
func hashOf(y []float64) string {
	b := make([]byte, 0, 8*len(y))
	for _, v := range y {
		if v != v {
			b = binary.LittleEndian.AppendUint64(b, 0x7ff8000000000001)
			continue
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))[:16]
}

// The same bits on every architecture: the results of 120,000 arguments per
// function, hashed.
func TestFunctionHash(t *testing.T) {
	for _, c := range unaryFuncs {
		x := testPoints(120_000, c.ranges, c.at)
		for i, v := range x {
			x[i] = c.f(v)
		}
		if got := hashOf(x); got != c.hash {
			t.Errorf("%s: hash of %d results is %q, want %q", c.name, len(x), got, c.hash)
		}
	}
	x, y := powPoints(120_000)
	z := make([]float64, len(x))
	for i, v := range x {
		z[i] = pow(v, y[i])
	}
	const powHash = "7864ccecddad558a"
	if got := hashOf(z); got != powHash {
		t.Errorf("pow: hash of %d results is %q, want %q", len(x), got, powHash)
	}
	for i, v := range x {
		z[i] = powi(v, i%4001-2000)
	}
	const powiHash = "dcf0091494daa2ae"
	if got := hashOf(z); got != powiHash {
		t.Errorf("powi: hash of %d results is %q, want %q", len(x), got, powiHash)
	}
}
