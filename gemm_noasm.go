//go:build purego || (!amd64 && !arm64)

package nn

// gemmTile: there are no tiles in vector registers.
func gemmTile() (mr, nr, vl int) { return 0, 0, 0 }

func gemmTiny(ta, tb bool, m, n, k int, a, b, c []float64, acc bool) bool { return false }

func gemmVector(mr, nr, vl int, ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
}

// packedB is of use to tiles only.
type packedB struct{}

func canPackB() bool { return false }

func (w *packedB) reset(k, n int, b []float64)          {}
func (w *packedB) put(p, rows int, x []float64, ld int) {}
func (w *packedB) putT(x []float64, ld int)             {}
func (w *packedB) mul(m, from, to int, a []float64, lda int, c []float64, ldc int, acc bool) {
}
func (w *packedB) mulParallel(m, from, to int, a []float64, lda int, c []float64, ldc int, acc bool) {
}
