package nn

import (
	"math"
	"math/bits"
)

// max returns the largest values of the windows of x, and pushes them and where they
// are in their planes.
func (g *pool) max(p *Pass, x *Matrix) *Matrix {
	in, out := g.plane()
	checkWidth("MaxPool", x, g.channels*in)
	y := p.raw(x.Rows, g.channels*out)
	t := poolTask{pool: g, body: (*poolTask).max, x: x.Data, y: y.Data}
	if p.Training() {
		arg := p.raw(y.Rows, y.Cols)
		t.arg = arg.Data
		p.Push(y, arg)
	}
	t.parallel(x.Rows)
	return y
}

func (t *poolTask) max(lo, hi int) {
	in, out := t.plane()
	width := t.cols.in
	first, end := t.whole()
	for s := lo; s < hi; s++ {
		x, y := t.x[s*in:][:in], t.y[s*out:][:out]
		var arg []float64
		if t.arg != nil {
			arg = t.arg[s*out:][:out]
		}
		if t.covers() {
			at := firstLargest(x)
			y[0] = x[at]
			if arg != nil {
				arg[0] = float64(at)
			}
			continue
		}
		if t.pairs() && maxPool2Fast(y, arg, x, width, t.rows.out, t.cols.out) {
			continue
		}
		for i := range t.rows.out {
			top, bottom, _ := t.span(&t.rows, i)
			done := first // windows from first on are done
			if first < end {
				to, place := y[i*t.cols.out:][:t.cols.out], top*width+t.cols.at(first, 0)
				var at []float64
				if arg != nil {
					at = arg[i*t.cols.out+first:]
				}
				if maxRowFast(to[first:end], at, x[place:], width, bottom-top, t.cols.kernel, t.cols.stride, place) {
					done = end
				}
			}
			for j := 0; j < t.cols.out; j++ {
				if j == first {
					if j = done; j == t.cols.out {
						break
					}
				}
				left, right, _ := t.span(&t.cols, j)
				at := top*width + left
				best := sortKey(x[at])
				for r := top; r < bottom; r++ {
					for k := r*width + left; k < r*width+right; k++ {
						// best, at = max(best, key), without a branch: what is the
						// largest of a window is hard to predict.
						key := sortKey(x[k])
						_, less := bits.Sub64(best, key, 0)
						best ^= (best ^ key) & -less
						at ^= (at ^ k) & -int(less)
					}
				}
				y[i*t.cols.out+j] = x[at]
				if arg != nil {
					arg[i*t.cols.out+j] = float64(at)
				}
			}
		}
	}
}

// covers reports whether planes are rows, and have one window that is all of them.
func (g *pool) covers() bool {
	return g.rows.in == 1 && g.cols.out == 1 && g.cols.kernel == g.cols.in && g.rows.before|g.cols.before == 0
}

// firstLargest returns where the first of the largest values of x is; a NaN is larger
// than any number.
func firstLargest(x []float64) int {
	m := vmax(x)
	for i, v := range x {
		if v == m || v != v {
			return i
		}
	}
	return 0
}

// whole returns the windows of a row, first ≤ j < end, that lie inside the plane from
// left to right.
func (g *pool) whole() (first, end int) {
	if g.adaptive {
		return 0, 0
	}
	first, _ = g.cols.inside(0)
	_, end = g.cols.inside(g.cols.kernel - 1)
	return first, max(first, end)
}

// pairs reports whether windows are of 2×2 values, side by side and all inside.
func (g *pool) pairs() bool {
	pair := func(a *axis) bool { return a.kernel == 2 && a.stride == 2 && a.before == 0 }
	return pair(&g.rows) && pair(&g.cols)
}

// sortKey returns an integer in the order of v: the bits with the sign turned
// over, or all of them if v is negative. It is the same for both zeros, and largest
// for NaN.
func sortKey(v float64) uint64 {
	if v != v {
		return math.MaxUint64
	}
	b := math.Float64bits(v + 0) // −0 + 0 is 0
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

func (g *pool) maxBack(p *Pass, dy *Matrix) *Matrix {
	arg := p.Pop()
	p.Pop() // y
	return g.maxSpread(p, dy, arg)
}

// backwardPooledReLU is ReLU.Backward after l.Backward if l is a pool of largest
// values; otherwise it returns nil. What comes back from the pool is 0 but where a
// largest value was, and there ReLU lets it through if that value, which is one of
// the pool's outputs, is positive. So it is enough to look at those.
func backwardPooledReLU(p *Pass, l Layer, dy *Matrix) *Matrix {
	var g *pool
	switch m := l.(type) {
	case *MaxPool2DLayer:
		g = &m.pool
	case *MaxPool1DLayer:
		g = &m.pool
	case *GlobalMaxPool2DLayer:
		g = &m.pool
	default:
		return nil
	}
	arg, y, d := p.Pop(), p.Pop(), p.raw(dy.Rows, dy.Cols)
	p.Pop() // ReLU's y
	elementTask{three: vreluGrad, a: d.Data, b: y.Data, c: dy.Data}.parallel()
	return g.maxSpread(p, d, arg)
}

// maxSpread returns dx for the gradient dy of the largest values.
func (g *pool) maxSpread(p *Pass, dy, arg *Matrix) *Matrix {
	in, _ := g.plane()
	dx := p.raw(dy.Rows, g.channels*in)
	poolTask{pool: g, body: (*poolTask).maxBack, x: dx.Data, y: dy.Data, arg: arg.Data}.parallel(dy.Rows)
	return dx
}

func (t *poolTask) maxBack(lo, hi int) {
	in, out := t.plane()
	for s := lo; s < hi; s++ {
		dx, dy, arg := t.x[s*in:][:in], t.y[s*out:][:out], t.arg[s*out:][:out]
		if t.pairs() && 4*out == in && maxPool2BackFast(dx, arg, dy, t.cols.in, t.rows.out, t.cols.out) {
			continue
		}
		clear(dx)
		for i, at := range arg {
			dx[int(at)] += dy[i]
		}
	}
}
