package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// gemmRecipe is the definition of gemm.
func gemmRecipe(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	for i := range m {
		for j := range n {
			s := 0.0
			if acc {
				s = c[i*ldc+j]
			}
			for p := range k {
				x, y := i*lda+p, p*ldb+j
				if ta {
					x = p*lda + i
				}
				if tb {
					y = j*ldb + p
				}
				s = math.FMA(a[x], b[y], s)
			}
			c[i*ldc+j] = s
		}
	}
}

// gemmFill draws n values, with zeros, infinities, NaN and subnormals among them if
// special is set: one in 16, but of many about 12, or all sums would be NaN.
func gemmFill(rng *rand.Rand, n int, special bool) []float64 {
	odd := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, -1e-310, math.MaxFloat64}
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(rng.Uint64()>>11)*0x1p-52 - 1
		if special && rng.Uint64()%uint64(max(16, n/12)) == 0 {
			x[i] = odd[rng.Uint64()%8]
		}
	}
	return x
}

// gemmCase is one call of gemm on matrices that are wider than what is used of
// them, do not begin at a cache line, and have no value to spare at their ends.
type gemmCase struct {
	ta, tb, acc   bool
	m, n, k       int
	lda, ldb, ldc int
	a, b, c, want []float64
}

func newGemmCase(rng *rand.Rand, ta, tb bool, m, n, k int, acc, special bool) *gemmCase {
	ra, ca, rb, cb := m, k, k, n
	if ta {
		ra, ca = k, m
	}
	if tb {
		rb, cb = n, k
	}
	g := &gemmCase{ta: ta, tb: tb, acc: acc, m: m, n: n, k: k}
	g.lda, g.ldb, g.ldc = ca+int(rng.Uint64()%3), cb+int(rng.Uint64()%3), n+int(rng.Uint64()%3)
	used := func(r, c, ld int) int {
		if r == 0 || c == 0 {
			return 0
		}
		return (r-1)*ld + c
	}
	off := int(rng.Uint64() % 3)
	g.a = gemmFill(rng, used(ra, ca, g.lda)+off, special)[off:]
	g.b = gemmFill(rng, used(rb, cb, g.ldb)+off, special)[off:]
	g.c = gemmFill(rng, m*g.ldc+8, special) // what lies around C must not change
	g.want = append([]float64(nil), g.c...)
	gemmRecipe(ta, tb, m, n, k, g.a, g.lda, g.b, g.ldb, g.want[4:], g.ldc, acc)
	return g
}

func (g *gemmCase) String() string {
	return fmt.Sprintf("gemm(%v, %v, %d, %d, %d, strides %d, %d, %d, acc %v)", g.ta, g.tb, g.m, g.n, g.k, g.lda, g.ldb, g.ldc, g.acc)
}

// run computes into a copy of C and compares bits; a NaN equals any NaN.
func (g *gemmCase) run(t *testing.T) {
	t.Helper()
	c := append([]float64(nil), g.c...)
	end := 4
	if g.m > 0 && g.n > 0 {
		end += (g.m-1)*g.ldc + g.n
	}
	gemm(g.ta, g.tb, g.m, g.n, g.k, g.a, g.lda, g.b, g.ldb, c[4:end:end], g.ldc, g.acc)
	for i, v := range c {
		if w := g.want[i]; math.Float64bits(v) != math.Float64bits(w) && (v == v || w == w) {
			t.Fatalf("%v: value %d is %x, want %x", g, i-4, v, w)
		}
	}
}

func TestGemmSmall(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for m := range 14 {
			for n := range 14 {
				for k := range 14 {
					for f := range 8 {
						newGemmCase(rng, f&1 != 0, f&2 != 0, m, n, k, f&4 != 0, (m+n+k)%3 == 0).run(t)
					}
				}
			}
		}
	})
}

// Every number of rows with every number of columns up to 70: all edges of all
// tiles.
func TestGemmEdges(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 9))
		for m := 1; m <= 70; m++ {
			for n := 1; n <= 70; n++ {
				u := rng.Uint64()
				newGemmCase(rng, u&1 != 0, u&2 != 0, m, n, int(u>>8%20), u&4 != 0, u>>3&3 == 0).run(t)
			}
		}
		for k := range 71 {
			for f := range 8 {
				u := rng.Uint64()
				newGemmCase(rng, f&1 != 0, f&2 != 0, 1+int(u%70), 1+int(u>>8%70), k, f&4 != 0, k%3 == 0).run(t)
			}
		}
	})
}

