//go:build !purego

package nn

// A vector of 8 columns is mostly empty if C has 1 or 10 of them. Such a C is
// computed transposed, Cᵀ = op(B)ᵀ·op(A)ᵀ: the rows of C, of which there are many,
// become the columns, and fill the vectors. The price is to transpose C, and A as
// well unless Aᵀ was asked for; then only those columns take this way that do not
// fill a vector.

// gemmIsNarrow reports whether a product is faster that way.
func gemmIsNarrow(ta bool, m, n, k int) bool {
	if !useAVX512 || n > 20 || m < 16 || k < 16 {
		return false
	}
	empty := -n & 7
	return empty >= 6 || ta && empty >= 3
}

// gemmNarrowRows is the number of rows of C that are computed at a time. Their
// transpose, 24 rows of it, takes the place of packed A.
const gemmNarrowRows = 480

// narrow is gemmVector for a product that gemmIsNarrow.
func (w *gemmPack) narrow(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	rsb, csb := 1, ldb // of op(B)ᵀ
	if tb {
		rsb, csb = ldb, 1
	}
	if full := n &^ 7; ta && !tb && full > 0 {
		for p := 0; p < k; p += gemmKC {
			gemmPanel(m, full, min(gemmKC, k-p), a[p*lda:], 1, lda, b[p*csb:], ldb, c, ldc, acc || p > 0)
		}
		b, c, n = b[full*rsb:], c[full:], n-full
	}
	const ldt = gemmNarrowRows
	t := w.a[:24*ldt]
	for i := 0; i < m; i += gemmNarrowRows {
		m := min(gemmNarrowRows, m-i)
		c := c[i*ldc:]
		if acc {
			gemmTransposeRows(t, ldt, c, ldc, m, n)
		}
		for p := 0; p < k; p += gemmKC {
			k := min(gemmKC, k-p)
			if !ta {
				w.packT(24, 8, m, k, a[i*lda+p:], lda)
			}
			j := 0
			if ta && n <= 2 { // too few sums in a tile
				for q := range n {
					j = gemmRow(m, k, b[p*csb+q*rsb:], csb, a[p*lda+i:], lda, t[q*ldt:], acc || p > 0)
				}
			}
			for v := 0; j < m; j += v {
				v = gemmWidth(m-j, 24, 8)
				if ta {
					gemmPanel(n, v, k, b[p*csb:], rsb, csb, a[p*lda+i+j:], lda, t[j:], ldt, acc || p > 0)
				} else {
					gemmPanel(n, v, k, b[p*csb:], rsb, csb, w.b[j*k:], v, t[j:], ldt, acc || p > 0)
				}
			}
		}
		for j := 0; j < n; j += 8 {
			transpose8AVX512(&c[j], ldc, &t[j*ldt], ldt, m, min(8, n-j))
		}
	}
}

// gemmTransposeRows writes m rows of n values, lds apart, as columns.
func gemmTransposeRows(dst []float64, ldd int, src []float64, lds, m, n int) {
	i := 0
	for ; n > 2 && i+8 <= m; i += 8 {
		transpose8AVX512(&dst[i], ldd, &src[i*lds], lds, n, 8)
	}
	for ; i < m; i++ {
		for p, v := range src[i*lds:][:n] {
			dst[p*ldd+i] = v
		}
	}
}
