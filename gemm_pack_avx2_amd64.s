//go:build !purego

#include "textflag.h"

// Beside the tiles of gemm_avx2_amd64.s: a vector times a matrix, and what lays out
// operands for the tiles.

// One row of A: a vector times a matrix, which is read once, row after row. Twelve
// vectors of columns at a time, then four; the rest is for the tile routines.
//
//	SI  A at p    DX  B at p    BX  C    R9  columns of B    R13  columns left

// func rowAVX2(a *float64, csa int, b *float64, rsb int, c *float64, n, k, acc int)
TEXT ·rowAVX2(SB), NOSPLIT, $0-64
	MOVQ csa+8(FP), R10
	MOVQ b+16(FP), R9
	MOVQ rsb+24(FP), R11
	MOVQ c+32(FP), BX
	MOVQ n+40(FP), R13
	SHLQ $3, R10
	SHLQ $3, R11

wide:
	CMPQ R13, $48
	JLT  few
	MOVQ a+0(FP), SI
	MOVQ k+48(FP), CX
	MOVQ R9, DX
	CMPQ acc+56(FP), $0
	JEQ  wideZero
	VMOVUPD (BX), Y4
	VMOVUPD 32(BX), Y5
	VMOVUPD 64(BX), Y6
	VMOVUPD 96(BX), Y7
	VMOVUPD 128(BX), Y8
	VMOVUPD 160(BX), Y9
	VMOVUPD 192(BX), Y10
	VMOVUPD 224(BX), Y11
	VMOVUPD 256(BX), Y12
	VMOVUPD 288(BX), Y13
	VMOVUPD 320(BX), Y14
	VMOVUPD 352(BX), Y15
	PCALIGN $32
wideStep:
	VBROADCASTSD (SI), Y0
	PREFETCHT0 (DX)(R11*4)
	VFMADD231PD (DX), Y0, Y4
	VFMADD231PD 32(DX), Y0, Y5
	PREFETCHT0 64(DX)(R11*4)
	VFMADD231PD 64(DX), Y0, Y6
	VFMADD231PD 96(DX), Y0, Y7
	PREFETCHT0 128(DX)(R11*4)
	VFMADD231PD 128(DX), Y0, Y8
	VFMADD231PD 160(DX), Y0, Y9
	PREFETCHT0 192(DX)(R11*4)
	VFMADD231PD 192(DX), Y0, Y10
	VFMADD231PD 224(DX), Y0, Y11
	PREFETCHT0 256(DX)(R11*4)
	VFMADD231PD 256(DX), Y0, Y12
	VFMADD231PD 288(DX), Y0, Y13
	PREFETCHT0 320(DX)(R11*4)
	VFMADD231PD 320(DX), Y0, Y14
	VFMADD231PD 352(DX), Y0, Y15
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  wideStep
	VMOVUPD Y4, (BX)
	VMOVUPD Y5, 32(BX)
	VMOVUPD Y6, 64(BX)
	VMOVUPD Y7, 96(BX)
	VMOVUPD Y8, 128(BX)
	VMOVUPD Y9, 160(BX)
	VMOVUPD Y10, 192(BX)
	VMOVUPD Y11, 224(BX)
	VMOVUPD Y12, 256(BX)
	VMOVUPD Y13, 288(BX)
	VMOVUPD Y14, 320(BX)
	VMOVUPD Y15, 352(BX)
	ADDQ $384, BX
	ADDQ $384, R9
	SUBQ $48, R13
	JMP  wide
wideZero:
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7
	VXORPD Y8, Y8, Y8
	VXORPD Y9, Y9, Y9
	VXORPD Y10, Y10, Y10
	VXORPD Y11, Y11, Y11
	VXORPD Y12, Y12, Y12
	VXORPD Y13, Y13, Y13
	VXORPD Y14, Y14, Y14
	VXORPD Y15, Y15, Y15
	JMP  wideStep

few:
	CMPQ R13, $16
	JLT  done
	MOVQ a+0(FP), SI
	MOVQ k+48(FP), CX
	MOVQ R9, DX
	CMPQ acc+56(FP), $0
	JEQ  fewZero
	VMOVUPD (BX), Y4
	VMOVUPD 32(BX), Y5
	VMOVUPD 64(BX), Y6
	VMOVUPD 96(BX), Y7
	PCALIGN $32
fewStep:
	VBROADCASTSD (SI), Y0
	PREFETCHT0 (DX)(R11*4)
	VFMADD231PD (DX), Y0, Y4
	VFMADD231PD 32(DX), Y0, Y5
	PREFETCHT0 64(DX)(R11*4)
	VFMADD231PD 64(DX), Y0, Y6
	VFMADD231PD 96(DX), Y0, Y7
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  fewStep
	VMOVUPD Y4, (BX)
	VMOVUPD Y5, 32(BX)
	VMOVUPD Y6, 64(BX)
	VMOVUPD Y7, 96(BX)
	ADDQ $128, BX
	ADDQ $128, R9
	SUBQ $16, R13
	JMP  few
fewZero:
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7
	JMP  fewStep

done:
	VZEROUPPER
	RET

