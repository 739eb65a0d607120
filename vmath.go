package nn

import (
	"math"
)

// The functions of this file replace those of package math, whose results
// differ between architectures. Each is a fixed sequence of IEEE-754
// operations, the fused ones written as math.FMA, so that it has the same bits
// everywhere; a product that must not be fused into a sum is inside float64().
// An error bound counts units in the last place of the correct result and holds
// for every argument, results in the subnormal range included.
//
// A pair (hi, lo) stands for the unrounded sum hi + lo, with |lo| about
// 2⁻⁵³·|hi|: the error of hi is kept to be added in the end.

const (
	log2e = 0x1.71547652b82fep+0
	shift = 0x1.8p52        // adding and subtracting it rounds to an integer, ties to even
	ln2hi = 0x1.62e42feep-1 // the 20 low bits are zero: k·ln2hi is exact for |k| < 2²⁰
	ln2lo = 0x1.a39ef35793c76p-33

	expHi  = 710.0  // exp(x) = +Inf for x ≥ 709.79
	expLo  = -746.0 // exp(x) = 0 for x ≤ -745.14
	tanhLo = -40.0  // tanh(20) rounds to 1

	oneBits  = 0x3ff0000000000000
	sqrtHalf = 0x3fe6a09e667f3bcd // the bits of √½
)

// (eʳ − 1 − r)/r² = ½ + c3·r + c4·r² + … on |r| ≤ 0.34661; relative error of
// eʳ − 1: 2⁻⁵⁵·².
const (
	c3  = 0x1.555555555553dp-3
	c4  = 0x1.5555555553b11p-5
	c5  = 0x1.1111111119139p-7
	c6  = 0x1.6c16c179fd805p-10
	c7  = 0x1.a01a017037599p-13
	c8  = 0x1.a019b3a115414p-16
	c9  = 0x1.71de9acb8b582p-19
	c10 = 0x1.28976156faefp-22
	c11 = 0x1.ae43a528d4f61p-26
)

// exp returns eˣ. Error below 1 ulp. exp(-Inf) = 0, exp(+Inf) = +Inf.
//
// With x = k·ln 2 + r, |r| ≤ ½·ln 2, it is 2ᵏ·eʳ, eʳ a polynomial.
func exp(x float64) float64 {
	if x > expHi {
		x = expHi
	}
	if x < expLo {
		x = expLo
	}
	kf := math.FMA(x, log2e, shift)
	k := kf - shift
	r := math.FMA(-k, ln2hi, x)
	r = math.FMA(-k, ln2lo, r)
	p := math.FMA(c11, r, c10)
	p = math.FMA(p, r, c9)
	p = math.FMA(p, r, c8)
	p = math.FMA(p, r, c7)
	p = math.FMA(p, r, c6)
	p = math.FMA(p, r, c5)
	p = math.FMA(p, r, c4)
	p = math.FMA(p, r, c3)
	p = math.FMA(p, r, 0.5)
	p = math.FMA(p, r, 1)
	p = math.FMA(p, r, 1)
	return scale2(p, kf)
}

// scale2 returns p·2ᵏ for kf = shift + k, |k| < 2000, rounding once: the first
// of the two factors leaves p normal.
func scale2(p, kf float64) float64 {
	b := math.Float64bits(kf) // 0x4338000000000000 + k as integers
	h := b >> 1               // ⌊k/2⌋ in the low bits
	p = float64(p * math.Float64frombits(h<<52+oneBits))
	return float64(p * math.Float64frombits((b-h)<<52+oneBits))
}

// expm1Parts returns s = 2ᵏ and p = eʳ − 1 with x = k·ln 2 + r, for |x| ≤ 40.
func expm1Parts(x float64) (s, p float64) {
	kf := math.FMA(x, log2e, shift)
	k := kf - shift
	r := math.FMA(-k, ln2hi, x)
	r = math.FMA(-k, ln2lo, r)
	q := math.FMA(c11, r, c10)
	q = math.FMA(q, r, c9)
	q = math.FMA(q, r, c8)
	q = math.FMA(q, r, c7)
	q = math.FMA(q, r, c6)
	q = math.FMA(q, r, c5)
	q = math.FMA(q, r, c4)
	q = math.FMA(q, r, c3)
	q = math.FMA(q, r, 0.5)
	p = math.FMA(float64(r*r), q, r)
	s = math.Float64frombits(math.Float64bits(kf)<<52 + oneBits)
	return s, p
}

