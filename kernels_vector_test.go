//go:build (amd64 || arm64) && !purego

package nn

// mulTiles multiplies by vector kernels, without blocks: one panel of B after the
// other, as high as B is.
func mulTiles(n int, a, b, c []float64) {
	_, nr, vl := gemmTile()
	if nr == 0 {
		mulRows(n, a, b, c)
		return
	}
	for j, w := 0, 0; j < n; j += w {
		w = gemmWidth(n-j, nr, vl)
		gemmPanel(n, w, n, a, n, 1, b[j:], n, c[j:], n, false)
	}
}

// mulBlocks is mulTiles for gemmKC rows of B and 128 of A at a time, as gemmVector
// multiplies without packing.
func mulBlocks(n int, a, b, c []float64) {
	_, nr, vl := gemmTile()
	if nr == 0 {
		gemmSerial(false, false, n, n, n, a, n, b, n, c, n, false)
		return
	}
	for p := 0; p < n; p += gemmKC {
		k := min(gemmKC, n-p)
		for i := 0; i < n; i += 128 {
			m := min(128, n-i)
			for j, w := 0, 0; j < n; j += w {
				w = gemmWidth(n-j, nr, vl)
				gemmPanel(m, w, k, a[i*n+p:], n, 1, b[p*n+j:], n, c[i*n+j:], n, p > 0)
			}
		}
	}
}
