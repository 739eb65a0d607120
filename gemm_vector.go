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
// each other's way in the first cache, and if gemmFarA12 values of a transposed A, of
// which only half a line is used at a time, do not stay in the second.
const (
	gemmReuse12 = 128
	gemmFar12   = 64
	gemmFarA12  = 48 << 10
)

// gemmFew is the number of columns of C up to which all of A passes over one panel of
// B after the other, if panels are so narrow that one stays in the first cache beside
// a tile of A. If there are more columns, gemmMC rows of A at a time do. Past wider
// panels, B passes over one tile of A after the other.
const gemmFew = 96

// gemmWide is how wide a block of B may be, at the cost of its height, so that A, if
// it is transposed, is packed only once.
const gemmWide = 640

// gemmWorthPacking reports whether B is to be packed for m rows. A transposed A is
// packed too then.
func gemmWorthPacking(nr int, ta bool, m, n, k, ldb int) bool {
	if nr != 12 {
		return m >= gemmReuse && n >= gemmReuse
	}
	return n >= gemmReuse && m >= gemmReuse12 || n >= 2*nr && m >= gemmFar12 && ldb >= 512 ||
		ta && n >= 64 && m >= gemmReuse12 && m*k >= gemmFarA12
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
	if tb || gemmWorthPacking(nr, ta, m, n, k, ldb) {
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

// gemm packs blocks of B, and of A if it is transposed and used more than twice,
// and multiplies them.
func (w *gemmPack) gemm(mr, nr, vl int, ta, tb bool, m, n, k int, a []float64, rsa, csa int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	packA := ta && n >= 2*nr
	cols, rows := gemmNC, gemmKC // of a block
	if packA && nr <= 12 && n > cols && n <= gemmWide {
		cols, rows = n, min(rows, len(w.b)/n)
		rows = ceilDiv(k, ceilDiv(k, rows))
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
			if !packA && nr <= 12 {
				// One panel at a time in the first cache, and A passes over it.
				h := gemmDirect
				if nc > gemmFew {
					h = gemmMC
				}
				for i := 0; i < m; i += h {
					for j, v := 0, 0; j < nc; j += v {
						v = gemmWidth(nc-j, nr, vl)
						gemmPanel(min(h, m-i), v, kc, a[i*rsa+p*csa:], rsa, csa, w.b[j*kc:], v, c[i*ldc+j0+j:], ldc, acc)
					}
				}
				continue
			}
			for i0 := 0; i0 < m; i0 += gemmMC {
				mc := min(gemmMC, m-i0)
				ap, rs, cs := a[i0*rsa+p*csa:], rsa, csa
				if packA {
					w.packA(mr, mc, kc, ap, csa)
					ap, rs, cs = w.a[:], 1, mr
				}
				cp := c[i0*ldc+j0:]
				// A tile of A in the first cache, B from the second.
				for i := 0; i < mc; i += mr {
					h := min(mr, mc-i)
					at := i * rs
					if packA {
						at = i * kc
					}
					for j, v := 0, 0; j < nc; j += v {
						v = gemmWidth(nc-j, nr, vl)
						gemmPanel(h, v, kc, ap[at:], rs, cs, w.b[j*kc:], v, cp[i*ldc+j:], ldc, acc)
					}
				}
			}
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
		for p := range k {
			copy(w.b[j*k+p*v:][:v], b[p*ldb+j:])
		}
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