// expm1 returns eˣ − 1, accurate for small x. Error below 2.5 ulp.
// expm1(±0) = ±0, expm1(-Inf) = -1, expm1(+Inf) = +Inf.
func expm1(x float64) float64 {
	if x > 40 {
		return exp(x)
	}
	y := x
	if y < -40 {
		y = -40
	}
	s, p := expm1Parts(y)
	return math.Copysign(math.FMA(s, p, s-1), x)
}

// tanh returns the hyperbolic tangent of x. Error below 2.5 ulp.
// tanh(±0) = ±0, tanh(±Inf) = ±1.
//
// It is −u/(2+u), u = expm1(−2|x|), with the sign of x.
func tanh(x float64) float64 {
	y := -math.Abs(x)
	y += y
	if y < tanhLo {
		y = tanhLo
	}
	s, p := expm1Parts(y)
	n := math.FMA(s, p, s-1)
	d := math.FMA(s, p, s+1)
	return math.Copysign(n/d, x)
}

// sigmoid returns 1/(1+e⁻ˣ). Error below 2.5 ulp, also in the left tail.
// sigmoid(-Inf) = 0, sigmoid(+Inf) = 1.
//
// It uses e = e^−|x|, which never overflows: e/(1+e) for negative x, else 1/(1+e).
func sigmoid(x float64) float64 {
	e := exp(-math.Abs(x))
	m := uint64(int64(math.Float64bits(x)) >> 63) // all ones for negative x
	n := math.Float64frombits(oneBits ^ (oneBits^math.Float64bits(e))&m)
	return n / (1 + e)
}

// (atanh(s)/s − 1)/z = lg0 + lg1·z + …, z = s² ≤ 0.0295; error of atanh 2⁻⁵⁷·⁶.
const (
	lg0 = 0x1.5555555555558p-2
	lg1 = 0x1.999999999531cp-3
	lg2 = 0x1.2492492defb07p-3
	lg3 = 0x1.c71c62e541c4ep-4
	lg4 = 0x1.7462b50a97ca1p-4
	lg5 = 0x1.39fe4eb5b5a98p-4
	lg6 = 0x1.2b5949cffbb4bp-4
)

// log returns the natural logarithm of x. Error below 1 ulp.
// log(±0) = -Inf, log(+Inf) = +Inf, log of a negative number is NaN.
func log(x float64) float64 {
	k0 := 0.0
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case x < 0x1p-1022:
		x *= 0x1p54
		k0 = -54
	}
	k, m := frexp(x)
	return logParts(k+k0, m-1, 0)
}

// frexp returns k and m in [√½, √2) with x = m·2ᵏ, for normal positive x.
func frexp(x float64) (k, m float64) {
	b := math.Float64bits(x)
	d := int64(b-sqrtHalf) >> 52
	return float64(d), math.Float64frombits(b - uint64(d)<<52)
}

// logParts returns k·ln 2 + log(1+f) + c, with √½ ≤ 1+f < √2 and c small.
//
// log(1+f) = 2·atanh(s), s = f/(2+f), arranged as f − (f²/2 − s·(f²/2 + R)) so
// that the exact f carries the result (fdlibm's e_log.c).
func logParts(k, f, c float64) float64 {
	s := f / (2 + f)
	z := float64(s * s)
	p := math.FMA(lg6, z, lg5)
	p = math.FMA(p, z, lg4)
	p = math.FMA(p, z, lg3)
	p = math.FMA(p, z, lg2)
	p = math.FMA(p, z, lg1)
	p = math.FMA(p, z, lg0)
	h := float64(float64(0.5*f) * f)
	t := math.FMA(float64(2*z), p, h)
	lo := math.FMA(s, t, float64(k*ln2lo)+c)
	return math.FMA(k, ln2hi, f-(h-lo))
}

