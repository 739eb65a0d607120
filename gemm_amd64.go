//go:build !purego

package nn

// The routines in assembly take strides in values, trust all sizes, and want m, n
// and k positive. Each names the Go code that does the same.

// tile24AVX512, tile16AVX512 and tile8AVX512 compute m rows of up to 24, 16 or 8
// columns of C = A·B, or C += A·B if acc is 1, as gemmBlock does, where a[i,p] is
// a[i·rsa + p·csa]. Bit j of mask is set for each column j of the last 8.
//
//go:noescape
func tile24AVX512(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, mask, acc int)

//go:noescape
func tile16AVX512(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, mask, acc int)

//go:noescape
func tile8AVX512(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, mask, acc int)

// rowAVX512 is tile24AVX512 for one row and the first n&^63 columns.
//
//go:noescape
func rowAVX512(a *float64, csa int, b *float64, rsb int, c *float64, n, k, acc int)

// transpose8AVX512 is gemmTranspose for 8 rows of k values, of which it reads all
// and writes the first rows.
//
//go:noescape
func transpose8AVX512(dst *float64, ldd int, src *float64, lds, k, rows int)

// transpose2AVX512 is gemmTranspose for 2 rows of k values, k a multiple of 8.
//
//go:noescape
func transpose2AVX512(dst *float64, ldd int, src *float64, lds, k int)

// copy24AVX512 copies rows of 24·panels values, lds apart, to panels.
//
//	copy(dst[(t*rows+p)*24:][:24], src[p*lds+t*24:])    for all p < rows, t < panels
//
//go:noescape
func copy24AVX512(dst, src *float64, lds, rows, panels int)

// tile12AVX2, tile8AVX2 and tile4AVX2 are for up to 12, 8 and 4 columns, of which
// cols are in the last 4.
//
//go:noescape
func tile12AVX2(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, cols, acc int)

//go:noescape
func tile8AVX2(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, cols, acc int)

//go:noescape
func tile4AVX2(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, cols, acc int)

// rowAVX2 is for one row and the first n&^15 columns.
//
//go:noescape
func rowAVX2(a *float64, csa int, b *float64, rsb int, c *float64, n, k, acc int)

// transpose4AVX2 is gemmTranspose for 4 rows of k values, k a multiple of 4.
//
//go:noescape
func transpose4AVX2(dst *float64, ldd int, src *float64, lds, k int)

// gemmTile returns the rows and columns of the largest tile and the values in a
// vector; zeros if there is only plain Go.
func gemmTile() (mr, nr, vl int) {
	switch {
	case useAVX512:
		return 8, 24, 8
	case useAVX2:
		return 4, 12, 4
	}
	return 0, 0, 0
}

// gemmPanel multiplies m rows of A with a panel of B that is no wider than a tile.
func gemmPanel(m, n, k int, a []float64, rsa, csa int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	add := 0
	if acc {
		add = 1
	}
	if useAVX512 {
		mask := 0xff >> (-n & 7)
		switch {
		case n > 16:
			tile24AVX512(&a[0], rsa, csa, &b[0], ldb, &c[0], ldc, k, m, mask, add)
		case n > 8:
			tile16AVX512(&a[0], rsa, csa, &b[0], ldb, &c[0], ldc, k, m, mask, add)
		default:
			tile8AVX512(&a[0], rsa, csa, &b[0], ldb, &c[0], ldc, k, m, mask, add)
		}
		return
	}
	cols := 4 - (-n & 3)
	switch {
	case n > 8:
		tile12AVX2(&a[0], rsa, csa, &b[0], ldb, &c[0], ldc, k, m, cols, add)
	case n > 4:
		tile8AVX2(&a[0], rsa, csa, &b[0], ldb, &c[0], ldc, k, m, cols, add)
	default:
		tile4AVX2(&a[0], rsa, csa, &b[0], ldb, &c[0], ldc, k, m, cols, add)
	}
}

// gemmRow multiplies one row with B and returns how many columns it has done; the
// others are for gemmPanel.
func gemmRow(n, k int, a []float64, csa int, b []float64, ldb int, c []float64, acc bool) int {
	add := 0
	if acc {
		add = 1
	}
	if useAVX512 {
		if n &^= 63; n > 0 {
			rowAVX512(&a[0], csa, &b[0], ldb, &c[0], n, k, add)
		}
		return n
	}
	if n &^= 15; n > 0 {
		rowAVX2(&a[0], csa, &b[0], ldb, &c[0], n, k, add)
	}
	return n
}

// gemmTransposeVector writes vl rows of k values, lds apart, as columns.
func gemmTransposeVector(dst []float64, ldd int, src []float64, lds, k int) {
	if useAVX512 {
		transpose8AVX512(&dst[0], ldd, &src[0], lds, k, 8)
		return
	}
	p := k &^ 3
	if p > 0 {
		transpose4AVX2(&dst[0], ldd, &src[0], lds, p)
	}
	for ; p < k; p++ {
		for i := range 4 {
			dst[p*ldd+i] = src[i*lds+p]
		}
	}
}

// gemmCopyPanels copies k rows of B, ldb apart, to panels of nr columns.
func gemmCopyPanels(dst []float64, nr, panels, k int, b []float64, ldb int) {
	if useAVX512 && panels > 0 {
		copy24AVX512(&dst[0], &b[0], ldb, k, panels)
		return
	}
	// Eight rows at a time, so that each is read from end to end at once.
	for p := 0; p < k; p += 8 {
		rows := min(8, k-p)
		for t := range panels {
			copyRows(dst[(t*k+p)*12:], 12, b[p*ldb+t*12:], ldb, rows, 12)
		}
	}
}
