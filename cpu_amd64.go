//go:build !purego

package nn

// The kernels that this processor can run, and for whose registers the operating
// system cares. useAVX512 implies useAVX2. Tests switch them off; nothing else
// changes them.
var useAVX2, useAVX512 = vectorUnits()

// vectorUnits reports whether there are AVX2 and FMA, and whether there are the
// parts F, DQ, BW and VL of AVX-512 on top.
func vectorUnits() (avx2, avx512 bool) {
	if leaves, _, _, _ := cpuid(0, 0); leaves < 7 {
		return false, false
	}
	// Leaf 1: FMA, OSXSAVE (XGETBV may be used), AVX.
	const basic = 1<<12 | 1<<27 | 1<<28
	if _, _, c, _ := cpuid(1, 0); c&basic != basic {
		return false, false
	}
	// XCR0: what the operating system saves when it switches between programs.
	// Bits 1 and 2: XMM and YMM; 5 to 7: masks, and ZMM in two halves.
	const ymm, zmm = 0x06, 0xe6
	saved, _ := xgetbv()
	// Leaf 7: AVX2; AVX-512 F, DQ, BW, VL.
	const avx512Parts = 1<<16 | 1<<17 | 1<<30 | 1<<31
	_, b, _, _ := cpuid(7, 0)
	avx2 = saved&ymm == ymm && b&(1<<5) != 0
	avx512 = avx2 && saved&zmm == zmm && b&avx512Parts == avx512Parts
	return avx2, avx512
}

// cpuid executes CPUID with the given values in EAX and ECX.
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// xgetbv returns the register XCR0.
func xgetbv() (low, high uint32)
