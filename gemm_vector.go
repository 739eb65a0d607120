//go:build (amd64 || arm64) && !purego

package nn

// Sizes of a block for vector kernels: gemmKC rows and gemmNC columns of B, 980 KB
// when packed, lie in the second cache; one panel of it, and gemmMC packed rows of
// A, pass through the first. gemmNC is a multiple of every nr.
const (
	gemmKC = 256
	gemmNC = 480
	gemmMC = 64
)

// gemmReuse is how often a block of B must be used, and how wide it must be, for
// packing it to be worth the copy.
const gemmReuse = 192

// With AVX2 it pays earlier: a row of a panel, 96 bytes, is part of two or three lines
// of the cache. It pays earliest if rows lie 4 KB or more apart, where they get in
// each other's way in the first cache. Two panels are wide enough.
const (
	gemmReuse12 = 64
	gemmFar12   = 16
)

// gemmFew is the number of columns of C up to which all of A passes over one panel of
// B after the other, if panels are so narrow that one stays in the first cache beside
// a tile of A. If there are more columns, gemmMC rows of A at a time do. Past wider
// panels, B passes over one tile of A after the other.
const gemmFew = 96

// gemmWide is how wide a block of B may be, at the cost of its height, so that A, if
// it is transposed, is packed only once.
const gemmWide = 640

// gemmOnce is the number of rows of A up to which panels of a transposed B, if they
// are narrow, are packed one at a time.
const gemmOnce = 128

// gemmWorthPacking reports whether B is to be packed for m rows. A transposed A is
// packed too then.
func gemmWorthPacking(nr, m, n, ldb int) bool {
	if nr != 12 {
		return m >= gemmReuse && n >= gemmReuse
	}
	return n >= 2*nr && (m >= gemmReuse12 || m >= gemmFar12 && ldb >= 512)
}

// gemmDirect is the number of rows that a call of a kernel may take: the goroutine
// cannot be interrupted meanwhile, for some 50 µs.
const gemmDirect = 512

// A gemmPack holds blocks of A and B laid out for the kernels.
type gemmPack struct {
	b [gemmKC * (gemmNC + 24)]float64
	a [gemmKC * (gemmMC + 8)]float64
}

var gemmPacks freelist[gemmPack]

// gemmTiny is gemm for small matrices that lie in memory without gaps. It returns
// false, and does nothing, for others: those that it pays to lay out anew, to transpose
// or to share out. What is left is a few calls of a kernel, which take some 25 ns
// each; on the way through gemm it would be 30 ns more.
func gemmTiny(ta, tb bool, m, n, k int, a, b, c []float64, acc bool) bool {
	mr, nr, vl := gemmTile()
	if mr == 0 || uint(m-1) >= 32 || uint(n-1) >= 32 || uint(k-1) >= 32 || alwaysSplit || tb && k > 1 || gemmIsNarrow(ta, m, n, k) {
		return false
	}
	rsa, csa := k, 1
	if ta {
		rsa, csa = 1, m
	}
	if nr == 12 && (m == 5 || m == 6) {
		nr = 8
	}
	for j, w := 0, 0; j < n; j += w {
		w = gemmWidth(n-j, nr, vl)
		gemmPanel(m, w, k, a, rsa, csa, b[j:], n, c[j:], n, acc)
	}
	return true
}

