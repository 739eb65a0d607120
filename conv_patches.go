package nn

// A patch is a rectangle of y: all columns of some rows, or a part of one row, so
// that its positions follow each other.
type patch struct{ i, j, h, w int }

// size returns the number of positions of p.
func (p patch) size() int { return p.h * p.w }

// position returns the first position of p.
func (g *convolution) position(p patch) int { return p.i*g.cols.out + p.j }

// element returns the channel and the place in the kernel that column k of w has.
func (g *convolution) element(k int) (c, u, v int) {
	c, k = k/g.kernel(), k%g.kernel()
	return c, k / g.cols.kernel, k % g.cols.kernel
}

// An overlap is what an element of the kernel meets of a plane of x, for a patch of
// y: h rows of w values, of which the first is at x, for the positions from q of
// the patch on. The others are padding.
type overlap struct{ x, q, h, w int }

// meets returns the overlap of element (u, v) of the kernel.
func (g *convolution) meets(p patch, u, v int) overlap {
	top, bottom := g.rows.inside(u)
	left, right := g.cols.inside(v)
	top, bottom = max(top, p.i), min(bottom, p.i+p.h)
	left, right = max(left, p.j), min(right, p.j+p.w)
	if top >= bottom || left >= right {
		return overlap{}
	}
	return overlap{
		x: g.rows.at(top, u)*g.cols.in + g.cols.at(left, v),
		q: (top-p.i)*p.w + left - p.j,
		h: bottom - top, w: right - left,
	}
}

// gather copies what rows k ≤ r < k+m of the patches of x are at the positions of p
// to the tile, which has m rows.
func (g *convolution) gather(tile, x []float64, p patch, k, m int) {
	n, step := p.size(), g.rows.stride*g.cols.in
	c, u, v := g.element(k)
	for ; m > 0; m-- {
		z := tile[:n]
		o := g.meets(p, u, v)
		if o.h*o.w < n {
			clear(z)
		}
		if o.h > 0 {
			plane := x[c*g.plane():][o.x:g.plane()]
			if g.cols.stride == 1 {
				copyRows(z[o.q:], p.w, plane, step, o.h, o.w)
			} else {
				for i := range o.h {
					from, to := plane[i*step:], z[o.q+i*p.w:][:o.w]
					for t := range to {
						to[t] = from[t*g.cols.stride]
					}
				}
			}
		}
		tile = tile[n:]
		if v++; v == g.cols.kernel {
			u, v = u+1, 0
			if u == g.rows.kernel {
				c, u = c+1, 0
			}
		}
	}
}

// scatter is the transpose of gather: it adds the tile to the places in x that
// gather copies. The rows go from the last to the first; see spread.
func (g *convolution) scatter(x, tile []float64, p patch, k, m int) {
	n, step := p.size(), g.rows.stride*g.cols.in
	for m--; m >= 0; m-- {
		c, u, v := g.element(k + m)
		o := g.meets(p, u, v)
		if o.h == 0 {
			continue
		}
		z, plane := tile[m*n+o.q:], x[c*g.plane():][o.x:g.plane()]
		if g.cols.stride == 1 {
			addRows(plane, step, z, p.w, o.h, o.w)
			continue
		}
		for i := range o.h {
			from, to := z[i*p.w:][:o.w], plane[i*step:]
			for t, d := range from {
				to[t*g.cols.stride] += d
			}
		}
	}
}