// log1p returns log(1+x), accurate for small x. Error below 1 ulp.
// log1p(±0) = ±0, log1p(-1) = -Inf, log1p(+Inf) = +Inf, NaN for x < -1.
func log1p(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64 || math.Abs(x) < 0x1p-54:
		return x
	case x < -1:
		return math.NaN()
	case x == -1:
		return math.Inf(-1)
	}
	u := 1 + x
	k, m := frexp(u)
	if k == 0 {
		return logParts(0, x, 0)
	}
	// 1+x = u + e exactly, and log(u+e) = log(u) + e/u but for a square
	b := u - 1
	e := (x - b) + (1 - (u - b))
	return logParts(k, m-1, e/u)
}

// As lg0 …, for z ≤ 1/9; error of atanh 2⁻⁶¹·⁸.
const (
	lp0  = 0x1.5555555555555p-2
	lp1  = 0x1.9999999999b17p-3
	lp2  = 0x1.249249248395bp-3
	lp3  = 0x1.c71c71ce663dap-4
	lp4  = 0x1.745d1698e8599p-4
	lp5  = 0x1.3b13a946cc7cp-4
	lp6  = 0x1.11146441c4a72p-4
	lp7  = 0x1.e137174b530f8p-5
	lp8  = 0x1.b812f142492adp-5
	lp9  = 0x1.4379d20a1e361p-5
	lp10 = 0x1.31df5b302af0fp-4
)

// softplus returns log(1+eˣ). Error below 2 ulp, also in the left tail.
// softplus(-Inf) = 0, softplus(+Inf) = +Inf.
//
// It is max(x, 0) + log(1+e), e = e^−|x| ≤ 1, the logarithm without reduction.
func softplus(x float64) float64 {
	e := exp(-math.Abs(x))
	s := e / (2 + e)
	z := float64(s * s)
	p := math.FMA(lp10, z, lp9)
	p = math.FMA(p, z, lp8)
	p = math.FMA(p, z, lp7)
	p = math.FMA(p, z, lp6)
	p = math.FMA(p, z, lp5)
	p = math.FMA(p, z, lp4)
	p = math.FMA(p, z, lp3)
	p = math.FMA(p, z, lp2)
	p = math.FMA(p, z, lp1)
	p = math.FMA(p, z, lp0)
	r := math.FMA(float64(-2*z), p, e)
	l := math.FMA(-s, r, e) // e − s(e − 2z·p) = 2s(1 + z·p)
	if x > 0 {
		l = x + l
	}
	return l
}

// expPair returns kf = shift + k and hi + lo = e^(x+xl)·2⁻ᵏ with an error of
// about 2⁻⁵⁶, for |x| ≤ 1200 and |xl| much smaller.
func expPair(x, xl float64) (kf, hi, lo float64) {
	kf = math.FMA(x, log2e, shift)
	k := kf - shift
	a := math.FMA(-k, ln2hi, x) // exact
	w := float64(k * ln2lo)
	b := a - w
	bl := ((a - b) - w) + xl
	r := b + bl
	rl := (b - r) + bl
	q := math.FMA(c11, r, c10)
	q = math.FMA(q, r, c9)
	q = math.FMA(q, r, c8)
	q = math.FMA(q, r, c7)
	q = math.FMA(q, r, c6)
	q = math.FMA(q, r, c5)
	q = math.FMA(q, r, c4)
	q = math.FMA(q, r, c3)
	q = math.FMA(q, r, 0.5)
	p := math.FMA(float64(r*r), q, rl)
	s := r + p
	sl := (r - s) + p
	hi = 1 + s
	lo = ((1 - hi) + s) + sl
	return kf, hi, lo
}

const (
	erf0  = 0x1.20dd750429b6dp+0 // 2/√π = erf0 + erf0l
	erf0l = 0x1.1ae3a914fed80p-56
	sqrt2 = 0x1.6a09e667f3bcdp+0 // √2 = sqrt2 + sqrt2l

	sqrt2l    = -0x1.bdd3413b26456p-54
	rsqrt2pi  = 0x1.9884533d43651p-2 // 1/√(2π) = rsqrt2pi + rsqrt2pil
	rsqrt2pil = -0x1.cbc0d30ebfd15p-56
)

