package nn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// depthwiseRecipe is the recipe of depthwise convolutions for the planes of a batch:
// chains from the bias for y and in order of positions for dx, and for dw and db
// sums of groups of samples, for which dot products of rows are added in order.
func depthwiseRecipe(g *convolution, w, b, x, dy []float64, samples int) (y, dx, dw, db []float64) {
	kernel, width := g.kernel(), g.cols.in
	y, dx = make([]float64, len(dy)), make([]float64, len(x))
	dw, db = make([]float64, len(w)), make([]float64, g.f)
	for first := 0; first < samples; first += gradGroup {
		sumW, sumB := make([]float64, len(w)), make([]float64, g.f)
		for s := first; s < min(first+gradGroup, samples); s++ {
			for f := range g.f {
				plane := x[(s*g.f+f)*g.plane():][:g.plane()]
				grad := dx[(s*g.f+f)*g.plane():][:g.plane()]
				out, d := y[(s*g.f+f)*g.positions():], dy[(s*g.f+f)*g.positions():][:g.positions()]
				w := w[f*kernel:][:kernel]
				for i := range g.rows.out {
					for j := range g.cols.out {
						q := i*g.cols.out + j
						sum := b[f]
						for k, wk := range w {
							r, c := g.rows.at(i, k/g.cols.kernel), g.cols.at(j, k%g.cols.kernel)
							if r >= 0 && r < g.rows.in && c >= 0 && c < width {
								sum = math.FMA(wk, plane[r*width+c], sum)
								grad[r*width+c] = math.FMA(wk, d[q], grad[r*width+c])
							}
						}
						out[q] = sum
					}
					for k := range w {
						var dr, xr []float64
						for j := range g.cols.out {
							r, c := g.rows.at(i, k/g.cols.kernel), g.cols.at(j, k%g.cols.kernel)
							if r >= 0 && r < g.rows.in && c >= 0 && c < width {
								dr, xr = append(dr, d[i*g.cols.out+j]), append(xr, plane[r*width+c])
							}
						}
						if len(dr) > 0 {
							sumW[f*kernel+k] += vdot(dr, xr)
						}
					}
				}
				if sum := vsum(d); s > first {
					sumB[f] += sum
				} else {
					sumB[f] = sum
				}
			}
		}
		vadd(dw, dw, sumW)
		vadd(db, db, sumB)
	}
	return y, dx, dw, db
}

// TestDepthwiseRecipe compares depthwise convolutions with their recipe, bit for bit,
// for rows of all small sizes and all sides of kernels and padding, with ordinary
// numbers, numbers near zero, and some that are infinite or none.
func TestDepthwiseRecipe(t *testing.T) { kernelSets(t, testDepthwiseRecipe) }

