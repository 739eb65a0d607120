package nn

import "math"

// log in extended precision: (atanh(s)/s − 1 − z/3)/z² as a polynomial in
// z = s² ≤ 0.0295; error of atanh 2⁻⁶⁹·¹. 1/3 is third + thirdl.
const (
	pw0 = 0x1.999999999999ap-3
	pw1 = 0x1.24924924922e4p-3
	pw2 = 0x1.c71c71c7531c3p-4
	pw3 = 0x1.745d1737ffe29p-4
	pw4 = 0x1.3b13ab8670055p-4
	pw5 = 0x1.1114ffcd59f1cp-4
	pw6 = 0x1.e02864057f3cap-5
	pw7 = 0x1.da1a0e4c22d7bp-5

	third  = 0x1.5555555555555p-2
	thirdl = 0x1.5555555555555p-56
)

// logPair returns log(x) as a pair with a relative error of about 2⁻⁶⁵, for
// finite x > 0.
func logPair(x float64) (hi, lo float64) {
	k0 := 0.0
	if x < 0x1p-1022 {
		x *= 0x1p54
		k0 = -54
	}
	k, m := frexp(x)
	k += k0
	// s + sl = f/(2+f)
	f := m - 1
	u := 1 + m
	ul := m - (u - 1)
	s := f / u
	sl := math.FMA(-s, ul, math.FMA(-s, u, f)) / u
	z := float64(s * s)
	zl := math.FMA(s, s, -z) + float64(float64(2*s)*sl)
	q := math.FMA(pw7, z, pw6)
	q = math.FMA(q, z, pw5)
	q = math.FMA(q, z, pw4)
	q = math.FMA(q, z, pw3)
	q = math.FMA(q, z, pw2)
	q = math.FMA(q, z, pw1)
	q = math.FMA(q, z, pw0)
	// p + pl = 1/3 + z·q and v + vl = z·p
	w := float64(z * q)
	p := third + w
	pl := ((third - p) + w) + thirdl
	v := float64(z * p)
	vl := math.FMA(z, p, -v) + math.FMA(z, pl, float64(zl*p))
	// log(m) = 2s(1 + v)
	s = float64(2 * s)
	sl = float64(2 * sl)
	t := float64(s * v)
	tl := math.FMA(s, v, -t) + math.FMA(s, vl, float64(sl*v))
	a := s + t
	al := ((s - a) + t) + (sl + tl)
	// plus k·ln 2
	b := float64(k * ln2hi) // exact
	c := b + a
	cl := ((b - c) + a) + math.FMA(k, ln2lo, al)
	hi = c + cl
	lo = (c - hi) + cl
	return hi, lo
}

// pow returns xʸ. Error below 1 ulp. The special cases are those of C99 and
// of math.Pow: pow(x, ±0) = pow(1, y) = 1 also for NaN, pow(-1, ±Inf) = 1, NaN
// for negative finite x with a finite y that is no integer.
func pow(x, y float64) float64 {
	odd := isOdd(y)
	a := math.Abs(x)
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return math.NaN()
	case math.Abs(y) > math.MaxFloat64:
		switch {
		case a == 1:
			return 1
		case (a > 1) == (y > 0):
			return math.Inf(1)
		}
		return 0
	case a == 0 || a > math.MaxFloat64:
		r := 0.0
		if (a == 0) == (y < 0) {
			r = math.Inf(1)
		}
		if odd {
			r = math.Copysign(r, x)
		}
		return r
	case x < 0 && y != math.Trunc(y):
		return math.NaN()
	}
	// |x|ʸ = e^(y·log|x|)
	l, ll := logPair(a)
	p := float64(y * l)
	r := 0.0
	switch {
	case p > expHi:
		r = math.Inf(1)
	case p >= expLo:
		pl := math.FMA(y, l, -p) + float64(y*ll)
		kf, hi, lo := expPair(p, pl)
		r = scale2(hi+lo, kf)
	}
	if odd {
		r = math.Copysign(r, x)
	}
	return r
}

// isOdd reports whether y is an odd integer.
func isOdd(y float64) bool {
	h := float64(0.5 * y)
	return y == math.Trunc(y) && h != math.Trunc(h) && math.Abs(y) <= math.MaxFloat64
}

// powi returns xⁿ by repeated squaring in extended precision. Error below
// 2.5 ulp; x² is x·x rounded once. powi(x, 0) = 1 also for NaN; for negative n
// it is the power of 1/x.
func powi(x float64, n int) float64 {
	m := uint64(n)
	b, bl := x, 0.0
	if n < 0 {
		m = -m
		b = 1 / x
		if math.Abs(x) <= math.MaxFloat64 && math.Abs(b) <= math.MaxFloat64 {
			bl = float64(math.FMA(-b, x, 1) * b)
		}
	}
	r, rl := 1.0, 0.0
	for {
		if m&1 != 0 {
			r, rl = mulPair(r, rl, b, bl)
		}
		if m >>= 1; m == 0 {
			return r
		}
		b, bl = mulPair(b, bl, b, bl)
	}
}

// mulPair returns (x+xl)·(y+yl) as a pair z + zl with z = z + zl rounded; the
// low part is 0 where the product is 0 or not finite.
func mulPair(x, xl, y, yl float64) (z, zl float64) {
	p := float64(x * y)
	if p == 0 || !(math.Abs(p) <= math.MaxFloat64) {
		return p, 0
	}
	pl := math.FMA(x, y, -p) + math.FMA(x, yl, float64(xl*y))
	z = p + pl
	return z, (p - z) + pl
}
