package nn

import (
	"math"
	"math/bits"
)

// π/2 in three parts, each rounded to 53 bits, and 2/π.
const (
	pio2a = 0x1.921fb54442d18p+0
	pio2b = 0x1.1a62633145c07p-54
	pio2c = -0x1.f1976b7ed8fbcp-110
	twoPi = 0x1.45f306dc9c883p-1
)

// The bits of 2/π behind 64 zeros.
var twoPiBits = [20]uint64{
	0,
	0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
	0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
	0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
	0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
	0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
}

// reduce returns n mod 4 and r + rl = x − n·π/2 with |r| ≤ π/4 or hardly more,
// for any finite x.
func reduce(x float64) (n uint64, r, rl float64) {
	if math.Abs(x) > 0x1p30 {
		return reduceBig(x)
	}
	kf := math.FMA(x, twoPi, shift)
	k := kf - shift
	a := math.FMA(-k, pio2a, x) // exact
	// a − k·(pio2b + pio2c) without loss
	w := float64(k * pio2b)
	wl := math.FMA(k, pio2b, -w)
	r = a - w
	b := a - r
	rl = (b - w) + (a - (r + b))
	rl -= math.FMA(k, pio2c, wl)
	n = math.Float64bits(kf) & 3
	return n, r, rl
}

// reduceBig is reduce in integers (Payne and Hanek, 1983), for |x| ≥ 2.
func reduceBig(x float64) (n uint64, r, rl float64) {
	// |x| = m·2ᵉ. Of 2/π only 192 bits matter, from the one of weight 2¹⁻ᵉ on:
	// those before give multiples of 4, those after less than 2⁻¹³⁷.
	b := math.Float64bits(x) &^ (1 << 63)
	m := b&(1<<52-1) | 1<<52
	at := uint(b>>52) - 1075 + 62
	i, s := at/64, at%64
	t := twoPiBits[i : i+4]
	w0 := t[0]<<s | t[1]>>(64-s)
	w1 := t[1]<<s | t[2]>>(64-s)
	w2 := t[2]<<s | t[3]>>(64-s)
	// (p0, p1, p2) = m·w mod 2¹⁹², with the binary point after two bits
	h2, p2 := bits.Mul64(m, w2)
	h1, p1 := bits.Mul64(m, w1)
	p1, c := bits.Add64(p1, h2, 0)
	p0 := m*w0 + h1 + c
	n = p0 >> 62
	// The fraction f of two words, signed so that |f| ≤ ½.
	f0 := p0<<2 | p1>>62
	f1 := p1<<2 | p2>>62
	sign := b ^ math.Float64bits(x)
	if f0>>63 != 0 {
		n++
		f1, c = bits.Sub64(0, f1, 0)
		f0, _ = bits.Sub64(0, f0, c)
		sign ^= 1 << 63
	}
	if math.Float64bits(x)>>63 != 0 {
		n = -n
	}
	z := uint(bits.LeadingZeros64(f0)) // at most 62 for a float64
	f0 = f0<<z | f1>>(64-z)
	f1 <<= z
	unit := math.Float64frombits(uint64(1023-53-z)<<52 | sign)
	hi := float64(int64(f0>>11)) * unit
	lo := float64(int64(f0&(1<<11-1)<<42|f1>>22)) * unit * 0x1p-53
	r = float64(hi * pio2a)
	rl = math.FMA(hi, pio2a, -r) + math.FMA(hi, pio2b, float64(lo*pio2a))
	return n & 3, r, rl
}

// (sin(r)/r − 1)/z and (cos(r) − 1 + z/2)/z² as polynomials in z = r² ≤ 0.62;
// errors of sin and cos 2⁻⁶¹·⁰ and 2⁻⁶⁰·⁹.
const (
	sn0 = -0x1.5555555555555p-3
	sn1 = 0x1.111111111101fp-7
	sn2 = -0x1.a01a019fe8f1fp-13
	sn3 = 0x1.71de3a111c5cbp-19
	sn4 = -0x1.ae63f9a0ec942p-26
	sn5 = 0x1.60e720e447c62p-33
	sn6 = -0x1.8e1ea73a965ecp-41

	cs0 = 0x1.5555555555555p-5
	cs1 = -0x1.6c16c16c168c1p-10
	cs2 = 0x1.a01a019f359cep-16
	cs3 = -0x1.27e4f9ff3296dp-22
	cs4 = 0x1.1eeb53c6eb1bdp-29
	cs5 = -0x1.9070812d2c17bp-37
)

// sinPair returns sin(r+rl) for |r| ≤ π/4.
func sinPair(r, rl float64) float64 {
	z := float64(r * r)
	p := math.FMA(sn6, z, sn5)
	p = math.FMA(p, z, sn4)
	p = math.FMA(p, z, sn3)
	p = math.FMA(p, z, sn2)
	p = math.FMA(p, z, sn1)
	p = math.FMA(p, z, sn0)
	// sin(r+rl) = sin(r) + rl·cos(r)
	l := math.FMA(float64(-0.5*z), rl, rl)
	return r + math.FMA(float64(z*r), p, l)
}

// cosPair returns cos(r+rl) for |r| ≤ π/4.
func cosPair(r, rl float64) float64 {
	z := float64(r * r)
	p := math.FMA(cs5, z, cs4)
	p = math.FMA(p, z, cs3)
	p = math.FMA(p, z, cs2)
	p = math.FMA(p, z, cs1)
	p = math.FMA(p, z, cs0)
	h := float64(0.5 * z)
	w := 1 - h
	l := math.FMA(-r, rl, (1-w)-h) // cos(r+rl) = cos(r) − rl·r
	return w + math.FMA(float64(z*z), p, l)
}

// sin returns the sine of x radians. Error below 2.5 ulp for every finite x.
// sin(±0) = ±0; sin(±Inf) is NaN.
func sin(x float64) float64 {
	if x == 0 {
		return x
	}
	if !(math.Abs(x) <= math.MaxFloat64) {
		return math.NaN()
	}
	n, r, rl := reduce(x)
	y := sinPair(r, rl)
	if n&1 != 0 {
		y = cosPair(r, rl)
	}
	if n&2 != 0 {
		y = -y
	}
	return y
}

// cos returns the cosine of x radians. Error below 2.5 ulp for every finite x.
// cos(±Inf) is NaN.
func cos(x float64) float64 {
	if !(math.Abs(x) <= math.MaxFloat64) {
		return math.NaN()
	}
	n, r, rl := reduce(x)
	y := cosPair(r, rl)
	if n&1 != 0 {
		y = sinPair(r, rl)
	}
	if (n+1)&2 != 0 {
		y = -y
	}
	return y
}
