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
