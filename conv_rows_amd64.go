//go:build !purego

package nn

// With AVX2, also where there is AVX-512, convolutions with one filter for each
// channel go over rows of planes with whole kernels, so that sums stay in registers.

// rowKernels are what the kernels need to know of planes, the same for all of them.
type rowKernels struct {
	rows, cols axis
	rowSweep
	spans  [32]rowSpan // of correlate
	used   int         // 0: there is no kernel for correlate
	atOnce int         // rows that the kernels get at a time; 0: there is none for gradients
}

// A rowSpan is some rows of y that the same rows of a kernel meet.
type rowSpan struct {
	i, rows int // rows of y
	r       int // row of x that the first of them meets first
	u, h    int // rows of the kernel
}

// A rowSweep describes rows of planes to the kernels. Distances are in values.
type rowSweep struct {
	n          int // columns of y
	in, before int // columns of x, and those of padding before them
	left       int // columns of y, a multiple of 4 or n, before the first that is known to meet no padding,
	right      int // and the end of those; between these are none or at least 4
	down       int // from what a row of y meets to what the next one does
	row        int // from behind what a row of the kernel meets to the next
	dilation   int // from what an element of the kernel meets to the next
	w          int // columns of the kernel
	order      int // from a weight to the next, 1 or −1
}

// newRowKernels prepares kernels for planes with these axes; weights go in the given
// order, 1 or −1. Rows of y have at least 4 columns, and not so many that
// assembly, which can't be interrupted, would take long.
func newRowKernels(rows, cols axis, order int) (k rowKernels) {
	const most = 1 << 17 // multiply-adds
	work := rows.kernel * cols.kernel * cols.out
	if !useAVX2 || cols.stride != 1 || cols.out < 4 || work > most {
		return k
	}
	k.rows, k.cols = rows, cols
	left, right := 0, cols.out
	for v := range cols.kernel {
		lo, hi := cols.inside(v)
		if lo >= hi {
			return k
		}
		left, right = max(left, lo), min(right, hi)
	}
	n := cols.out
	left, right = (left+3)&^3, n-(n-right+3)&^3
	if right-left < 4 {
		left, right = n, n
	}
	k.rowSweep = rowSweep{
		n: n, in: cols.in, before: cols.before, left: left, right: right,
		down: rows.stride * cols.in, row: rows.dilation*cols.in - cols.kernel*cols.dilation,
		dilation: cols.dilation, w: cols.kernel, order: order,
	}
	k.atOnce = most / work
	for i := range rows.out {
		u, end := 0, rows.kernel
		for u < end && rows.at(i, u) < 0 {
			u++
		}
		for u < end && rows.at(i, end-1) >= rows.in {
			end--
		}
		if k.used > 0 {
			if s := &k.spans[k.used-1]; s.u == u && s.h == end-u && s.rows < k.atOnce {
				s.rows++
				continue
			}
		}
		if k.used == len(k.spans) {
			k.used = 0
			break
		}
		k.spans[k.used] = rowSpan{i: i, rows: 1, r: rows.at(i, u), u: u, h: end - u}
		k.used++
	}
	return k
}

// correlate sets the plane y to start and the products of the kernel w with the
// plane x, added in the order of w or, if that is −1, in the opposite one.
func (k *rowKernels) correlate(y, x, w []float64, start float64) bool {
	for _, s := range k.spans[:k.used] {
		to := y[s.i*k.n:][:s.rows*k.n]
		if s.h == 0 {
			fill(to, start)
			continue
		}
		first := s.u * k.w
		if k.order < 0 {
			first = len(w) - 1 - first
		}
		correlateRowsAVX2(&to[0], &x[s.r*k.in], &w[first], &k.rowSweep, s.h, s.rows, start)
	}
	return k.used > 0
}

// gradients adds to the kernel dw the products of the planes dy and x, a row after
// the other. Those of less than 32 columns are chains, as in [vdot], of which
// the kernel for chains does four at a time.
func (k *rowKernels) gradients(dw, dy, x []float64) bool {
	if k.atOnce == 0 || k.dilation != 1 {
		return false
	}
	for u := range k.rows.kernel {
		top, bottom := k.rows.inside(u)
		for i := top; i < bottom; i += k.atOnce {
			rows := min(k.atOnce, bottom-i)
			d, x := dy[i*k.n:], x[k.rows.at(i, u)*k.in:]
			for v := 0; v < k.w; v += 4 {
				k.rowGradients(dw[u*k.w:][:k.w], d, x, v, rows)
			}
		}
	}
	return true
}

// rowGradients does up to four elements, from v on, of a row of dw.
func (k *rowKernels) rowGradients(dw, d, x []float64, v, rows int) {
	var chains [4]float64
	n, short := copy(chains[:], dw[v:]), false
	for l := range n {
		lo, hi := k.cols.inside(v + l)
		if hi-lo < lanes {
			short = true
			continue
		}
		dw[v+l] = dotRowsAVX2(&d[lo], k.n, &x[k.cols.at(lo, v+l)], k.down, rows, hi-lo, dw[v+l])
	}
	if !short {
		return
	}
	chainRowsAVX2(&chains[0], &d[0], &x[0], &k.rowSweep, k.before-v, rows)
	for l := range n {
		if lo, hi := k.cols.inside(v + l); hi-lo < lanes {
			dw[v+l] = chains[l]
		}
	}
}

// correlateRowsAVX2 does, with y and x at the first rows, w at the first weight, and
// h rows of the kernel,
//
//	for i := range rows {
//		for j := range s.n {
//			sum := start
//			for u := range h {
//				for v := range s.w {
//					if c := j + v*s.dilation - s.before; c >= 0 && c < s.in {
//						at := i*s.down + u*(s.row+s.w*s.dilation) + c
//						sum = math.FMA(w[(u*s.w+v)*s.order], x[at], sum)
//					}
//				}
//			}
//			y[i*s.n+j] = sum
//		}
//	}
//
//go:noescape
func correlateRowsAVX2(y, x, w *float64, s *rowSweep, h, rows int, start float64)

// chainRowsAVX2 does, for four elements of dw,
//
//	for i := range rows {
//		for l := range 4 {
//			sum := 0.0
//			for j := range s.n {
//				if c := j + l - before; c >= 0 && c < s.in {
//					sum = math.FMA(d[i*s.n+j], x[i*s.down+c], sum)
//				}
//			}
//			z[l] += sum
//		}
//	}
//
//go:noescape
func chainRowsAVX2(z, d, x *float64, s *rowSweep, before, rows int)

// dotRowsAVX2 adds to sum what [vdot] gives for rows of n values, n ≥ 32, and returns
// it.
//
//	for i := range rows {
//		sum += vdot(d[i*ds:][:n], x[i*xs:][:n])
//	}
//
//go:noescape
func dotRowsAVX2(d *float64, ds int, x *float64, xs, rows, n int, sum float64) float64
