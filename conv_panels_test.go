package nn

import (
	"slices"
	"testing"
)

// Convolutions of all sorts, forward and back, have the bits that they have in plain
// Go, which TestConvRecipe compares with the definition.
func TestConvPanels(t *testing.T) {
	type layerCase struct {
		layer Layer
		in    Shape
	}
	cases := []layerCase{
		{Conv2D(6, 5).WithPadding(2), Shape{1, 28, 28}}, {Conv2D(16, 5), Shape{6, 14, 14}},
		{Conv2D(64, 3).WithPadding(1), Shape{30, 9, 8}},                   // blocks of channels
		{Conv2D(8, 3).WithPadding(1), Shape{4, 30, 32}},                   // tiles of rows
		{Conv2D(12, 16).WithPadding(8), Shape{5, 20, 20}},                 // as many elements as a panel has,
		{Conv2D(4, 17).WithPadding(8), Shape{4, 18, 18}},                  // and more
		{Conv2D(4, 3).WithDilation(40).WithPadding(40), Shape{4, 7, 9}},   // more padding than image,
		{Conv2D(4, 2).WithDilation(300).WithPadding(160), Shape{4, 9, 7}}, // windows that are too large,
		{Conv2D(4, 2).WithPadding(5), Shape{4, 2, 3}},                     // and ones with nothing but padding
		{Conv1D(4, 3).WithPadding(1), Shape{5, 1500}}, {Conv1D(8, 9).WithDilation(2), Shape{40, 700}},
		{Conv2D(8, 3).WithPadding(1), Shape{4, 1, 600}},
		{Conv2D(256, 3).WithStride(2).WithPadding(1), Shape{64, 8, 8}},    // one chain for dW
		{Conv2D(300, 2), Shape{70, 4, 5}},                                 // filters that make blocks of channels small,
		{Conv2D(1600, 1).WithKernel(1, 2), Shape{5, 2, 4}},                // and more than spread has panels for
		{Conv2D(5, 2).WithDilation(60).WithPadding(60), Shape{6, 70, 70}}, // windows of few channels at a time
		{Conv2D(5, 2).WithDilation(30).WithPadding(30), Shape{9, 70, 70}},
		{ConvTranspose2D(6, 4).WithStride(2).WithPadding(1), Shape{8, 9, 7}},
		{ConvTranspose2D(5, 3), Shape{3, 6, 8}},
	}
	rng := testRand()
	for len(cases) < 90 {
		one := func(n int) int { return 1 + intN(rng, n) }
		l := Conv2D(one(22), 1).WithKernel(one(5), one(5)).WithStrides(one(2), one(2)).WithDilation(one(2)).
			WithPads(intN(rng, 4), intN(rng, 4), intN(rng, 4), intN(rng, 4))
		l.NoBias = intN(rng, 3) == 0
		in := Shape{one(9), 9 + intN(rng, 6), 9 + intN(rng, 20)}
		if g := one(3); g > 1 {
			l.Groups, l.Filters, in[0] = g, g*one(8), g*one(5)
		}
		cases = append(cases, layerCase{l, in})
	}
	names := kernelNames()
	for i, c := range cases {
		out, err := c.layer.Build(c.in, rng)
		if err != nil {
			t.Fatal(err)
		}
		n := 1 + i%6
		x, dy := randomMatrix(rng, n, c.in.Size()), randomMatrix(rng, n, out.Size())
		if len(c.layer.Params()) > 1 {
			c.layer.Params()[1].Value.FillNormal(rng, 0, 1)
		}
		var want [][]float64
		for _, name := range slices.Backward(names) { // plain Go first
			restore := useKernels(name)
			y, dx := trip(c.layer, x, dy)
			restore()
			got := [][]float64{y.Data, dx.Data}
			for _, q := range c.layer.Params() {
				got = append(got, q.Grad.Data)
			}
			if want == nil {
				want = got
			}
			for j, what := range []string{"y", "dx", "dW", "db"}[:len(got)] {
				if !sameBits(got[j], want[j]) {
					t.Errorf("%s%v, %d samples, %s: other bits of %s than in plain Go", describe(c.layer), c.in, n, name, what)
				}
			}
		}
	}
}
