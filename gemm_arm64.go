//go:build !purego

package nn

// tile8NEON computes m rows, a multiple of 4, of 8 columns of C = A·B, or C += A·B
// if acc is 1, as gemmBlock does, where a[i,p] is a[i·rsa + p·csa].
//
//go:noescape
func tile8NEON(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, acc int)

// gemmTile returns the rows and columns of the tile, and the rows that
// gemmTransposeVector takes; zeros if there is only plain Go.
func gemmTile() (mr, nr, vl int) {
	if useNEON {
		return 4, 8, 8
	}
	return 0, 0, 0
}

// gemmPanel multiplies m rows of A with a panel of B that is no wider than a tile.
// What does not fill a tile is left to plain Go.
func gemmPanel(m, n, k int, a []float64, rsa, csa int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	done := 0
	if n == 8 && m >= 4 {
		add := 0
		if acc {
			add = 1
		}
		done = m &^ 3
		tile8NEON(&a[0], rsa, csa, &b[0], ldb, &c[0], ldc, k, done, add)
		if done == m {
			return
		}
	}
	a, c, m = a[done*rsa:], c[done*ldc:], m-done
	if !acc {
		for i := range m {
			clear(c[i*ldc:][:n])
		}
	}
	gemmBlock(m, n, k, a, rsa, csa, b, ldb, c, ldc)
}

// gemmRow multiplies one row with B, and returns that it has done all n columns.
func gemmRow(n, k int, a []float64, csa int, b []float64, ldb int, c []float64, acc bool) int {
	if !acc {
		clear(c[:n])
	}
	gemmBlock(1, n, k, a, 0, csa, b, ldb, c, 0)
	return n
}

// gemmTransposeVector writes 8 rows of k values, lds apart, as columns.
func gemmTransposeVector(dst []float64, ldd int, src []float64, lds, k int) {
	s0, s1, s2, s3 := src[:k], src[lds:][:k], src[2*lds:][:k], src[3*lds:][:k]
	s4, s5, s6, s7 := src[4*lds:][:k], src[5*lds:][:k], src[6*lds:][:k], src[7*lds:][:k]
	for p := range s0 {
		*(*[8]float64)(dst[p*ldd:]) = [8]float64{s0[p], s1[p], s2[p], s3[p], s4[p], s5[p], s6[p], s7[p]}
	}
}

// gemmCopyPanels copies k rows of B, ldb apart, to panels of 8 columns.
func gemmCopyPanels(dst []float64, nr, panels, k int, b []float64, ldb int) {
	for p := range k {
		s := b[p*ldb:]
		for t := range panels {
			*(*[8]float64)(dst[(t*k+p)*8:]) = *(*[8]float64)(s[t*8:])
		}
	}
}

// gemmIsNarrow: no product is computed transposed.
func gemmIsNarrow(ta bool, m, n, k int) bool { return false }

func (w *gemmPack) narrow(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
}
