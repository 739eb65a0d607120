//go:build !purego

#include "textflag.h"

// Beside the tiles of gemm_avx512_amd64.s: a vector times a matrix, and what lays
// out A and B for the tiles.

// One row of A: a vector times a matrix, which is read once, row after row. Sixteen
// vectors of columns at a time, then eight, then one, the last masked.
//
//	SI  A at p    DX  B at p    BX  C    R9  columns of B    R13  columns left

// func rowAVX512(a *float64, csa int, b *float64, rsb int, c *float64, n, k, acc int)
TEXT ·rowAVX512(SB), NOSPLIT, $0-64
	MOVQ csa+8(FP), R10
	MOVQ b+16(FP), R9
	MOVQ rsb+24(FP), R11
	MOVQ c+32(FP), BX
	MOVQ n+40(FP), R13
	SHLQ $3, R10
	SHLQ $3, R11

wide:
	CMPQ R13, $128
	JLT  half
	MOVQ a+0(FP), SI
	MOVQ k+48(FP), CX
	MOVQ R9, DX
	CMPQ acc+56(FP), $0
	JEQ  wideZero
	VMOVUPD (BX), Z8
	VMOVUPD 64(BX), Z9
	VMOVUPD 128(BX), Z10
	VMOVUPD 192(BX), Z11
	VMOVUPD 256(BX), Z12
	VMOVUPD 320(BX), Z13
	VMOVUPD 384(BX), Z14
	VMOVUPD 448(BX), Z15
	VMOVUPD 512(BX), Z16
	VMOVUPD 576(BX), Z17
	VMOVUPD 640(BX), Z18
	VMOVUPD 704(BX), Z19
	VMOVUPD 768(BX), Z20
	VMOVUPD 832(BX), Z21
	VMOVUPD 896(BX), Z22
	VMOVUPD 960(BX), Z23
	PCALIGN $64
wideStep:
	VBROADCASTSD (SI), Z0
	PREFETCHT0 (DX)(R11*4)
	VFMADD231PD (DX), Z0, Z8
	PREFETCHT0 64(DX)(R11*4)
	VFMADD231PD 64(DX), Z0, Z9
	PREFETCHT0 128(DX)(R11*4)
	VFMADD231PD 128(DX), Z0, Z10
	PREFETCHT0 192(DX)(R11*4)
	VFMADD231PD 192(DX), Z0, Z11
	PREFETCHT0 256(DX)(R11*4)
	VFMADD231PD 256(DX), Z0, Z12
	PREFETCHT0 320(DX)(R11*4)
	VFMADD231PD 320(DX), Z0, Z13
	PREFETCHT0 384(DX)(R11*4)
	VFMADD231PD 384(DX), Z0, Z14
	PREFETCHT0 448(DX)(R11*4)
	VFMADD231PD 448(DX), Z0, Z15
	PREFETCHT0 512(DX)(R11*4)
	VFMADD231PD 512(DX), Z0, Z16
	PREFETCHT0 576(DX)(R11*4)
	VFMADD231PD 576(DX), Z0, Z17
	PREFETCHT0 640(DX)(R11*4)
	VFMADD231PD 640(DX), Z0, Z18
	PREFETCHT0 704(DX)(R11*4)
	VFMADD231PD 704(DX), Z0, Z19
	PREFETCHT0 768(DX)(R11*4)
	VFMADD231PD 768(DX), Z0, Z20
	PREFETCHT0 832(DX)(R11*4)
	VFMADD231PD 832(DX), Z0, Z21
	PREFETCHT0 896(DX)(R11*4)
	VFMADD231PD 896(DX), Z0, Z22
	PREFETCHT0 960(DX)(R11*4)
	VFMADD231PD 960(DX), Z0, Z23
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  wideStep
	VMOVUPD Z8, (BX)
	VMOVUPD Z9, 64(BX)
	VMOVUPD Z10, 128(BX)
	VMOVUPD Z11, 192(BX)
	VMOVUPD Z12, 256(BX)
	VMOVUPD Z13, 320(BX)
	VMOVUPD Z14, 384(BX)
	VMOVUPD Z15, 448(BX)
	VMOVUPD Z16, 512(BX)
	VMOVUPD Z17, 576(BX)
	VMOVUPD Z18, 640(BX)
	VMOVUPD Z19, 704(BX)
	VMOVUPD Z20, 768(BX)
	VMOVUPD Z21, 832(BX)
	VMOVUPD Z22, 896(BX)
	VMOVUPD Z23, 960(BX)
	ADDQ $1024, BX
	ADDQ $1024, R9
	SUBQ $128, R13
	JMP  wide
