package nn

import "fmt"

// Every element of a product is one chain of fused multiply-adds,
//
//	c = fma(a[i,p], b[p,j], c)    p = 0, 1, … k−1
//
// from 0 or from the old c. Whatever cuts the work into blocks, rows, columns or
// goroutines keeps every chain whole and in order, so it cannot change a bit, and
// it leaves out nothing: 0·∞ is a NaN here as elsewhere.
//
// How fast can that be? A core with AVX-512 begins two fused multiply-adds of eight
// elements each cycle: at 3.7 GHz 118 GFLOP/s, counting an FMA as two operations. Three
// loops make 0.3 of them. The way from there to here, for 1024×1024·1024×1024 on
// one core of a Xeon, by BenchmarkLadder, which measures it on any machine:
//
//	                        GFLOP/s
//	naive                       0.3
//	rows                        4.3
//	steps                       8.2
//	tiles, AVX2                  15
//	tiles, AVX-512               41
//	blocks                       80
//	packed                       96
//	parallel, two cores         176
//
// Naive. Element by element, a row of A times a column of B. The column is the
// trouble: each of its values lies in another cache line, of which seven eighths
// are read for nothing, and in another page.
//
// Rows. The two inner loops change places: a row of B, times a number, is added to
// a row of C. All is read in the order in which it lies in memory. Now each FMA
// loads an element of B and one of C, and stores one: the processor does more
// fetching than computing.
//
// Steps. Eight rows of B at once: an element of C is loaded, goes through eight
// steps of its chain in a register, and is stored. This, and blocks, is what plain
// Go does here (gemm_plain.go).
//
// Tiles. A vector holds eight elements of a row of C, so an instruction does eight
// FMAs. But its result is there only after four cycles, and the next step of the
// chain waits for it; two FMAs a cycle need eight chains of vectors under way, better
// more. And an FMA needs operands: with one of A, used for a row, and one of B,
// used for a column, a tile of 8×24 elements of C, all in registers through all k
// steps, makes 24 vector FMAs from 3 loads of B and 8 of A. A core can load two a
// cycle: 5.5 cycles of loading hide behind 12 of computing. Tiles are 8×24 with
// AVX-512, which has 32 registers; 4×12 with AVX2, which has 16 of half the size;
// 4×8 with NEON. With small matrices this is nearly all there is to do: 100 GFLOP/s
// for 64×64·64×64. Large ones do not fit in the caches: every tile reads 24
// columns of B, whose rows are 8 KB apart.
//
// Blocks. Take 256 rows of B at a time: a panel of 256×24 is 48 KB, and stays in
// the first cache while all rows of A pass over it. The tiles of C are then loaded
// and stored once for every block.
//
// Packed. The rows of such a panel still lie in 256 pages, more than the processor
// remembers the addresses of. If many rows of A use it, it pays to copy the
// panel first, so that the kernel reads memory from end to end. A transposed B is
// packed in any case, by transposing blocks of 8×8 or 4×4 in registers. A transposed A
// is packed only beside a packed B: a kernel takes values of A one by one, at any
// distance. So there is one kernel for A·B, Aᵀ·B and A·Bᵀ.
//
// Parallel. Rows or columns of C are shared out, whichever there are more of, or so
// that no processor packs what others pack (gemmByRow). Small products are the
// difficult ones: to wake a sleeping core takes up to 80 µs, in which the other could
// have done 32×784·784×128 alone. So workers stay awake for a moment (parallel.go).
//
// Some shapes have their own way. One row needs no tile: each element of B is used
// once, and the limit is how fast it comes from the cache (rowAVX512, 41 GFLOP/s
// from the second). Ten columns would leave six of sixteen lanes of AVX-512 empty, so
// there the product is computed transposed (gemm_narrow_amd64.go). And XOR, 4×2·2×8,
// takes some 40 ns in all: it is spent on checks and calls, so there are few of them
// (gemmTiny), and nothing may be added.

