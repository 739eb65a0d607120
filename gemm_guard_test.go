//go:build linux

package nn

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n values at the end, or at the beginning, of memory beside which
// nothing may be read or written.
func guarded(t *testing.T, n int, end bool) []float64 {
	page := os.Getpagesize()
	size := ceilDiv(8*n, page) * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	for _, p := range [][]byte{mem[:page], mem[page+size:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if end {
		at += size - 8*n
	}
	return unsafe.Slice((*float64)(unsafe.Pointer(&mem[at])), n)
}

// Nothing outside A, B and C is read, not even to be thrown away: at the end of
// memory it would end the program. (Under QEMU it does: its AVX2 loads what a mask
// hides, too.)
func TestGemmGuarded(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		for _, end := range []bool{true, false} {
			rng := rand.New(rand.NewPCG(14, 15))
			const size = 200 * 100
			a, b, c := guarded(t, size, end), guarded(t, size, end), guarded(t, size, end)
			part := func(x []float64, n int) []float64 {
				if end {
					return x[size-n:]
				}
				return x[:n:n]
			}
			for i := range 600 {
				u := rng.Uint64()
				m, n, k := 1+int(u%60), 1+int(u>>8%60), 1+int(u>>16%40)
				switch i % 4 {
				case 0:
					n = 1 + n%12
				case 1:
					m = 1 + m%3
				case 2:
					m += 128 // B is packed
				}
				ta, tb, acc := u>>32&1 != 0, u>>33&1 != 0, u>>34&1 != 0
				g := newGemmCase(rng, ta, tb, m, n, k, acc, false)
				ga, gb, gc := part(a, len(g.a)), part(b, len(g.b)), part(c, (m-1)*g.ldc+n)
				copy(ga, g.a)
				copy(gb, g.b)
				copy(gc, g.c[4:])
				gemm(ta, tb, m, n, k, ga, g.lda, gb, g.ldb, gc, g.ldc, acc)
				for i := range gc {
					if gc[i] != g.want[4+i] {
						t.Fatal(fmt.Sprint(g), "at the end of memory: wrong result")
					}
				}
			}
		}
	})
}

// gemmTiny does what gemm does or nothing, and reads and writes nothing else.
func TestGemmTiny(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		const size = 35 * 35
		rng := rand.New(rand.NewPCG(3, 4))
		a, b, c := guarded(t, size, true), guarded(t, size, true), guarded(t, size, true)
		done := 0
		for range 20000 {
			u := rng.Uint64()
			m, n, k := int(u%35), int(u>>8%35), int(u>>16%35)
			if u>>24&1 != 0 {
				m, n, k = m%9, n%9, k%9
			}
			ta, tb, acc := u>>32&1 != 0, u>>33&1 != 0, u>>34&1 != 0
			a, b, c := a[size-m*k:], b[size-k*n:], c[size-m*n:]
			copy(a, gemmFill(rng, m*k, u>>40&3 == 0))
			copy(b, gemmFill(rng, k*n, u>>42&3 == 0))
			copy(c, gemmFill(rng, m*n, u>>44&3 == 0))
			lda, ldb := k, n
			if ta {
				lda = m
			}
			if tb {
				ldb = k
			}
			want := slices.Clone(c)
			did := gemmTiny(ta, tb, m, n, k, a, b, c, acc)
			if did {
				gemmRecipe(ta, tb, m, n, k, a, lda, b, ldb, want, n, acc)
				done++
			}
			if !sameBits(c, want) {
				t.Fatalf("gemmTiny(%v, %v, %d, %d, %d, acc %v) = %v: got %v, want %v", ta, tb, m, n, k, acc, did, c, want)
			}
		}
		if mr, _, _ := gemmTile(); mr > 0 && done < 5000 {
			t.Errorf("gemmTiny has done %d of 20000 products", done)
		}
	})
}