// Few columns, of many rows: computed transposed.
func TestGemmNarrow(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(12, 13))
		for n := 1; n <= 24; n++ {
			for f := range 8 {
				u := rng.Uint64()
				newGemmCase(rng, f&1 != 0, f&2 != 0, 16+int(u%150), n, 16+int(u>>8%40), f&4 != 0, u>>16&3 == 0).run(t)
			}
			newGemmCase(rng, n&1 != 0, false, 490+n, n, 250+n, n&2 != 0, false).run(t)
		}
	})
}

// Products that are packed, and cross the borders of blocks. On one processor: others
// would take parts, which cross fewer.
func TestGemmBlocks(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	rng := rand.New(rand.NewPCG(10, 11))
	var cases []*gemmCase
	for _, s := range []struct{ m, n, k int }{
		{192, 192, 33}, {200, 193, 257}, {193, 505, 20}, {65, 481, 258}, {9, 512, 300}, {521, 25, 40}, {1, 333, 270}, {600, 1, 37}, {33, 960, 5}, {70, 640, 300}, {70, 600, 256}, {70, 600, 430}, {131, 65, 380},
	} {
		for f := range 4 {
			cases = append(cases, newGemmCase(rng, f&1 != 0, f&2 != 0, s.m, s.n, s.k, rng.Uint64()%2 == 0, f == 1))
		}
	}
	for range 10 { // and any sizes
		u := rng.Uint64()
		cases = append(cases, newGemmCase(rng, u&1 != 0, u&2 != 0, 1+int(u>>8%300), 1+int(u>>20%300), 1+int(u>>32%300), u&4 != 0, u>>3&3 == 0))
	}
	kernelSets(t, func(t *testing.T) {
		for _, g := range cases {
			g.run(t)
		}
	})
}

// So many rows that B is packed, with every number of columns and of steps that the
// routines which pack can meet at an edge.
func TestGemmPacked(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(16, 17))
		for n := 1; n <= 70; n++ {
			u := rng.Uint64()
			for f := range 4 {
				newGemmCase(rng, f&1 != 0, f&2 != 0, 128+int(u%70), n, int(u>>8%20), u>>16&1 != 0, u>>17&3 == 0).run(t)
			}
		}
		for k := range 71 {
			u := rng.Uint64()
			newGemmCase(rng, k%2 == 0, k%3 == 0, 128+k%5, 24+int(u%40), k, u>>16&1 != 0, u>>17&3 == 0).run(t)
		}
	})
}

// gemmShapes cross the borders of blocks, in each direction and by one.
var gemmShapes = []struct{ m, n, k int }{
	{blockM - 1, blockN + 1, 9}, {blockM + 1, blockN, 17}, {2*blockM + 3, 21, blockK + 5}, {1, 2*blockN + 1, blockK + 1}, {3, 40, blockK + 9},
	{4, blockN + 3, blockK + 2}, {37, 1, 300}, {1, 1, 1000}, {70, 10, 33}, {65, 67, 64}, {128, 10, 32}, {5, blockN - 1, 12},
}

func TestGemmShapes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, p := range []int{1, 2, 7} {
		kernelSets(t, func(t *testing.T) {
			for _, force := range []bool{false, true} {
				if force {
					splitLoops(t, p)
				}
				for _, s := range gemmShapes {
					for f := range 4 {
						newGemmCase(rng, f&1 != 0, f&2 != 0, s.m, s.n, s.k, rng.Uint64()%2 == 0, rng.Uint64()%4 == 0).run(t)
					}
				}
				for range 60 {
					u := rng.Uint64()
					m, n, k := int(u%80), int(u>>8%80), int(u>>16%80)
					newGemmCase(rng, u>>32&1 != 0, u>>33&1 != 0, m, n, k, u>>34&1 != 0, u>>35&3 == 0).run(t)
				}
			}
		})
	}
}

