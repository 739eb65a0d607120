//go:build !purego && (amd64 || arm64)

package nn

import "math"

// constants are the numbers that the vector kernels need, each four times, to
// be loaded as a vector of AVX2, or two for NEON.
type constants struct {
	expLo, expHi, tanhLo, log2e, shift, ln2hi, ln2lo, c11, c10, c9, c8, c7, c6, c5, c4, c3, zero, half,
	one, two, lp10, lp9, lp8, lp7, lp6, lp5, lp4, lp3, lp2, lp1, lp0, lg6, lg5, lg4, lg3, lg2, lg1, lg0,
	millsC0l, rsqrt2pi, rsqrt2pil, threeQuarters, six, forty, minNormal, two54, minus54, two52,
	two52p1024, maxFinite [4]float64
	signBit, minusInf, sqrtHalf, sqrtTwo [4]uint64
}

var vectors = constants{
	expLo:         [4]float64{expLo, expLo, expLo, expLo},
	expHi:         [4]float64{expHi, expHi, expHi, expHi},
	tanhLo:        [4]float64{tanhLo, tanhLo, tanhLo, tanhLo},
	log2e:         [4]float64{log2e, log2e, log2e, log2e},
	shift:         [4]float64{shift, shift, shift, shift},
	ln2hi:         [4]float64{ln2hi, ln2hi, ln2hi, ln2hi},
	ln2lo:         [4]float64{ln2lo, ln2lo, ln2lo, ln2lo},
	c11:           [4]float64{c11, c11, c11, c11},
	c10:           [4]float64{c10, c10, c10, c10},
	c9:            [4]float64{c9, c9, c9, c9},
	c8:            [4]float64{c8, c8, c8, c8},
	c7:            [4]float64{c7, c7, c7, c7},
	c6:            [4]float64{c6, c6, c6, c6},
	c5:            [4]float64{c5, c5, c5, c5},
	c4:            [4]float64{c4, c4, c4, c4},
	c3:            [4]float64{c3, c3, c3, c3},
	zero:          [4]float64{0, 0, 0, 0},
	half:          [4]float64{0.5, 0.5, 0.5, 0.5},
	one:           [4]float64{1, 1, 1, 1},
	two:           [4]float64{2, 2, 2, 2},
	lp10:          [4]float64{lp10, lp10, lp10, lp10},
	lp9:           [4]float64{lp9, lp9, lp9, lp9},
	lp8:           [4]float64{lp8, lp8, lp8, lp8},
	lp7:           [4]float64{lp7, lp7, lp7, lp7},
	lp6:           [4]float64{lp6, lp6, lp6, lp6},
	lp5:           [4]float64{lp5, lp5, lp5, lp5},
	lp4:           [4]float64{lp4, lp4, lp4, lp4},
	lp3:           [4]float64{lp3, lp3, lp3, lp3},
	lp2:           [4]float64{lp2, lp2, lp2, lp2},
	lp1:           [4]float64{lp1, lp1, lp1, lp1},
	lp0:           [4]float64{lp0, lp0, lp0, lp0},
	lg6:           [4]float64{lg6, lg6, lg6, lg6},
	lg5:           [4]float64{lg5, lg5, lg5, lg5},
	lg4:           [4]float64{lg4, lg4, lg4, lg4},
	lg3:           [4]float64{lg3, lg3, lg3, lg3},
	lg2:           [4]float64{lg2, lg2, lg2, lg2},
	lg1:           [4]float64{lg1, lg1, lg1, lg1},
	lg0:           [4]float64{lg0, lg0, lg0, lg0},
	millsC0l:      [4]float64{millsC0l, millsC0l, millsC0l, millsC0l},
	rsqrt2pi:      [4]float64{rsqrt2pi, rsqrt2pi, rsqrt2pi, rsqrt2pi},
	rsqrt2pil:     [4]float64{rsqrt2pil, rsqrt2pil, rsqrt2pil, rsqrt2pil},
	threeQuarters: [4]float64{0.75, 0.75, 0.75, 0.75},
	six:           [4]float64{6, 6, 6, 6},
	forty:         [4]float64{40, 40, 40, 40},
	minNormal:     [4]float64{0x1p-1022, 0x1p-1022, 0x1p-1022, 0x1p-1022},
	two54:         [4]float64{0x1p54, 0x1p54, 0x1p54, 0x1p54},
	minus54:       [4]float64{-54, -54, -54, -54},
	two52:         [4]float64{0x1p52, 0x1p52, 0x1p52, 0x1p52},
	two52p1024:    [4]float64{0x1p52 + 1024, 0x1p52 + 1024, 0x1p52 + 1024, 0x1p52 + 1024},
	maxFinite:     [4]float64{math.MaxFloat64, math.MaxFloat64, math.MaxFloat64, math.MaxFloat64},
	signBit:       [4]uint64{1 << 63, 1 << 63, 1 << 63, 1 << 63},
	minusInf:      [4]uint64{0xfff << 52, 0xfff << 52, 0xfff << 52, 0xfff << 52},
	sqrtHalf:      [4]uint64{sqrtHalf, sqrtHalf, sqrtHalf, sqrtHalf},
	sqrtTwo:       [4]uint64{sqrtHalf + 1<<52, sqrtHalf + 1<<52, sqrtHalf + 1<<52, sqrtHalf + 1<<52},
}