// (erf(x)/x − 2/√π)/z as a polynomial in z = x² ≤ 0.5625; error of erf 2⁻⁵⁷·⁸.
var erfC = [10]float64{
	-0x1.812746b0379e7p-2, 0x1.ce2f21a042bdfp-4, -0x1.b82ce312848cap-6, 0x1.565bcd0c51263p-8, -0x1.c02db31d8b771p-11,
	0x1.f9a2f36d137c9p-14, -0x1.f4cb6bd35b307p-17, 0x1.b9549ecf7ffd3p-20, -0x1.5832e01070216p-23, 0x1.9541a1f447849p-27,
}

// (1+¾x)·e^(x²/2)·Φ(−x) as a polynomial in q = (x−6)/(x+6), 0 ≤ x ≤ 38.75
// (after Shepherd and Laframboise, Math. Comp. 36, 1981); error 2⁻⁵⁸·⁴.
// The first coefficient is millsC[0] + millsC0l.
var millsC = [23]float64{
	0x1.6cd64c1293e2bp-2, -0x1.8359f341e4cc0p-4, 0x1.cd5823761ecadp-5, -0x1.853a315db14fep-6, 0x1.1334918956315p-9, 0x1.0c10d06c578a0p-7,
	-0x1.4a3be2a5bed05p-7, 0x1.fa2b7bfb4b9adp-8, -0x1.230141e6c421dp-8, 0x1.fec17989858a9p-10, -0x1.3e0f8d98b1ce0p-11, 0x1.84db703dd1fdfp-14,
	0x1.858bc40cdaa8cp-16, -0x1.3497f56622055p-16, 0x1.cc31b3b621ee2p-19, 0x1.370e990ebefe2p-20, -0x1.835d4c4189459p-21, 0x1.01c0b10ce9db8p-26,
	0x1.90d7f3f76c9d9p-24, -0x1.11de8e95ba355p-26, -0x1.78c2857a10684p-27, 0x1.2e5521b87e193p-29, 0x1.2f25b4f640ea8p-30,
}

const millsC0l = 0x1.9b2c4e1e03cc8p-56

// mills returns m + ml = e^(x²/2)·Φ(−x) for 0 ≤ x ≤ 40, Mills' ratio over √(2π);
// xl is what x lacks, it matters in the last place only.
func mills(x, xl float64) (m, ml float64) {
	q := (x - 6) / (x + 6)
	// (millsC[1] + millsC[3]·q² + …) + q·(millsC[2] + millsC[4]·q² + …)
	z := float64(q * q)
	s, t := millsC[21], millsC[22]
	for i := 19; i > 0; i -= 2 {
		s = math.FMA(s, z, millsC[i])
		t = math.FMA(t, z, millsC[i+1])
	}
	s = math.FMA(q, t, s)
	p := math.FMA(q, s, millsC[0])
	pl := math.FMA(q, s, millsC[0]-p) + millsC0l
	v := math.FMA(0.75, x, 1)
	vl := math.FMA(0.75, x, 1-v) + float64(0.75*xl)
	r := 1 / v
	m = float64(p * r)
	ml = float64(math.FMA(-m, vl, math.FMA(-m, v, p)+pl) * r)
	return m, ml
}

// tail returns 2⁻ᵏ·Φ(−x) as a pair and kf = shift + k, for 0 ≤ x ≤ 40 with
// x²/2 = h + hl; xl is what x lacks.
func tail(x, xl, h, hl float64) (kf, hi, lo float64) {
	kf, e, el := expPair(-h, -hl)
	m, ml := mills(x, xl)
	hi, lo = pairProduct(e, el, m, ml)
	return kf, hi, lo
}

// pairProduct returns (x + xl)·(y + yl) as a pair.
func pairProduct(x, xl, y, yl float64) (hi, lo float64) {
	hi = float64(x * y)
	return hi, math.FMA(x, y, -hi) + math.FMA(xl, y, float64(x*yl))
}

// halfSquare returns x²/2 as a pair.
func halfSquare(x float64) (h, hl float64) {
	y := float64(0.5 * x)
	h = float64(y * x)
	return h, math.FMA(y, x, -h)
}

