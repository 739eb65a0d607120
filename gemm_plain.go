package nn

import "math"

// The kernel, row8, adds 8 rows of B to a row of C, one element after the other:
// 8 values of A stay in registers, and the one chain under way is finished before
// the next begins; the processor overlaps them by itself. The usual tile of m×n
// accumulators is slower because of how math.FMA is compiled for GOAMD64=v1: a
// test of the CPU, the instruction, and a jump over the call that stands in for it
// on CPUs without FMA. Whatever changes and lives across such a call is stored to
// the stack at each step: all accumulators of a tile, but only j in row8. What is
// left, a load, two branches and the instruction, takes 0.87 cycles, as it does in
// hand-written assembly, which without the branches takes 0.57. For GOAMD64=v3,
// arm64 and others the compiler leaves the branches out.
//
// GFLOP/s of one core at 4 GHz, operands in the first cache; two fused
// multiply-adds a cycle are 16:
//
//	                      v1    v3
//	tile 2×4             3.9  13.5
//	tile 4×4             5.4   9.5
//	tile 4×2             5.3  13.7
//	tile 6×2             6.0  13.2
//	row of 4 steps       8.4  13.4
//	row of 8 steps       8.7  13.7

// Sizes of a block. While blockM rows of C pass over blockK rows of B, blockN
// columns wide, the 8 rows of B in use (16 KB) stay in the first cache, the others
// in the second.
const (
	blockM = 32
	blockN = 256
	blockK = 256
)

// gemmPlain is gemmSerial in plain Go, for k > 0.
func gemmPlain(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, acc bool) {
	if !acc {
		if ldc == n {
			clear(c[:m*n])
		} else {
			for i := range m {
				clear(c[i*ldc:][:n])
			}
		}
	}
	rsa, csa := lda, 1
	if ta {
		rsa, csa = 1, lda
	}
	switch {
	case !tb:
		for j := 0; j < n; j += blockN {
			for p := 0; p < k; p += blockK {
				gemmBlock(m, min(blockN, n-j), min(blockK, k-p), a[p*csa:], rsa, csa, b[p*ldb+j:], ldb, c[j:], ldc)
			}
		}
	case m < 4 || m*n*k <= 128:
		// Too little use of each value of B to pay for a transpose. 16 rows of B
		// at a time stay in the first cache.
		for j := 0; j < n; j += 16 {
			gemmBlockT(m, min(16, n-j), k, a, rsa, csa, b[j*ldb:], ldb, c[j:], ldc)
		}
	default:
		w := gemmPanels.get()
		for j := 0; j < n; j += blockN {
			for p := 0; p < k; p += blockK {
				n, k := min(blockN, n-j), min(blockK, k-p)
				gemmTranspose(w[:], n, k, b[j*ldb+p:], ldb)
				gemmBlock(m, n, k, a[p*csa:], rsa, csa, w[:], n, c[j:], ldc)
			}
		}
		gemmPanels.put(w)
	}
}

// gemmPanels holds blocks of B that have been transposed.
var gemmPanels freelist[[blockK * blockN]float64]

// gemmTranspose writes the n×k matrix x, rows ld apart, to y as k×n.
func gemmTranspose(y []float64, n, k int, x []float64, ld int) {
	p := 0
	for ; p+8 <= k; p += 8 { // whole cache lines of x, and 8 rows of y in step
		z := y[p*n:]
		y0, y1, y2, y3 := z[:n], z[n:][:n], z[2*n:][:n], z[3*n:][:n]
		y4, y5, y6, y7 := z[4*n:][:n], z[5*n:][:n], z[6*n:][:n], z[7*n:][:n]
		x := x[p:]
		for j := range y0 {
			v := (*[8]float64)(x[j*ld:])
			y0[j], y1[j], y2[j], y3[j] = v[0], v[1], v[2], v[3]
			y4[j], y5[j], y6[j], y7[j] = v[4], v[5], v[6], v[7]
		}
	}
	for ; p < k; p++ {
		z := y[p*n:][:n]
		for j := range z {
			z[j] = x[j*ld+p]
		}
	}
}

