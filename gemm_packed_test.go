//go:build (amd64 || arm64) && !purego

package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Products with a packed operand are those of the recipe, whatever rows of it they
// take, and whether it was put there in parts or transposed.
func TestPackedB(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		if !canPackB() {
			t.Skip("no tiles")
		}
		rng := rand.New(rand.NewPCG(21, 22))
		for i := range 300 {
			u := rng.Uint64()
			k, n, m := 1+int(u%40), 1+int(u>>8%70), 1+int(u>>16%70)
			if i%5 == 0 { // across the borders of blocks
				k += 500
			}
			g := newGemmCase(rng, false, i%2 == 0, m, n, k, u>>32&1 != 0, u>>33&3 == 0)
			var w packedB
			w.reset(k, n, make([]float64, k*n))
			if g.tb {
				w.putT(g.b, g.ldb)
			} else {
				cut := int(u >> 40 % uint64(k))
				w.put(cut, k-cut, g.b[cut*g.ldb:], g.ldb)
				w.put(0, cut, g.b, g.ldb)
			}
			from, to := 0, k
			if u>>36&1 != 0 {
				from = int(rng.Uint64() % uint64(k))
				to = from + 1 + int(rng.Uint64()%uint64(k-from))
			}
			b, want := operand(g.b, g.ldb, from, k, g.tb), append([]float64(nil), g.c...)
			gemmRecipe(false, g.tb, m, n, to-from, g.a[from:], g.lda, b, g.ldb, want[4:], g.ldc, g.acc)
			mul := w.mul
			if u>>37&1 != 0 {
				splitLoops(t, 1+int(u>>44%7))
				mul = w.mulParallel
			}
			c := append([]float64(nil), g.c...)
			end := 4 + (m-1)*g.ldc + n
			mul(m, from, to, g.a[from:], g.lda, c[4:end:end], g.ldc, g.acc)
			for j, v := range c {
				if x := want[j]; math.Float64bits(v) != math.Float64bits(x) && (v == v || x == x) {
					t.Fatal(fmt.Sprintf("%v, rows %d to %d: value %d is %x, want %x", g, from, to, j-4, v, x))
				}
			}
		}
	})
}