// clamp40 returns x brought into [-40, 40], beyond which the tails of the
// normal distribution are 0.
func clamp40(x float64) float64 {
	if x > 40 {
		x = 40
	}
	if x < -40 {
		x = -40
	}
	return x
}

// gelu returns x·Φ(x). Error below 2 ulp, also in the left tail.
// gelu(±0) = ±0, gelu(-Inf) = -0, gelu(+Inf) = +Inf.
func gelu(x float64) float64 {
	c, kf, e, el, m, ml := geluParts(x)
	return geluValue(x, c, kf, e, el, m, ml)
}

// geluGrad returns Φ(x) + x·φ(x), the derivative of x·Φ(x). Error below 2.5 ulp,
// or, from -1 to -0.5, around its zero at -0.7518, below 2⁻⁵⁴.
// geluGrad(-Inf) = -0, geluGrad(+Inf) = 1.
func geluGrad(x float64) float64 {
	c, kf, e, el, m, ml := geluParts(x)
	return geluSlope(x, c, kf, e, el, m, ml)
}

// geluParts returns what gelu and geluGrad have in common: c = clamp40(x),
// exp(−c²/2) = (e + el)·2ᵏ, kf = shift + k, and Mills' ratio m + ml of |c|.
func geluParts(x float64) (c, kf, e, el, m, ml float64) {
	c = clamp40(x)
	h, hl := halfSquare(c)
	kf, e, el = expPair(-h, -hl)
	m, ml = mills(math.Abs(c), 0)
	return c, kf, e, el, m, ml
}

// geluValue returns gelu(x) from its parts.
func geluValue(x, c, kf, e, el, m, ml float64) float64 {
	hi, lo := pairProduct(e, el, m, ml)
	if x > 0 {
		return math.FMA(-c, scale2(hi+lo, kf), x)
	}
	return math.Copysign(scale2(math.FMA(c, hi, float64(c*lo)), kf), x)
}

// geluSlope returns geluGrad(x) from its parts: with a = |x|, g = Φ(−a) − a·φ(a) for
// negative x, and 1 − g for positive x.
func geluSlope(x, c, kf, e, el, m, ml float64) float64 {
	a := math.Abs(c)
	// d + dl = m − a/√(2π): a difference that vanishes near a = 0.75
	w := float64(a * rsqrt2pi)
	wl := math.FMA(a, rsqrt2pi, -w) + float64(a*rsqrt2pil)
	d := m - w
	b := m - d
	dl := ((b - w) + (m - (d + b))) + (ml - wl)
	g := scale2(math.FMA(e, d, math.FMA(e, dl, float64(el*d))), kf)
	if x > 0 {
		return 1 - g
	}
	return g
}

// erf returns the error function 2/√π·∫₀ˣ e^(−t²) dt. Error below 1.5 ulp.
// erf(±0) = ±0, erf(±Inf) = ±1.
func erf(x float64) float64 {
	if math.Abs(x) < 0.75 {
		z := float64(x * x)
		p := erfC[9]
		for i := 8; i >= 0; i-- {
			p = math.FMA(p, z, erfC[i])
		}
		return math.FMA(x, erf0, float64(x*math.FMA(z, p, erf0l)))
	}
	return math.Copysign(1-erfcAbs(x), x)
}

// erfc returns 1 − erf(x), accurate in the right tail. Error below 2 ulp.
// erfc(-Inf) = 2, erfc(+Inf) = 0.
func erfc(x float64) float64 {
	t := erfcAbs(x)
	if x < 0 {
		t = 2 - t
	}
	return t
}

// erfcAbs returns erfc(|x|) = 2Φ(−√2·|x|).
func erfcAbs(x float64) float64 {
	a := math.Abs(x)
	if a > 28 {
		a = 28
	}
	y := float64(a * sqrt2)
	yl := math.FMA(a, sqrt2, -y) + float64(a*sqrt2l)
	h := float64(a * a)
	kf, hi, lo := tail(y, yl, h, math.FMA(a, a, -h))
	t := hi + lo
	return scale2(t+t, kf)
}