// gemmBlock adds A·B to the m×n block C, where a[i,p] = a[i·rsa + p·csa] and the
// rows of B and C lie ldb and ldc apart. A kernel with another tile takes its place
// here.
func gemmBlock(m, n, k int, a []float64, rsa, csa int, b []float64, ldb int, c []float64, ldc int) {
	var y [8][]float64 // the rows of B in use
	for ; m > 0; m -= blockM {
		h := min(blockM, m)
		p := 0
		for ; p+8 <= k; p += 8 {
			for q := range y {
				y[q] = b[(p+q)*ldb:][:n]
			}
			for i := range h {
				x := a[i*rsa+p*csa:]
				row8(c[i*ldc:][:n], &y, x[0], x[csa], x[2*csa], x[3*csa], x[4*csa], x[5*csa], x[6*csa], x[7*csa])
			}
		}
		if p+4 <= k {
			for q := range 4 {
				y[q] = b[(p+q)*ldb:][:n]
			}
			for i := range h {
				x := a[i*rsa+p*csa:]
				row4(c[i*ldc:][:n], &y, x[0], x[csa], x[2*csa], x[3*csa])
			}
			p += 4
		}
		if p+2 <= k {
			b0, b1 := b[p*ldb:][:n], b[(p+1)*ldb:][:n]
			for i := range h {
				x := a[i*rsa+p*csa:]
				row2(c[i*ldc:][:n], b0, b1, x[0], x[csa])
			}
			p += 2
		}
		if p < k {
			b0 := b[p*ldb:][:n]
			for i := range h {
				row1(c[i*ldc:][:n], b0, a[i*rsa+p*csa])
			}
		}
		if m > blockM {
			a, c = a[blockM*rsa:], c[blockM*ldc:]
		}
	}
}

// row8 does 8 steps of the chains of a row of C:
//
//	c[j] = fma(a7, b[7][j], … fma(a1, b[1][j], fma(a0, b[0][j], c[j])))
func row8(c []float64, b *[8][]float64, a0, a1, a2, a3, a4, a5, a6, a7 float64) {
	n := len(c)
	b0, b1, b2, b3, b4, b5, b6, b7 := b[0][:n], b[1][:n], b[2][:n], b[3][:n], b[4][:n], b[5][:n], b[6][:n], b[7][:n]
	for j, s := range c {
		s = math.FMA(a0, b0[j], s)
		s = math.FMA(a1, b1[j], s)
		s = math.FMA(a2, b2[j], s)
		s = math.FMA(a3, b3[j], s)
		s = math.FMA(a4, b4[j], s)
		s = math.FMA(a5, b5[j], s)
		s = math.FMA(a6, b6[j], s)
		s = math.FMA(a7, b7[j], s)
		c[j] = s
	}
}

// row4 does 4 steps, with the first four rows of b.
func row4(c []float64, b *[8][]float64, a0, a1, a2, a3 float64) {
	n := len(c)
	b0, b1, b2, b3 := b[0][:n], b[1][:n], b[2][:n], b[3][:n]
	for j, s := range c {
		s = math.FMA(a0, b0[j], s)
		s = math.FMA(a1, b1[j], s)
		s = math.FMA(a2, b2[j], s)
		s = math.FMA(a3, b3[j], s)
		c[j] = s
	}
}

// row2 does 2 steps.
func row2(c, b0, b1 []float64, a0, a1 float64) {
	b0, b1 = b0[:len(c)], b1[:len(c)]
	for j, s := range c {
		s = math.FMA(a0, b0[j], s)
		s = math.FMA(a1, b1[j], s)
		c[j] = s
	}
}

// row1 does 1 step.
func row1(c, b []float64, a float64) {
	b = b[:len(c)]
	for j, s := range c {
		c[j] = math.FMA(a, b[j], s)
	}
}

// gemmBlockT is gemmBlock for A·Bᵀ: the rows of the n×k matrix B lie ldb apart.
func gemmBlockT(m, n, k int, a []float64, rsa, csa int, b []float64, ldb int, c []float64, ldc int) {
	p := 0
	for ; p+8 <= k; p += 8 {
		for i := range m {
			x := a[i*rsa+p*csa:]
			row8T(c[i*ldc:][:n], b[p:], ldb, x[0], x[csa], x[2*csa], x[3*csa], x[4*csa], x[5*csa], x[6*csa], x[7*csa])
		}
	}
	if p == k {
		return
	}
	for i := range m {
		z := c[i*ldc:][:n]
		for j, s := range z {
			x := i*rsa + p*csa
			for _, y := range b[j*ldb:][p:k] {
				s = math.FMA(a[x], y, s)
				x += csa
			}
			z[j] = s
		}
	}
}

// row8T does 8 steps with the columns of b.
func row8T(c, b []float64, ldb int, a0, a1, a2, a3, a4, a5, a6, a7 float64) {
	for j, s := range c {
		y := (*[8]float64)(b[j*ldb:])
		s = math.FMA(a0, y[0], s)
		s = math.FMA(a1, y[1], s)
		s = math.FMA(a2, y[2], s)
		s = math.FMA(a3, y[3], s)
		s = math.FMA(a4, y[4], s)
		s = math.FMA(a5, y[5], s)
		s = math.FMA(a6, y[6], s)
		s = math.FMA(a7, y[7], s)
		c[j] = s
	}
}
