package nn

// Where each channel has one filter for itself, a product with patches would be one
// of very small matrices. It is faster to add up rows of x times single weights.
// What lies in the padding is left out here.

// correlatePlanes does the steps of samples and channels.
func (t *convTask) correlatePlanes(lo, hi int) {
	kernel, fast := t.kernel(), newRowKernels(t.rows, t.cols, 1)
	for s := lo; s < hi; s++ {
		f := s % t.f
		x, y := t.x[s*t.plane():][:t.plane()], t.y[s*t.positions():][:t.positions()]
		w := t.w[f*kernel:][:kernel]
		start := 0.0
		if t.b != nil {
			start = t.b[f]
		}
		if !fast.correlate(y, x, w, start) {
			fill(y, start)
			for i := range t.rows.out {
				for k, wk := range w {
					if to, from, ok := t.pair(y, x, i, k); ok {
						vaxpy(to, to, wk, from)
					}
				}
			}
		}
		if t.act != nil {
			t.act(y, y)
		}
	}
}

// spreadPlanes does the steps of samples and channels. Each value of x is one chain
// of fused multiply-adds in order of positions: with a stride of 1, what correlate
// gives for planes of y with the kernel turned around.
func (t *convTask) spreadPlanes(lo, hi int) {
	kernel := t.kernel()
	var fast rowKernels
	if t.rows.stride == 1 {
		fast = newRowKernels(t.rows.turned(), t.cols.turned(), -1)
	}
	for s := lo; s < hi; s++ {
		x, y := t.x[s*t.plane():][:t.plane()], t.y[s*t.positions():][:t.positions()]
		w := t.w[s%t.f*kernel:][:kernel]
		start := 0.0
		if t.b != nil {
			start = t.b[s%t.f]
		}
		if fast.correlate(x, y, w, start) {
			continue
		}
		fill(x, start)
		for i := range t.rows.out {
			for k := kernel - 1; k >= 0; k-- {
				if from, to, ok := t.pair(y, x, i, k); ok {
					vaxpy(to, to, w[k], from)
				}
			}
		}
	}
}

// planeGradients does the steps of parts and channels. The products of a row of dy
// are added up as vdot does, and the rows in order.
func (t *convTask) planeGradients(lo, hi int) {
	kernel, fast := t.kernel(), newRowKernels(t.rows, t.cols, 1)
	for u := lo; u < hi; u++ {
		dw, db, add, first, end := t.part(u / t.f)
		f := u % t.f
		dw = dw[f*kernel:][:kernel]
		if !add {
			clear(dw)
		}
		for s := first; s < end; s++ {
			at := s*t.f + f
			x, dy := t.x[at*t.plane():][:t.plane()], t.y[at*t.positions():][:t.positions()]
			if !fast.gradients(dw, dy, x) {
				for i := range t.rows.out {
					for k := range dw {
						if d, v, ok := t.pair(dy, x, i, k); ok {
							dw[k] += vdot(d, v)
						}
					}
				}
			}
			if t.b != nil {
				addSums(db[f:f+1], dy, len(dy), add || s > first)
			}
		}
	}
}

// pair returns the part of row i of the plane y for which element k of the kernel
// meets values of the plane x, and these, and whether there are any.
func (g *convolution) pair(y, x []float64, i, k int) (yi, xr []float64, ok bool) {
	u, v := k/g.cols.kernel, k%g.cols.kernel
	r := g.rows.at(i, u)
	lo, hi := g.cols.inside(v)
	if r < 0 || r >= g.rows.in || lo >= hi {
		return nil, nil, false
	}
	return y[i*g.cols.out+lo : i*g.cols.out+hi], x[r*g.cols.in+g.cols.at(lo, v):][:hi-lo], true
}

// turned returns the axis, with stride 1, on which the kernel turned around takes y
// to x.
func (a axis) turned() axis {
	a.in, a.out, a.before = a.out, a.in, a.span()-1-a.before
	return a
}
