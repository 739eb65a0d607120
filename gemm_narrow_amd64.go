//go:build !purego

package nn

// A vector of 8 columns is mostly empty if C has 1 or 10 of them. Such a C is
// computed transposed, Cᵀ = op(B)ᵀ·op(A)ᵀ: the rows of C, of which there are many,
// become the columns, and fill the vectors. The price is to transpose C, and A as
// well unless Aᵀ was asked for.

// gemmIsNarrow reports whether a product is faster that way.
func gemmIsNarrow(ta bool, m, n, k int) bool {
	if !useAVX512 || n > 20 || m < 16 || k < 16 {
		return false
	}
	empty := -n & 7
	return empty >= 6 || ta && empty >= 3
}

// gemmNarrowRows is the number of rows of C that are computed at a time.
// Their transpose takes the place of packed A.
const gemmNarrowRows = 48

// gemmNarrowDepth is how many steps of 24 rows of A are transposed at a time: what
// is read and what is written, 12 KB each, must fit into the first cache.
const gemmNarrowDepth = 64

// narrow is gemmVector for a product that gemmIsNarrow.
func (w *gemmPack) narrow(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	rsb, csb := 1, ldb // of op(B)ᵀ
	if tb {
		rsb, csb = ldb, 1
	}
	const ldt = gemmNarrowRows
	t := w.a[:24*ldt]
	nr := 24
	if n > 8 && n <= 12 {
		nr = 16 // 10 rows are two tiles of 8×24, but one of 12×16
	}
	for i := 0; i < m; i += gemmNarrowRows {
		m := min(gemmNarrowRows, m-i)
		c := c[i*ldc:]
		if acc {
			gemmTransposeRows(t, ldt, c, ldc, m, n)
		}
		for j, v := 0, 0; j < m; j += v {
			v = min(nr, m-j)
			if ta {
				gemmPanel(n, v, k, b, rsb, csb, a[i+j:], lda, t[j:], ldt, acc)
				continue
			}
			for p := 0; p < k; p += gemmNarrowDepth {
				k := min(gemmNarrowDepth, k-p)
				gemmPackT(w.b[:], 24, 8, v, k, a[(i+j)*lda+p:], lda)
				gemmPanel(n, v, k, b[p*csb:], rsb, csb, w.b[:], v, t[j:], ldt, acc || p > 0)
			}
		}
		for j := 0; j < n; j += 8 {
			if n-j == 2 && m&7 == 0 {
				transpose2AVX512(&c[j], ldc, &t[j*ldt], ldt, m)
			} else {
				transpose8AVX512(&c[j], ldc, &t[j*ldt], ldt, m, min(8, n-j))
			}
		}
	}
}

// gemmTransposeRows writes m rows of n values, lds apart, as columns.
func gemmTransposeRows(dst []float64, ldd int, src []float64, lds, m, n int) {
	i := 0
	for ; i+8 <= m; i += 8 {
		transpose8AVX512(&dst[i], ldd, &src[i*lds], lds, n, 8)
	}
	for ; i < m; i++ {
		for p, v := range src[i*lds:][:n] {
			dst[p*ldd+i] = v
		}
	}
}