// gemmVector is gemmSerial by vector kernels with tiles of mr×nr, in vectors of vl.
func gemmVector(mr, nr, vl int, ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	rsa, csa := lda, 1
	if ta {
		rsa, csa = 1, lda
	}
	if gemmIsNarrow(ta, m, n, k) {
		w := gemmPacks.get()
		w.narrow(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, acc)
		gemmPacks.put(w)
		return
	}
	if tb || gemmWorthPacking(nr, m, n, ldb) {
		w := gemmPacks.get()
		w.gemm(mr, nr, vl, ta, tb, m, n, k, a, rsa, csa, b, ldb, c, ldc, acc)
		gemmPacks.put(w)
		return
	}
	if nr == 12 && (m == 5 || m == 6) {
		nr = 8 // a tile of two vectors has 6 rows, one of three has 4
	}
	if m == 1 {
		j := gemmRow(n, k, a, csa, b, ldb, c, acc)
		if j == n {
			return
		}
		b, c, n = b[j:], c[j:], n-j
	}
	for p := 0; p < k; p += gemmKC {
		k := min(gemmKC, k-p)
		for i := 0; i < m; i += gemmDirect {
			m := min(gemmDirect, m-i)
			for j, w := 0, 0; j < n; j += w {
				w = gemmWidth(n-j, nr, vl)
				gemmPanel(m, w, k, a[i*rsa+p*csa:], rsa, csa, b[p*ldb+j:], ldb, c[i*ldc+j:], ldc, acc || p > 0)
			}
		}
	}
}

// gemmWidth returns the width of the next panel of n columns. Two panels of two
// vectors are faster than one of three and one of one.
func gemmWidth(n, nr, vl int) int {
	if n > nr && n <= nr+vl && nr == 3*vl {
		return 2 * vl
	}
	return min(n, nr)
}

// gemm packs blocks of B, and of A if it is transposed and passes over at least two
// panels, and multiplies them.
func (w *gemmPack) gemm(mr, nr, vl int, ta, tb bool, m, n, k int, a []float64, rsa, csa int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	if tb && !ta && nr <= 12 && m <= gemmOnce {
		w.turns(nr, vl, m, n, k, a, rsa, csa, b, ldb, c, ldc, acc)
		return
	}
	packA := ta && n >= 2*nr
	cols, rows := gemmNC, gemmKC // of a block
	switch {
	case nr > 12 || n <= cols:
	case packA && n <= gemmWide:
		cols, rows = n, min(rows, len(w.b)/n)
		rows = ceilDiv(k, ceilDiv(k, rows))
	default:
		cols = ceilDiv(ceilDiv(n, ceilDiv(n, cols)), nr) * nr // blocks of about the same width
	}
	for j0 := 0; j0 < n; j0 += cols {
		nc := min(cols, n-j0)
		for p := 0; p < k; p += rows {
			kc := min(rows, k-p)
			acc := acc || p > 0
			if tb {
				gemmPackT(w.b[:], nr, vl, nc, kc, b[j0*ldb+p:], ldb)
			} else {
				w.packB(nr, vl, nc, kc, b[p*ldb+j0:], ldb)
			}
			ap, cp := a[p*csa:], c[j0:]
			if nr <= 12 {
				w.narrowPanels(nr, vl, packA, m, nc, kc, ap, rsa, csa, cp, ldc, acc)
			} else {
				w.widePanels(mr, nr, vl, packA, m, nc, kc, ap, rsa, csa, cp, ldc, acc)
			}
		}
	}
}

// narrowPanels multiplies m rows of k values of A with packed B of n columns. One
// panel at a time is in the first cache, and A passes over it. If A is to be packed,
// its rows are put together first.
func (w *gemmPack) narrowPanels(nr, vl int, packA bool, m, n, k int, a []float64, rsa, csa int, c []float64, ldc int, acc bool) {
	h := gemmDirect
	if packA || n > gemmFew {
		h = gemmMC
	}
	for i := 0; i < m; i += h {
		ap, rs, cs, h := a[i*rsa:], rsa, csa, min(h, m-i)
		if packA {
			rs, cs = w.packRows(vl, h, k, ap, csa), 1
			ap = w.a[:]
		}
		for j, v := 0, 0; j < n; j += v {
			v = gemmWidth(n-j, nr, vl)
			gemmPanel(h, v, k, ap, rs, cs, w.b[j*k:], v, c[i*ldc+j:], ldc, acc)
		}
	}
}

