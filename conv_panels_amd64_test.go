//go:build !purego

package nn

import (
	"math"
	"slices"
	"testing"
)

// The routines for panels do what the loops in their comments say, and write
// nothing else.
func TestPanels(t *testing.T) {
	testPanels(t, func(n int) []float64 { return make([]float64, n) })
}

// testPanels runs the routines in memory that comes from alloc.
func testPanels(t *testing.T, alloc func(n int) []float64) {
	if !useAVX2 {
		t.Skip("no AVX2")
	}
	rng := testRand()
	random := func(n int) []float64 {
		x := alloc(n)
		for i := range x {
			x[i] = normal(rng)
		}
		return x
	}
	type sizes struct{ kernelH, kernelW, stride, h, w, channels int }
	cases := []sizes{
		{1, 1, 1, 3, 8, 1}, {3, 3, 1, 4, 12, 2}, {5, 5, 1, 10, 10, 6}, {2, 3, 1, 3, 28, 4}, {3, 2, 1, 6, 6, 3}, {3, 3, 1, 13, 2, 5},
		{3, 3, 2, 5, 6, 2}, {2, 2, 1, 5, 7, 4}, {1, 4, 1, 1, 27, 3}, {3, 3, 1, 1, 1, 1}, {1, 7, 3, 1, 40, 7}, {1, 3, 1, 4, 24, 5},
	}
	for w := 1; w <= 25; w++ { // so many positions in the last panel
		cases = append(cases, sizes{1, 2, 1, 1, w, 4})
	}
	for _, c := range cases {
		g := &convolution{
			rows: axis{in: (c.h-1)*c.stride + c.kernelH, kernel: c.kernelH, stride: c.stride, dilation: 1},
			cols: axis{in: (c.w-1)*c.stride + c.kernelW, kernel: c.kernelW, stride: c.stride, dilation: 1},
			c:    c.channels, f: 1, groups: 1,
		}
		if err := g.build(false); err != nil {
			t.Fatal(err)
		}
		p := patch{h: c.h, w: c.w}
		size, k := p.size(), g.depth()
		x := random(c.channels * g.plane())
		z, _ := g.window(nil, x, p, c.channels)
		table := newPanelTable()
		table.setElements(g, z, 0, k)

		for _, cols := range []int{12, 8} {
			table.setPositions(g, z, p, cols)
			for q := 0; q+4 <= cols*ceilDiv(size, cols); q += 4 {
				at := table.at[q:]
				got := alloc((k-1)*cols + 4)
				want := slices.Clone(got)
				for e := range k {
					for j := range 4 {
						want[e*cols+j] = x[table.offs[e]+at[j]]
					}
				}
				gatherAVX2(&got[0], cols, &x[0], &at[0], &table.offs[0], k, placing(at))
				if !sameBits(got, want) {
					t.Errorf("%v: gather at %d: wrong", c, q)
				}
			}
			for q := 0; q+cols <= size; q += cols {
				panels := 0
				for q+(panels+1)*cols <= size && table.split[q/cols+panels] < 8 && panels < 3 {
					panels++
				}
				if panels == 0 {
					continue
				}
				tiles, unit := correlate12AVX2, 4
				if cols == 8 {
					tiles, unit = correlate8AVX2, 6
				}
				for m := unit; m <= 3*unit; m += unit {
					rsw, ldy := k+2, panels*cols+m%3
					w, y, start := random((m-1)*rsw+k), random((m-1)*ldy+panels*cols), random(m)
					for _, begin := range []*float64{nil, &start[0]} {
						want := slices.Clone(y)
						for i := range m {
							for j := range panels * cols {
								s := want[i*ldy+j]
								if begin != nil {
									s = start[i]
								}
								for e := range k {
									s = math.FMA(w[i*rsw+e], x[table.offs[e]+table.at[q+j]], s)
								}
								want[i*ldy+j] = s
							}
						}
						tiles(&w[0], rsw, &x[0], &table.offs[0], k, &table.at[q], &table.split[q/cols], &y[0], ldy, m, panels, begin)
						if !sameBits(y, want) {
							t.Errorf("%v: correlate%d, %d panels at %d, %d filters: wrong", c, cols, panels, q, m)
						}
					}
				}
			}
		}

		right := g.cols.stride
		down := g.rows.stride*z.row - c.w*right
		for n := 1; n <= 8; n++ {
			for m := 1; m <= min(k, 19); m++ {
				table.elements[0] = -1
				table.setElements(g, z, 0, m)
				b, ldc := random((size-1)*n+8), 8+n%2
				c0 := random((m-1)*ldc + 8)
				for _, acc := range []int{1, 0} {
					for _, rows := range []int{6, 5} {
						if n <= 4 && rows == 5 {
							continue
						}
						want := slices.Clone(c0)
						for e := range m {
							for f := range n {
								s := want[e*ldc+f]
								if acc == 0 {
									s = 0
								}
								at := table.offs[e]
								for i := range c.h {
									for j := range c.w {
										s = math.FMA(x[at], b[(i*c.w+j)*n+f], s)
										at += right
									}
									at += down
								}
								want[e*ldc+f] = s
							}
						}
						got := c0
						gradAVX2(&x[0], &table.offs[0], m, rows, c.h, c.w, right, down, &b[0], n, &got[0], ldc, acc)
						for e := range m {
							if !sameBits(got[e*ldc:][:n], want[e*ldc:][:n]) || e > 0 && ldc == 9 && got[e*ldc-1] != want[e*ldc-1] {
								t.Fatalf("%v: grad of %d elements and %d filters, tiles of %d: wrong", c, m, n, rows)
							}
						}
					}
				}
			}
		}

		table.setElementsBack(g, z, c.channels)
		table.setPositions(g, z, p, 12)
		for q := 0; q < size; q += 12 {
			n := min(12, size-q)
			for _, f := range []int{1, 2, 5, 16} {
				a, b := random(ceilDiv(k, 4)*4*f), random(12*f)
				want, got := slices.Clone(x), alloc(len(x))
				copy(got, x)
				for e := range k {
					for j := range n {
						sum := 0.0
						for i := range f {
							sum = math.FMA(a[(e/4*f+i)*4+e%4], b[i*12+j], sum)
						}
						want[table.offs[e]+table.at[q+j]] += sum
					}
				}
				sums := alloc(48)
				spreadAVX2(&a[0], f, &b[0], k, &got[0], &table.offs[0], &table.at[q], n, table.split[q/12], &sums[0])
				if !sameBits(got, want) {
					t.Errorf("%v: spread of %d filters at %d: wrong", c, f, q)
				}
			}
		}
		table.free()
	}
}