// Products large enough to be split without being forced to.
func TestGemmLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range []struct{ m, n, k int }{{131, 70, 97}, {7, 300, 411}, {1, 1100, 700}} {
		for f := range 4 {
			g := newGemmCase(rng, f&1 != 0, f&2 != 0, s.m, s.n, s.k, f == 0, false)
			for _, p := range []int{1, 2, 7} {
				old := runtime.GOMAXPROCS(p)
				g.run(t)
				runtime.GOMAXPROCS(old)
			}
		}
	}
}

// What is 0·∞, and a NaN anywhere in a chain, stays NaN: no zero is skipped.
func TestGemmZeroTimesInf(t *testing.T) {
	c := []float64{1, 1}
	gemm(false, false, 1, 2, 2, []float64{0, 0}, 2, []float64{math.Inf(1), 1, 1, math.NaN()}, 2, c, 2, true)
	if c[0] == c[0] || c[1] == c[1] {
		t.Errorf("[0 0]·[∞ 1; 1 NaN] = %v, want [NaN NaN]", c)
	}
}

func TestGemmCallers(t *testing.T) {
	splitLoops(t, 4)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			for range 12 {
				u := rng.Uint64()
				newGemmCase(rng, u&1 != 0, u&2 != 0, 1+int(u>>8%50), 1+int(u>>16%50), int(u>>24%50), u&4 != 0, false).run(t)
			}
		})
	}
	wg.Wait()
}

func TestGemmAllocs(t *testing.T) {
	x, y, z := make([]float64, 128*128), make([]float64, 128*128), make([]float64, 128*128)
	for _, p := range []int{1, 2} {
		for _, s := range []struct{ m, n, k int }{{4, 8, 2}, {4, 1, 8}, {1, 128, 128}, {5, 10, 128}, {64, 64, 128}} {
			for f := range 4 {
				old := runtime.GOMAXPROCS(p)
				a := allocsPerRun(func() { gemm(f&1 != 0, f&2 != 0, s.m, s.n, s.k, x, 128, y, 128, z, 128, false) })
				runtime.GOMAXPROCS(old)
				if a != 0 {
					t.Errorf("gemm(%v, %v, %d, %d, %d) on %d processors allocates %d times", f&1 != 0, f&2 != 0, s.m, s.n, s.k, p, a)
				}
			}
		}
	}
}

func TestGemmMisfit(t *testing.T) {
	x := make([]float64, 6)
	for _, s := range []struct {
		ta, tb                    bool
		m, n, k                   int
		lda, ldb, ldc, na, nb, nc int
	}{
		{m: 2, n: 2, k: 3, lda: 3, ldb: 2, ldc: 2, na: 5, nb: 6, nc: 4},
		{m: 2, n: 2, k: 3, lda: 3, ldb: 2, ldc: 2, na: 6, nb: 5, nc: 4},
		{m: 2, n: 2, k: 3, lda: 3, ldb: 2, ldc: 2, na: 6, nb: 6, nc: 3},
		{m: 2, n: 2, k: 3, lda: 2, ldb: 2, ldc: 2, na: 6, nb: 6, nc: 4},
		{m: 2, n: 2, k: 3, lda: 3, ldb: 1, ldc: 2, na: 6, nb: 6, nc: 4},
		{m: 2, n: 2, k: 3, lda: 3, ldb: 2, ldc: 1, na: 6, nb: 6, nc: 4},
		{ta: true, m: 2, n: 2, k: 3, lda: 3, ldb: 2, ldc: 2, na: 6, nb: 6, nc: 4},
		{tb: true, m: 2, n: 2, k: 3, lda: 3, ldb: 2, ldc: 2, na: 6, nb: 6, nc: 4},
		{m: -1, n: 2, k: 3, lda: 3, ldb: 2, ldc: 2, na: 6, nb: 6, nc: 4},
		{m: 2, n: -2, k: 3, lda: 3, ldb: 2, ldc: 2, na: 6, nb: 6, nc: 4},
		{m: 0, n: 0, k: -1, lda: 3, ldb: 2, ldc: 2, na: 6, nb: 6, nc: 4},
	} {
		func() {
			defer func() {
				if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "nn: gemm: A ") {
					t.Errorf("gemm%+v: panics with %q, want nn: gemm: A …", s, v)
				}
			}()
			gemm(s.ta, s.tb, s.m, s.n, s.k, x[:s.na], s.lda, x[:s.nb], s.ldb, make([]float64, s.nc), s.ldc, false)
		}()
	}
}