// widePanels is narrowPanels where a panel takes more than half the first cache:
// there is a tile of A, and B passes over it from the second.
func (w *gemmPack) widePanels(mr, nr, vl int, packA bool, m, n, k int, a []float64, rsa, csa int, c []float64, ldc int, acc bool) {
	for i0 := 0; i0 < m; i0 += gemmMC {
		mc := min(gemmMC, m-i0)
		ap, rs, cs := a[i0*rsa:], rsa, csa
		if packA {
			w.packA(mr, mc, k, ap, csa)
			ap, rs, cs = w.a[:], 1, mr
		}
		cp := c[i0*ldc:]
		for i := 0; i < mc; i += mr {
			h := min(mr, mc-i)
			at := i * rs
			if packA {
				at = i * k
			}
			for j, v := 0, 0; j < n; j += v {
				v = gemmWidth(n-j, nr, vl)
				gemmPanel(h, v, k, ap[at:], rs, cs, w.b[j*k:], v, cp[i*ldc+j:], ldc, acc)
			}
		}
	}
}

// turns is gemm for A·Bᵀ with few rows of A, all of which pass over every panel of B at
// once. So a panel is packed when its turn comes, in the place of the one before, and
// is in the first cache.
func (w *gemmPack) turns(nr, vl, m, n, k int, a []float64, rsa, csa int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	for p := 0; p < k; p += gemmKC {
		kc := min(gemmKC, k-p)
		for j, v := 0, 0; j < n; j += v {
			v = gemmWidth(n-j, nr, vl)
			gemmPackT(w.b[:], nr, vl, v, kc, b[j*ldb+p:], ldb)
			gemmPanel(m, v, kc, a[p*csa:], rsa, csa, w.b[:], v, c[j:], ldc, acc || p > 0)
		}
	}
}

// packB copies a k×n block of B to panels: the first value of column j, in a panel
// that begins with it, is w.b[j·k], and the rows of a panel lie its width apart.
func (w *gemmPack) packB(nr, vl, n, k int, b []float64, ldb int) {
	j := 0
	for gemmWidth(n-j, nr, vl) == nr {
		j += nr
	}
	gemmCopyPanels(w.b[:], nr, j/nr, k, b, ldb)
	for v := 0; j < n; j += v {
		v = gemmWidth(n-j, nr, vl)
		copyRows(w.b[j*k:], v, b[j:], ldb, k, v)
	}
}

// gemmPackT is packB, to dst, of a block that is stored as n×k.
func gemmPackT(dst []float64, nr, vl, n, k int, b []float64, ldb int) {
	for j, v := 0, 0; j < n; j += v {
		v = gemmWidth(n-j, nr, vl)
		panel, rows := dst[j*k:], b[j*ldb:]
		q := 0
		for ; q+vl <= v; q += vl {
			gemmTransposeVector(panel[q:], v, rows[q*ldb:], ldb, k)
		}
		if q < v && v >= vl { // some columns twice
			gemmTransposeVector(panel[v-vl:], v, rows[(v-vl)*ldb:], ldb, k)
			continue
		}
		for ; q < v; q++ {
			for p, x := range rows[q*ldb:][:k] {
				panel[p*v+q] = x
			}
		}
	}
}

// packRows copies m columns of k values of A, the values of a column lda apart, to
// rows, and returns how far these are apart: a little more than k, so that
// those of a tile do not get in each other's way in the first cache.
func (w *gemmPack) packRows(vl, m, k int, a []float64, lda int) int {
	ld := k + 4
	p := 0
	for ; p+vl <= k; p += vl {
		gemmTransposeVector(w.a[p:], ld, a[p*lda:], lda, m)
	}
	for ; p < k; p++ {
		for i, v := range a[p*lda:][:m] {
			w.a[i*ld+p] = v
		}
	}
	return ld
}

// packA copies m columns of k values of A, the values of a column lda apart, to
// panels of mr columns.
func (w *gemmPack) packA(mr, m, k int, a []float64, lda int) {
	i := 0
	for ; i+mr <= m; i += mr {
		copyRows(w.a[i*k:], mr, a[i:], lda, k, mr)
	}
	if i < m {
		for p := range k {
			copy(w.a[i*k+p*mr:][:m-i], a[p*lda+i:])
		}
	}
}