func testDepthwiseRecipe(t *testing.T) {
	const c = 2
	samples, kind := 1, 0
	rng := rand.New(rand.NewPCG(11, 12))
	kinds := [][]float64{
		nil,
		{0, math.Copysign(0, -1), 5e-324, -5e-324, 1e-308, -1e-308, 1e-160, -1e-160, 1, -1},
		{math.Inf(1), math.Inf(-1), math.NaN()},
	}
	numbers := func(z []float64) {
		for i := range z {
			z[i] = normal(rng)
			if k := kinds[kind]; k != nil && (kind == 1 || intN(rng, 60) == 0) {
				z[i] = k[intN(rng, len(k))]
			}
		}
	}
	test := func(l *Conv2DLayer, in Shape) {
		t.Helper()
		out, err := l.Build(in, rng)
		if err != nil {
			return // the image is smaller than the kernel
		}
		g := &l.conv
		if !g.depthwise() {
			t.Fatalf("%s is not depthwise", describe(l))
		}
		kind = (kind + 1) % len(kinds)
		x, dy := NewMatrix(samples, in.Size()), NewMatrix(samples, out.Size())
		w, b := l.W.Value.Data, l.B.Value.Data
		for _, z := range [][]float64{x.Data, dy.Data, w, b} {
			numbers(z)
		}
		y, dx := trip(l, x, dy)
		wantY, wantX, wantW, wantB := depthwiseRecipe(g, w, b, x.Data, dy.Data, samples)
		for _, v := range []struct {
			what      string
			got, want []float64
		}{{"y", y.Data, wantY}, {"dx", dx.Data, wantX}, {"dW", l.W.Grad.Data, wantW}, {"db", l.B.Grad.Data, wantB}} {
			if !sameBits(v.got, v.want) {
				t.Errorf("%s%v, numbers of kind %d: %s is not as in the recipe", describe(l), in, kind, v.what)
			}
		}
	}
	for width := 1; width < 46; width++ {
		samples = 1 + width%(gradGroup+2)
		for _, kernel := range []int{1, 2, 3, 5} {
			h := 1 + intN(rng, 9)
			pad := func() int { return intN(rng, kernel+1) }
			test(Conv2D(c, kernel).WithGroups(c).WithPadding(kernel/2), Shape{c, h, width})
			test(Conv2D(c, kernel).WithGroups(c).WithPads(pad(), pad(), pad(), pad()), Shape{c, h, width})
			test(Conv2D(c, kernel).WithGroups(c).WithPadding(kernel/2).WithKernel(1+intN(rng, 6), kernel).WithStrides(1+intN(rng, 3), 1), Shape{c, h + 4, width})
			test(Conv2D(c, kernel).WithGroups(c).WithPads(pad(), 2*pad(), 2*pad(), pad()).WithDilation(2+intN(rng, 2)), Shape{c, h + 4, width})
		}
	}
	samples = 1
	for _, width := range []int{56, 63, 64, 65, 95, 97, 112} {
		test(Conv2D(c, 3).WithGroups(c).WithPadding(1), Shape{c, 7, width})
		test(Conv2D(c, 3).WithGroups(c).WithPadding(2).WithDilation(2), Shape{c, 6, width})
		test(Conv2D(c, 9).WithGroups(c).WithPadding(4), Shape{c, 10, width})
	}
	// Padding that is wider than the kernel, and more rows of it than there are spans.
	test(Conv2D(c, 2).WithGroups(c).WithPadding(6), Shape{c, 3, 4})
	test(Conv2D(c, 2).WithGroups(c).WithPadding(3), Shape{c, 3, 7})
	test(Conv2D(c, 35).WithGroups(c).WithKernel(35, 2).WithPadding(17), Shape{c, 33, 8})
	// Rows that are too long for the kernels, and so many that they are cut.
	test(Conv2D(c, 3).WithGroups(c).WithPadding(1), Shape{c, 1, 15000})
	test(Conv2D(c, 3).WithGroups(c).WithPadding(1), Shape{c, 60, 301})
}

// A transposed convolution with a filter for each channel starts with the bias.
func TestDepthwiseTranspose(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := testRand()
		for _, strides := range [][2]int{{1, 1}, {2, 1}} {
			const n, c = 3, 4
			l := ConvTranspose2D(c, 3).WithGroups(c).WithStrides(strides[0], strides[1])
			out, err := l.Build(Shape{c, 6, 13}, rng)
			if err != nil {
				t.Fatal(err)
			}
			l.B.Value.FillNormal(rng, 0, 1)
			x := randomMatrix(rng, n, c*6*13)
			want := NewMatrix(n, out.Size())
			for s := range n {
				y, x := want.Row(s), x.Row(s)
				for i := range y {
					y[i] = l.B.Value.Data[i/(out[1]*out[2])]
				}
				for f := range c {
					for q := range 6 * 13 {
						for k, w := range l.W.Value.Row(f) {
							at := &y[(f*out[1]+q/13*strides[0]+k/3)*out[2]+q%13+k%3]
							*at = math.FMA(w, x[f*6*13+q], *at)
						}
					}
				}
			}
			if got := predict(l, x); !sameBits(got.Data, want.Data) {
				t.Errorf("%s: not the chains of the recipe", describe(l))
			}
		}
	})
}

// Products that vanish leave sums that are −0 as they are, where they are −0 too.
func TestDepthwiseZeros(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for width := 1; width < 70; width++ {
			g := &convolution{rows: axis{in: 2, kernel: 1, stride: 1, dilation: 1}, cols: axis{in: width, kernel: 1, stride: 1, dilation: 1}, c: 1, f: 1, groups: 1}
			if err := g.build(false); err != nil {
				t.Fatal(err)
			}
			x, dy, dw := make([]float64, 2*width), make([]float64, 2*width), []float64{math.Copysign(0, -1)}
			fill(x, 5e-324)
			fill(dy, -5e-324)
			task := convTask{convolution: g, x: x, y: dy, w: dw, samples: 1, group: 1}
			task.planeGradients(0, 1)
			if dw[0] != 0 || !math.Signbit(dw[0]) {
				t.Errorf("rows of %d: dw is %v, not -0", width, dw[0])
			}
		}
	})
}