// gemm computes C = op(A)·op(B), or C += op(A)·op(B) if acc is set. op(A) is m×k,
// op(B) k×n; op is the transpose if ta or tb is set. The rows of A, B and C as
// they are stored lie lda, ldb and ldc values apart. C must not overlap A or B.
func gemm(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	ra, ca, rb, cb := m, k, k, n
	if ta {
		ra, ca = k, m
	}
	if tb {
		rb, cb = n, k
	}
	if !gemmFits(ra, ca, lda, len(a)) || !gemmFits(rb, cb, ldb, len(b)) || !gemmFits(m, n, ldc, len(c)) {
		panic(fmt.Sprintf("nn: gemm: A %d×%d (stride %d, %d values), B %d×%d (stride %d, %d values), C %d×%d (stride %d, %d values): too few values or too small a stride",
			ra, ca, lda, len(a), rb, cb, ldb, len(b), m, n, ldc, len(c)))
	}
	if m == 0 || n == 0 {
		return
	}
	mr, nr, vl := gemmTile()
	unit, part := vl, mr*nr<<10 // about 4 µs: the larger the tile the faster the kernel
	if nr == 0 {
		unit, part = 1, 1<<14
	}
	work := uint64(m) * uint64(n) * uint64(k)
	if work < uint64(hotGrains*part) && !alwaysSplit {
		gemmSerial(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, acc)
		return
	}
	t := gemmTasks.get()
	*t = gemmTask{ta, tb, acc, m, n, k, lda, ldb, ldc, a, b, c, false, unit}
	steps := n
	if gemmByRow(nr, ta, tb, m, n) {
		t.byRow = true
		steps = m
	}
	grain := int(uint64(steps)*uint64(part)/(work+1)) + 1
	if !t.byRow && nr == 0 {
		grain = max(grain, 32) // each part transposes its own columns of B; narrow ones are slow
	}
	parallel(steps, grain, t)
	*t = gemmTask{}
	gemmTasks.put(t)
}

// gemmByRow reports whether C is cut into rows, not columns, for several processors.
// Each packs for itself all that it needs of both operands: of A as soon as it is
// transposed, of B with AVX2 nearly always. So what is packed is better cut than packed
// by each.
func gemmByRow(nr int, ta, tb bool, m, n int) bool {
	switch {
	case nr == 0:
		return m >= n || m >= 16 && !tb
	case nr == 12 && !ta && n >= 8*nr:
		return m > 3*n
	}
	return m >= n || n < 2*nr
}

// gemmFits reports whether an r×c matrix with rows ld apart lies within n values.
func gemmFits(r, c, ld, n int) bool {
	if r <= 0 || c <= 0 {
		return r >= 0 && c >= 0
	}
	return ld >= c && (r-1)*ld+c <= n
}

// A gemmTask is a call of gemm as a loop over the rows or the columns of C. It cuts at
// multiples of unit, so that few tiles are cut.
type gemmTask struct {
	ta, tb, acc   bool
	m, n, k       int
	lda, ldb, ldc int
	a, b, c       []float64
	byRow         bool
	unit          int
}

var gemmTasks freelist[gemmTask]

func (t *gemmTask) run(lo, hi int) {
	m, n, a, b := t.m, t.n, t.a, t.b
	lo, hi = ceilDiv(lo, t.unit)*t.unit, ceilDiv(hi, t.unit)*t.unit
	if t.byRow {
		if m = min(m, hi) - lo; m <= 0 {
			return
		}
		a = operand(a, t.lda, lo, t.k, t.ta)
		lo *= t.ldc
	} else {
		if n = min(n, hi) - lo; n <= 0 {
			return
		}
		b = operand(b, t.ldb, lo, t.k, !t.tb)
	}
	gemmSerial(t.ta, t.tb, m, n, t.k, a, t.lda, b, t.ldb, t.c[lo:], t.ldc, t.acc)
}

// operand returns x from its i-th row, or column if col is set, on. A matrix that
// holds nothing, k = 0, may come with no values at all.
func operand(x []float64, ld, i, k int, col bool) []float64 {
	switch {
	case k == 0:
		return nil
	case col:
		return x[i:]
	}
	return x[i*ld:]
}

// gemmSerial is gemm on the calling goroutine.
func gemmSerial(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	if k == 0 {
		if !acc {
			for i := range m {
				clear(c[i*ldc:][:n])
			}
		}
		return
	}
	if ldb == 1 {
		tb = false // n×1 is stored like 1×n
	}
	mr, nr, vl := gemmTile()
	if n == 1 && ldc == 1 && (ta || mr == 0) {
		// A column is stored like a row, and rows are faster: Cᵀ = op(B)ᵀ·op(A)ᵀ.
		ta, tb, m, n, a, lda, b, ldb, ldc = !tb, !ta, n, m, b, ldb, a, lda, m
	}
	if mr > 0 {
		gemmVector(mr, nr, vl, ta, tb, m, n, k, a, lda, b, ldb, c, ldc, acc)
	} else {
		gemmPlain(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, acc)
	}
}