wideZero:
	VPXORQ Z8, Z8, Z8
	VPXORQ Z9, Z9, Z9
	VPXORQ Z10, Z10, Z10
	VPXORQ Z11, Z11, Z11
	VPXORQ Z12, Z12, Z12
	VPXORQ Z13, Z13, Z13
	VPXORQ Z14, Z14, Z14
	VPXORQ Z15, Z15, Z15
	VPXORQ Z16, Z16, Z16
	VPXORQ Z17, Z17, Z17
	VPXORQ Z18, Z18, Z18
	VPXORQ Z19, Z19, Z19
	VPXORQ Z20, Z20, Z20
	VPXORQ Z21, Z21, Z21
	VPXORQ Z22, Z22, Z22
	VPXORQ Z23, Z23, Z23
	JMP  wideStep

half:
	CMPQ R13, $64
	JLT  one
	MOVQ a+0(FP), SI
	MOVQ k+48(FP), CX
	MOVQ R9, DX
	CMPQ acc+56(FP), $0
	JEQ  halfZero
	VMOVUPD (BX), Z8
	VMOVUPD 64(BX), Z9
	VMOVUPD 128(BX), Z10
	VMOVUPD 192(BX), Z11
	VMOVUPD 256(BX), Z12
	VMOVUPD 320(BX), Z13
	VMOVUPD 384(BX), Z14
	VMOVUPD 448(BX), Z15
	PCALIGN $64
halfStep:
	VBROADCASTSD (SI), Z0
	PREFETCHT0 (DX)(R11*4)
	VFMADD231PD (DX), Z0, Z8
	PREFETCHT0 64(DX)(R11*4)
	VFMADD231PD 64(DX), Z0, Z9
	PREFETCHT0 128(DX)(R11*4)
	VFMADD231PD 128(DX), Z0, Z10
	PREFETCHT0 192(DX)(R11*4)
	VFMADD231PD 192(DX), Z0, Z11
	PREFETCHT0 256(DX)(R11*4)
	VFMADD231PD 256(DX), Z0, Z12
	PREFETCHT0 320(DX)(R11*4)
	VFMADD231PD 320(DX), Z0, Z13
	PREFETCHT0 384(DX)(R11*4)
	VFMADD231PD 384(DX), Z0, Z14
	PREFETCHT0 448(DX)(R11*4)
	VFMADD231PD 448(DX), Z0, Z15
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  halfStep
	VMOVUPD Z8, (BX)
	VMOVUPD Z9, 64(BX)
	VMOVUPD Z10, 128(BX)
	VMOVUPD Z11, 192(BX)
	VMOVUPD Z12, 256(BX)
	VMOVUPD Z13, 320(BX)
	VMOVUPD Z14, 384(BX)
	VMOVUPD Z15, 448(BX)
	ADDQ $512, BX
	ADDQ $512, R9
	SUBQ $64, R13
	JMP  half
halfZero:
	VPXORQ Z8, Z8, Z8
	VPXORQ Z9, Z9, Z9
	VPXORQ Z10, Z10, Z10
	VPXORQ Z11, Z11, Z11
	VPXORQ Z12, Z12, Z12
	VPXORQ Z13, Z13, Z13
	VPXORQ Z14, Z14, Z14
	VPXORQ Z15, Z15, Z15
	JMP  halfStep

one: // the rest is for the tile routines
	VZEROUPPER
	RET

// Transposing, to pack what lies along rows as if it lay along columns:
//
//	for p := range k {
//		for i := range 8 {
//			dst[p*ldd+i] = src[i*lds+p]
//		}
//	}
//
// 8 rows and 8 columns at a time. Loads and inserts put columns 0 to 3 of rows i
// and i+2 (i = 0, 1, 4, 5) into one register; one shuffle within quarters and one
// of quarters do the rest; then columns 4 to 7. Of the last block, K2 and K3 keep
// the first and second four columns that there are.
//
//	BX  dst, step p     SI  rows 0 to 3 of src    R8, R9    lds, 3·lds
//	DX  step p+4        DI  rows 4 to 7           R10, R11  ldd, 3·ldd
//	CX  columns left