// Transposing, 4 rows and 4 columns at a time, k a multiple of 4:
//
//	for p := range k {
//		for i := range 4 {
//			dst[p*ldd+i] = src[i*lds+p]
//		}
//	}
//
//	BX  dst    R10, R11  ldd, 3·ldd    SI  src    R8, R9  lds, 3·lds    CX  columns left

// func transpose4AVX2(dst *float64, ldd int, src *float64, lds, k int)
TEXT ·transpose4AVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), BX
	MOVQ ldd+8(FP), R10
	MOVQ src+16(FP), SI
	MOVQ lds+24(FP), R8
	MOVQ k+32(FP), CX
	SHLQ $3, R10
	SHLQ $3, R8
	LEAQ (R8)(R8*2), R9
	LEAQ (R10)(R10*2), R11
block:
	VMOVUPD     (SI), X0
	VMOVUPD     (SI)(R8*1), X1
	VMOVUPD     16(SI), X2
	VMOVUPD     16(SI)(R8*1), X3
	VINSERTF128 $1, (SI)(R8*2), Y0, Y0    // columns 0, 1 of rows 0 and 2
	VINSERTF128 $1, (SI)(R9*1), Y1, Y1    // … of rows 1 and 3
	VINSERTF128 $1, 16(SI)(R8*2), Y2, Y2  // columns 2, 3
	VINSERTF128 $1, 16(SI)(R9*1), Y3, Y3
	VUNPCKLPD   Y1, Y0, Y4
	VUNPCKHPD   Y1, Y0, Y5
	VUNPCKLPD   Y3, Y2, Y6
	VUNPCKHPD   Y3, Y2, Y7
	VMOVUPD     Y4, (BX)
	VMOVUPD     Y5, (BX)(R10*1)
	VMOVUPD     Y6, (BX)(R10*2)
	VMOVUPD     Y7, (BX)(R11*1)
	ADDQ        $32, SI
	LEAQ        (BX)(R10*4), BX
	SUBQ        $4, CX
	JGT         block
	VZEROUPPER
	RET

// Rows of 12·panels values to panels of 12 columns, four rows at a time, so that what is
// written are whole lines of the cache, and what is read are a few rows:
//
//	copy(dst[(t*rows+p)*12:][:12], src[p*lds+t*12:])    for all p < rows, t < panels
//
//	DI  dst at p    R12      bytes of a panel    BX  dst at p, t    R13  rows left
//	SI  src at p    R8, R11  lds, 3·lds          AX  src at p, t    CX   panels left

// func copy12AVX2(dst, src *float64, lds, rows, panels int)
TEXT ·copy12AVX2(SB), NOSPLIT, $0-40
	MOVQ  dst+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  lds+16(FP), R8
	MOVQ  rows+24(FP), R13
	MOVQ  panels+32(FP), R10
	SHLQ  $3, R8
	LEAQ  (R8)(R8*2), R11
	IMUL3Q $96, R13, R12
four:
	CMPQ R13, $4
	JLT  few
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R10, CX
panel:
	VMOVUPD (AX), Y0
	VMOVUPD 32(AX), Y1
	VMOVUPD 64(AX), Y2
	VMOVUPD (AX)(R8*1), Y3
	VMOVUPD 32(AX)(R8*1), Y4
	VMOVUPD 64(AX)(R8*1), Y5
	VMOVUPD (AX)(R8*2), Y6
	VMOVUPD 32(AX)(R8*2), Y7
	VMOVUPD 64(AX)(R8*2), Y8
	VMOVUPD (AX)(R11*1), Y9
	VMOVUPD 32(AX)(R11*1), Y10
	VMOVUPD 64(AX)(R11*1), Y11
	VMOVUPD Y0, (BX)
	VMOVUPD Y1, 32(BX)
	VMOVUPD Y2, 64(BX)
	VMOVUPD Y3, 96(BX)
	VMOVUPD Y4, 128(BX)
	VMOVUPD Y5, 160(BX)
	VMOVUPD Y6, 192(BX)
	VMOVUPD Y7, 224(BX)
	VMOVUPD Y8, 256(BX)
	VMOVUPD Y9, 288(BX)
	VMOVUPD Y10, 320(BX)
	VMOVUPD Y11, 352(BX)
	ADDQ $96, AX
	ADDQ R12, BX
	DECQ CX
	JNZ  panel
	LEAQ (SI)(R8*4), SI
	ADDQ $384, DI
	SUBQ $4, R13
	JMP  four
few: // up to three rows, one at a time
	CMPQ R13, $0
	JEQ  done
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R10, CX
one:
	VMOVUPD (AX), Y0
	VMOVUPD 32(AX), Y1
	VMOVUPD 64(AX), Y2
	VMOVUPD Y0, (BX)
	VMOVUPD Y1, 32(BX)
	VMOVUPD Y2, 64(BX)
	ADDQ $96, AX
	ADDQ R12, BX
	DECQ CX
	JNZ  one
	ADDQ R8, SI
	ADDQ $96, DI
	DECQ R13
	JMP  few
done:
	VZEROUPPER
	RET
