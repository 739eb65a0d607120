//go:build (amd64 || arm64) && !purego

package nn

// A packedB is the k×n matrix B of many products A·B, laid out for the kernels once
// and not anew for each of them.
//
// gemmKC rows of B are a block. In a block one panel of columns lies behind the
// other, as wide as a tile but for the last ones, and the rows of a panel lie its
// width apart: what a [gemmPack] holds of B.
type packedB struct {
	k, n int
	b    []float64 // k·n values

	mr, nr, vl int // of the tiles
}

// canPackB reports whether there are tiles. Plain Go has no use for a packedB.
func canPackB() bool {
	_, nr, _ := gemmTile()
	return nr > 0
}

// reset makes w a k×n matrix in the memory b. All of it has to be put there.
func (w *packedB) reset(k, n int, b []float64) {
	w.k, w.n, w.b = k, n, b[:k*n]
	w.mr, w.nr, w.vl = gemmTile()
}

// put sets rows of B, from the p-th on, to n columns of rows that lie ld apart.
func (w *packedB) put(p, rows int, x []float64, ld int) {
	for i, h := 0, 0; i < rows; i += h {
		q := (p + i) / gemmKC * gemmKC
		kc := min(gemmKC, w.k-q)
		// Few rows at a time, so that each is read from end to end at once.
		h = min(8, rows-i, q+kc-p-i)
		for j, v := 0, 0; j < w.n; j += v {
			v = gemmWidth(w.n-j, w.nr, w.vl)
			copyRows(w.b[q*w.n+j*kc+(p+i-q)*v:], v, x[i*ld+j:], ld, h, v)
		}
	}
}

// putT sets B to the transpose of n rows of k values that lie ld apart.
func (w *packedB) putT(x []float64, ld int) {
	for q := 0; q < w.k; q += gemmKC {
		gemmPackT(w.b[q*w.n:], w.nr, w.vl, w.n, min(gemmKC, w.k-q), x[q:], ld)
	}
}

// mul computes C = A·B, or C += A·B if acc is set, with the rows from ≤ p < to of B
// for B. A is m×(to−from); the rows of A and of C lie lda and ldc values apart.
func (w *packedB) mul(m, from, to int, a []float64, lda int, c []float64, ldc int, acc bool) {
	w.columns(0, w.n, m, from, to, a, lda, c, ldc, acc)
}

// columns is mul for the panels that begin with the columns lo ≤ j < hi.
func (w *packedB) columns(lo, hi, m, from, to int, a []float64, lda int, c []float64, ldc int, acc bool) {
	h := gemmMC
	if w.nr > 12 {
		h = w.mr // as in widePanels
	}
	for q := from / gemmKC * gemmKC; q < to; q += gemmKC {
		kc := min(gemmKC, w.k-q)
		p, end := max(q, from), min(q+kc, to)
		for i := 0; i < m; i += h {
			for j, v := 0, 0; j < hi; j += v {
				v = gemmWidth(w.n-j, w.nr, w.vl)
				if j >= lo {
					gemmPanel(min(h, m-i), v, end-p, a[i*lda+p-from:], lda, 1, w.b[q*w.n+j*kc+(p-q)*v:], v, c[i*ldc+j:], ldc, acc || p > from)
				}
			}
		}
	}
}

// mulParallel is mul on all processors.
func (w *packedB) mulParallel(m, from, to int, a []float64, lda int, c []float64, ldc int, acc bool) {
	t := packedTasks.get()
	*t = packedTask{w, m, from, to, lda, ldc, a, c, acc}
	parallel(ceilDiv(w.n, w.nr), w.mr<<10/(m*(to-from)+1)+1, t)
	*t = packedTask{}
	packedTasks.put(t)
}

// A packedTask is a call of mulParallel as a loop over panels.
type packedTask struct {
	w                     *packedB
	m, from, to, lda, ldc int
	a, c                  []float64
	acc                   bool
}

var packedTasks freelist[packedTask]

func (t *packedTask) run(lo, hi int) {
	t.w.columns(lo*t.w.nr, min(hi*t.w.nr, t.w.n), t.m, t.from, t.to, t.a, t.lda, t.c, t.ldc, t.acc)
}