#define FOUR(off, K, d0, d1, d2, d3) \
	VMOVUPD.Z       off(SI), K, Y0;            \
	VMOVUPD.Z       off(SI)(R8*1), K, Y1;      \
	VMOVUPD.Z       off(DI), K, Y2;            \
	VMOVUPD.Z       off(DI)(R8*1), K, Y3;      \
	VMOVUPD.Z       off(SI)(R8*2), K, Y4;      \
	VMOVUPD.Z       off(SI)(R9*1), K, Y5;      \
	VMOVUPD.Z       off(DI)(R8*2), K, Y6;      \
	VMOVUPD.Z       off(DI)(R9*1), K, Y7;      \
	VINSERTF64X4    $1, Y4, Z0, Z0;            \
	VINSERTF64X4    $1, Y5, Z1, Z1;            \
	VINSERTF64X4    $1, Y6, Z2, Z2;            \
	VINSERTF64X4    $1, Y7, Z3, Z3;            \
	MIX(d0, d1, d2, d3)

#define WHOLE(off, d0, d1, d2, d3) \
	VMOVUPD      off(SI), Y0;                    \
	VMOVUPD      off(SI)(R8*1), Y1;              \
	VMOVUPD      off(DI), Y2;                    \
	VMOVUPD      off(DI)(R8*1), Y3;              \
	VINSERTF64X4 $1, off(SI)(R8*2), Z0, Z0;      \
	VINSERTF64X4 $1, off(SI)(R9*1), Z1, Z1;      \
	VINSERTF64X4 $1, off(DI)(R8*2), Z2, Z2;      \
	VINSERTF64X4 $1, off(DI)(R9*1), Z3, Z3;      \
	MIX(d0, d1, d2, d3)

#define MIX(d0, d1, d2, d3) \
	VUNPCKLPD  Z1, Z0, Z4;        \
	VUNPCKLPD  Z3, Z2, Z5;        \
	VUNPCKHPD  Z1, Z0, Z6;        \
	VUNPCKHPD  Z3, Z2, Z7;        \
	VSHUFF64X2 $0x88, Z5, Z4, d0; \
	VSHUFF64X2 $0x88, Z7, Z6, d1; \
	VSHUFF64X2 $0xdd, Z5, Z4, d2; \
	VSHUFF64X2 $0xdd, Z7, Z6, d3

// func transpose8AVX512(dst *float64, ldd int, src *float64, lds, k, rows int)
TEXT ·transpose8AVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), BX
	MOVQ ldd+8(FP), R10
	MOVQ src+16(FP), SI
	MOVQ lds+24(FP), R8
	MOVQ rows+40(FP), CX
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX
	KMOVW AX, K1
	MOVQ k+32(FP), CX
	SHLQ $3, R10
	SHLQ $3, R8
	LEAQ (R8)(R8*2), R9
	LEAQ (SI)(R8*4), DI
	LEAQ (R10)(R10*2), R11
	LEAQ (BX)(R10*4), DX
	SUBQ $8, CX
	JLT  rest
block:
	WHOLE(0, Z8, Z9, Z10, Z11)
	VMOVUPD Z8, K1, (BX)
	VMOVUPD Z9, K1, (BX)(R10*1)
	VMOVUPD Z10, K1, (BX)(R10*2)
	VMOVUPD Z11, K1, (BX)(R11*1)
	WHOLE(32, Z12, Z13, Z14, Z15)
	VMOVUPD Z12, K1, (DX)
	VMOVUPD Z13, K1, (DX)(R10*1)
	VMOVUPD Z14, K1, (DX)(R10*2)
	VMOVUPD Z15, K1, (DX)(R11*1)
	ADDQ $64, SI
	ADDQ $64, DI
	LEAQ (BX)(R10*8), BX
	LEAQ (DX)(R10*8), DX
	SUBQ $8, CX
	JGE  block
rest:
	ADDQ  $8, CX
	JEQ   done
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVW AX, K2                        // the first CX of 8 columns …
	SHRQ  $4, AX
	KMOVW AX, K3
	FOUR(0, K2, Z8, Z9, Z10, Z11)
	FOUR(32, K3, Z12, Z13, Z14, Z15)
	VMOVUPD Z8, K1, (BX)                    // … become the first CX of 8 rows
	CMPQ CX, $1
	JEQ  done
	VMOVUPD Z9, K1, (BX)(R10*1)
	CMPQ CX, $2
	JEQ  done
	VMOVUPD Z10, K1, (BX)(R10*2)
	CMPQ CX, $3
	JEQ  done
	VMOVUPD Z11, K1, (BX)(R11*1)
	CMPQ CX, $4
	JEQ  done
	VMOVUPD Z12, K1, (DX)
	CMPQ CX, $5
	JEQ  done
	VMOVUPD Z13, K1, (DX)(R10*1)
	CMPQ CX, $6
	JEQ  done
	VMOVUPD Z14, K1, (DX)(R10*2)
done:
	VZEROUPPER
	RET

// Two rows become two columns: pairs, and nothing to move between halves.

// func transpose2AVX512(dst *float64, ldd int, src *float64, lds, k int)
TEXT ·transpose2AVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), BX
	MOVQ ldd+8(FP), R10
	MOVQ src+16(FP), SI
	MOVQ lds+24(FP), R8
	MOVQ k+32(FP), CX
	SHLQ $3, R10
	SHLQ $3, R8
	LEAQ (R10)(R10*2), R11
	LEAQ (BX)(R10*4), DX
pairs:
	VMOVUPD       (SI), Z0
	VMOVUPD       (SI)(R8*1), Z1
	VUNPCKLPD     Z1, Z0, Z2                 // columns 0, 2, 4, 6
	VUNPCKHPD     Z1, Z0, Z3                 // columns 1, 3, 5, 7
	VMOVUPD       X2, (BX)
	VMOVUPD       X3, (BX)(R10*1)
	VEXTRACTF64X2 $1, Z2, (BX)(R10*2)
	VEXTRACTF64X2 $1, Z3, (BX)(R11*1)
	VEXTRACTF64X2 $2, Z2, (DX)
	VEXTRACTF64X2 $2, Z3, (DX)(R10*1)
	VEXTRACTF64X2 $3, Z2, (DX)(R10*2)
	VEXTRACTF64X2 $3, Z3, (DX)(R11*1)
	ADDQ          $64, SI
	LEAQ          (BX)(R10*8), BX
	LEAQ          (DX)(R10*8), DX
	SUBQ          $8, CX
	JGT           pairs
	VZEROUPPER
	RET

// Packing rows of B: columns 24·t to 24·t+23 go to panel t.
//
//	for p := range rows {
//		for t := range panels {
//			copy(dst[(t*rows+p)*24:][:24], src[p*lds+t*24:])
//		}
//	}

// func copy24AVX512(dst, src *float64, lds, rows, panels int)
TEXT ·copy24AVX512(SB), NOSPLIT, $0-40
	MOVQ  dst+0(FP), BX
	MOVQ  src+8(FP), SI
	MOVQ  lds+16(FP), R10
	MOVQ  rows+24(FP), R11
	SHLQ  $3, R10
	IMUL3Q $192, R11, R9
row:
	MOVQ BX, DI
	MOVQ SI, DX
	MOVQ panels+32(FP), CX
panel:
	VMOVUPD    (DX), Z0
	VMOVUPD    64(DX), Z1
	VMOVUPD    128(DX), Z2
	PREFETCHT0 (DX)(R10*2)
	PREFETCHT0 64(DX)(R10*2)
	PREFETCHT0 128(DX)(R10*2)
	VMOVUPD    Z0, (DI)
	VMOVUPD    Z1, 64(DI)
	VMOVUPD    Z2, 128(DI)
	ADDQ       $192, DX
	ADDQ       R9, DI
	DECQ       CX
	JNZ        panel
	ADDQ       R10, SI
	ADDQ       $192, BX
	DECQ       R11
	JNZ        row
	VZEROUPPER
	RET
