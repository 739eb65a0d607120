//go:build !purego

#include "textflag.h"

// Products with AVX-512. A tile routine computes, for m rows and one panel of
// columns,
//
//	for i := range m {
//		for j := range n {
//			s := 0 // or c[i*ldc+j] if acc
//			for p := range k {
//				s = fma(a[i*rsa+p*csa], b[p*rsb+j], s)
//			}
//			c[i*ldc+j] = s
//		}
//	}
//
// with the sums s of a tile in registers: 8 rows by three vectors of 8 columns, 12
// rows by two, or 16 rows by one. mask says which columns the last vector has. The
// last rows, fewer than a tile's, have a loop of their own that leaves the list of
// rows early.
//
// Registers, strides in bytes:
//
//	SI       A at p, row 0          R8, R9     rsa, 3·rsa
//	DX       B at p                 DI, R14    5·rsa, 7·rsa
//	CX       steps left             BX, AX     9·rsa, 11·rsa (12 rows);
//	R10      csa                               BX: A at p, row 8 (16 rows);
//	R11      rsb                               before and after the steps, BX: C
//	R12      ldc                    R13        rows left
//	K1       mask                   R15        tile of C
//
// so that few instructions beside the FMAs have to be done in a step: they would
// take their places. The tile of A is kept in the argument a.
//
//	Z0–Z2    a row of B             Z3–Z6    elements of A
//	Z8–Z31   the sums (12×16 and 8×24), Z8–Z23 (16×8)

#define ARGS \
	MOVQ  rsa+8(FP), R8;   \
	MOVQ  csa+16(FP), R10; \
	MOVQ  rsb+32(FP), R11; \
	MOVQ  c+40(FP), R15;   \
	MOVQ  ldc+48(FP), R12; \
	MOVQ  m+64(FP), R13;   \
	MOVQ  mask+72(FP), CX; \
	KMOVW CX, K1;          \
	SHLQ  $3, R8;          \
	SHLQ  $3, R10;         \
	SHLQ  $3, R11;         \
	SHLQ  $3, R12;         \
	LEAQ  (R8)(R8*2), R9;  \
	LEAQ  (R8)(R8*4), DI;  \
	LEAQ  (R9)(R8*4), R14

// Tile at a and R15, step 0.
#define START \
	MOVQ a+0(FP), SI;      \
	MOVQ b+24(FP), DX;     \
	MOVQ k+56(FP), CX;     \
	MOVQ R15, BX

// Leave the list of rows after row n−1 if there are no more.
#define LAST(n, label) CMPQ R13, $n; JEQ label

// Three vectors: 17 to 24 columns, 8 rows.

#define LOAD3(x,y,z) VMOVUPD (BX), x; VMOVUPD 64(BX), y; VMOVUPD.Z 128(BX), K1, z; ADDQ R12, BX
#define STORE3(x,y,z) VMOVUPD x, (BX); VMOVUPD y, 64(BX); VMOVUPD z, K1, 128(BX); ADDQ R12, BX
#define ZERO3(x,y,z) VPXORQ x, x, x; VPXORQ y, y, y; VPXORQ z, z, z
#define FMA3(a, e, x,y,z) VBROADCASTSD a, e; VFMADD231PD Z0, e, x; VFMADD231PD Z1, e, y; VFMADD231PD Z2, e, z

// s[i] += a[i,p]·b[p], then p++
#define STEP3 \
	FMA3((SI), Z3, Z8, Z9, Z10); \
	PREFETCHT0 (DX)(R11*8); \
	FMA3((SI)(R8*1), Z4, Z11, Z12, Z13); \
	PREFETCHT0 64(DX)(R11*8); \
	FMA3((SI)(R8*2), Z5, Z14, Z15, Z16); \
	PREFETCHT0 128(DX)(R11*8); \
	FMA3((SI)(R9*1), Z6, Z17, Z18, Z19); \
	FMA3((SI)(R8*4), Z3, Z20, Z21, Z22); \
	FMA3((SI)(DI*1), Z4, Z23, Z24, Z25); \
	FMA3((SI)(R9*2), Z5, Z26, Z27, Z28); \
	FMA3((SI)(R14*1), Z6, Z29, Z30, Z31); \
	ADDQ R10, SI; ADDQ R11, DX; DECQ CX

// func tile24AVX512(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, mask, acc int)
TEXT ·tile24AVX512(SB), NOSPLIT, $0-88
	ARGS
tile: // s = c, or 0: rows m-R13 and on
	START
	CMPQ acc+80(FP), $0
	JEQ  zero
	LOAD3(Z8, Z9, Z10)
	LAST(1, loaded)
	LOAD3(Z11, Z12, Z13)
	LAST(2, loaded)
	LOAD3(Z14, Z15, Z16)
	LAST(3, loaded)
	LOAD3(Z17, Z18, Z19)
	LAST(4, loaded)
	LOAD3(Z20, Z21, Z22)
	LAST(5, loaded)
	LOAD3(Z23, Z24, Z25)
	LAST(6, loaded)
	LOAD3(Z26, Z27, Z28)
	LAST(7, loaded)
	LOAD3(Z29, Z30, Z31)
loaded: // for p := range k { s += a[p]·b[p] }
	CMPQ R13, $8
	JLT  part
	CMPQ mask+72(FP), $0xff
	JNE  masked
	PCALIGN $64
full: // all rows and columns
	VMOVUPD (DX), Z0
	VMOVUPD 64(DX), Z1
	VMOVUPD 128(DX), Z2
	STEP3
	JNZ  full
	JMP  store
	PCALIGN $64
masked: // all rows, not all columns
	VMOVUPD (DX), Z0
	VMOVUPD 64(DX), Z1
	VMOVUPD.Z 128(DX), K1, Z2
	STEP3
	JNZ  masked
store: // c = s
	MOVQ R15, BX
	STORE3(Z8, Z9, Z10)
	STORE3(Z11, Z12, Z13)
	STORE3(Z14, Z15, Z16)
	STORE3(Z17, Z18, Z19)
	STORE3(Z20, Z21, Z22)
	STORE3(Z23, Z24, Z25)
	STORE3(Z26, Z27, Z28)
	STORE3(Z29, Z30, Z31)
	MOVQ BX, R15
	MOVQ a+0(FP), AX
	LEAQ (AX)(R8*8), AX
	MOVQ AX, a+0(FP)
	SUBQ $8, R13 // to the next tile
	JGT  tile
	VZEROUPPER
	RET

part: // not all rows
	VMOVUPD (DX), Z0
	VMOVUPD 64(DX), Z1
	VMOVUPD.Z 128(DX), K1, Z2
	FMA3((SI), Z3, Z8, Z9, Z10)
	LAST(1, next)
	FMA3((SI)(R8*1), Z4, Z11, Z12, Z13)
	LAST(2, next)
	FMA3((SI)(R8*2), Z5, Z14, Z15, Z16)
	LAST(3, next)
	FMA3((SI)(R9*1), Z6, Z17, Z18, Z19)
	LAST(4, next)
	FMA3((SI)(R8*4), Z3, Z20, Z21, Z22)
	LAST(5, next)
	FMA3((SI)(DI*1), Z4, Z23, Z24, Z25)
	LAST(6, next)
	FMA3((SI)(R9*2), Z5, Z26, Z27, Z28)
next:
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  part
	MOVQ R15, BX
	STORE3(Z8, Z9, Z10)
	LAST(1, done)
	STORE3(Z11, Z12, Z13)
	LAST(2, done)
	STORE3(Z14, Z15, Z16)
	LAST(3, done)
	STORE3(Z17, Z18, Z19)
	LAST(4, done)
	STORE3(Z20, Z21, Z22)
	LAST(5, done)
	STORE3(Z23, Z24, Z25)
	LAST(6, done)
	STORE3(Z26, Z27, Z28)
done:
	VZEROUPPER
	RET

zero:
	ZERO3(Z8, Z9, Z10)
	ZERO3(Z11, Z12, Z13)
	ZERO3(Z14, Z15, Z16)
	ZERO3(Z17, Z18, Z19)
	ZERO3(Z20, Z21, Z22)
	ZERO3(Z23, Z24, Z25)
	ZERO3(Z26, Z27, Z28)
	ZERO3(Z29, Z30, Z31)
	JMP  loaded

// Two vectors: 9 to 16 columns, 12 rows.

#define LOAD2(x,y) VMOVUPD (BX), x; VMOVUPD.Z 64(BX), K1, y; ADDQ R12, BX
#define STORE2(x,y) VMOVUPD x, (BX); VMOVUPD y, K1, 64(BX); ADDQ R12, BX
#define ZERO2(x,y) VPXORQ x, x, x; VPXORQ y, y, y
#define FMA2(a, e, x,y) VBROADCASTSD a, e; VFMADD231PD Z0, e, x; VFMADD231PD Z1, e, y

// s[i] += a[i,p]·b[p], then p++
#define STEP2 \
	FMA2((SI), Z3, Z8, Z9); \
	FMA2((SI)(R8*1), Z4, Z10, Z11); \
	FMA2((SI)(R8*2), Z5, Z12, Z13); \
	FMA2((SI)(R9*1), Z6, Z14, Z15); \
	FMA2((SI)(R8*4), Z3, Z16, Z17); \
	FMA2((SI)(DI*1), Z4, Z18, Z19); \
	FMA2((SI)(R9*2), Z5, Z20, Z21); \
	FMA2((SI)(R14*1), Z6, Z22, Z23); \
	FMA2((SI)(R8*8), Z3, Z24, Z25); \
	FMA2((SI)(BX*1), Z4, Z26, Z27); \
	FMA2((SI)(DI*2), Z5, Z28, Z29); \
	FMA2((SI)(AX*1), Z6, Z30, Z31); \
	ADDQ R10, SI; ADDQ R11, DX; DECQ CX

// func tile16AVX512(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, mask, acc int)
TEXT ·tile16AVX512(SB), NOSPLIT, $0-88
	ARGS
tile: // s = c, or 0: rows m-R13 and on
	START
	CMPQ acc+80(FP), $0
	JEQ  zero
	LOAD2(Z8, Z9)
	LAST(1, loaded)
	LOAD2(Z10, Z11)
	LAST(2, loaded)
	LOAD2(Z12, Z13)
	LAST(3, loaded)
	LOAD2(Z14, Z15)
	LAST(4, loaded)
	LOAD2(Z16, Z17)
	LAST(5, loaded)
	LOAD2(Z18, Z19)
	LAST(6, loaded)
	LOAD2(Z20, Z21)
	LAST(7, loaded)
	LOAD2(Z22, Z23)
	LAST(8, loaded)
	LOAD2(Z24, Z25)
	LAST(9, loaded)
	LOAD2(Z26, Z27)
	LAST(10, loaded)
	LOAD2(Z28, Z29)
	LAST(11, loaded)
	LOAD2(Z30, Z31)
loaded: // for p := range k { s += a[p]·b[p] }
	LEAQ (R8)(R8*8), BX
	LEAQ (BX)(R8*2), AX
	CMPQ R13, $12
	JLT  part
	CMPQ mask+72(FP), $0xff
	JNE  masked
	PCALIGN $64
full: // all rows and columns
	VMOVUPD (DX), Z0
	VMOVUPD 64(DX), Z1
	STEP2
	JNZ  full
	JMP  store
	PCALIGN $64
masked: // all rows, not all columns
	VMOVUPD (DX), Z0
	VMOVUPD.Z 64(DX), K1, Z1
	STEP2
	JNZ  masked
store: // c = s
	MOVQ R15, BX
	STORE2(Z8, Z9)
	STORE2(Z10, Z11)
	STORE2(Z12, Z13)
	STORE2(Z14, Z15)
	STORE2(Z16, Z17)
	STORE2(Z18, Z19)
	STORE2(Z20, Z21)
	STORE2(Z22, Z23)
	STORE2(Z24, Z25)
	STORE2(Z26, Z27)
	STORE2(Z28, Z29)
	STORE2(Z30, Z31)
	MOVQ BX, R15
	MOVQ a+0(FP), AX
	LEAQ (AX)(R9*4), AX
	MOVQ AX, a+0(FP)
	SUBQ $12, R13 // to the next tile
	JGT  tile
	VZEROUPPER
	RET

part: // not all rows
	CMPQ R13, $8
	JLT  few
	CMPQ R13, $10
	JEQ  ten
	PCALIGN $64
most: // 8 or more
	VMOVUPD (DX), Z0
	VMOVUPD.Z 64(DX), K1, Z1
	FMA2((SI), Z3, Z8, Z9)
	FMA2((SI)(R8*1), Z4, Z10, Z11)
	FMA2((SI)(R8*2), Z5, Z12, Z13)
	FMA2((SI)(R9*1), Z6, Z14, Z15)
	FMA2((SI)(R8*4), Z3, Z16, Z17)
	FMA2((SI)(DI*1), Z4, Z18, Z19)
	FMA2((SI)(R9*2), Z5, Z20, Z21)
	FMA2((SI)(R14*1), Z6, Z22, Z23)
	LAST(8, mostNext)
	FMA2((SI)(R8*8), Z3, Z24, Z25)
	LAST(9, mostNext)
	FMA2((SI)(BX*1), Z4, Z26, Z27)
	LAST(10, mostNext)
	FMA2((SI)(DI*2), Z5, Z28, Z29)
mostNext:
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  most
	JMP  storePart

	PCALIGN $64
ten: // classes are often ten
	VMOVUPD (DX), Z0
	VMOVUPD.Z 64(DX), K1, Z1
	FMA2((SI), Z3, Z8, Z9)
	FMA2((SI)(R8*1), Z4, Z10, Z11)
	FMA2((SI)(R8*2), Z5, Z12, Z13)
	FMA2((SI)(R9*1), Z6, Z14, Z15)
	FMA2((SI)(R8*4), Z3, Z16, Z17)
	FMA2((SI)(DI*1), Z4, Z18, Z19)
	FMA2((SI)(R9*2), Z5, Z20, Z21)
	FMA2((SI)(R14*1), Z6, Z22, Z23)
	FMA2((SI)(R8*8), Z3, Z24, Z25)
	FMA2((SI)(BX*1), Z4, Z26, Z27)
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  ten
	JMP  storePart

few: // fewer than 8
	VMOVUPD (DX), Z0
	VMOVUPD.Z 64(DX), K1, Z1
	FMA2((SI), Z3, Z8, Z9)
	LAST(1, next)
	FMA2((SI)(R8*1), Z4, Z10, Z11)
	LAST(2, next)
	FMA2((SI)(R8*2), Z5, Z12, Z13)
	LAST(3, next)
	FMA2((SI)(R9*1), Z6, Z14, Z15)
	LAST(4, next)
	FMA2((SI)(R8*4), Z3, Z16, Z17)
	LAST(5, next)
	FMA2((SI)(DI*1), Z4, Z18, Z19)
	LAST(6, next)
	FMA2((SI)(R9*2), Z5, Z20, Z21)
next:
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  few
storePart:
	MOVQ R15, BX
	STORE2(Z8, Z9)
	LAST(1, done)
	STORE2(Z10, Z11)
	LAST(2, done)
	STORE2(Z12, Z13)
	LAST(3, done)
	STORE2(Z14, Z15)
	LAST(4, done)
	STORE2(Z16, Z17)
	LAST(5, done)
	STORE2(Z18, Z19)
	LAST(6, done)
	STORE2(Z20, Z21)
	LAST(7, done)
	STORE2(Z22, Z23)
	LAST(8, done)
	STORE2(Z24, Z25)
	LAST(9, done)
	STORE2(Z26, Z27)
	LAST(10, done)
	STORE2(Z28, Z29)
done:
	VZEROUPPER
	RET

zero:
	ZERO2(Z8, Z9)
	ZERO2(Z10, Z11)
	ZERO2(Z12, Z13)
	ZERO2(Z14, Z15)
	ZERO2(Z16, Z17)
	ZERO2(Z18, Z19)
	ZERO2(Z20, Z21)
	ZERO2(Z22, Z23)
	ZERO2(Z24, Z25)
	ZERO2(Z26, Z27)
	ZERO2(Z28, Z29)
	ZERO2(Z30, Z31)
	JMP  loaded

// One vector: 1 to 8 columns, 16 rows.

#define LOAD1(x) VMOVUPD.Z (BX), K1, x; ADDQ R12, BX
#define STORE1(x) VMOVUPD x, K1, (BX); ADDQ R12, BX
#define ZERO1(x) VPXORQ x, x, x
#define FMA1(a, x) VFMADD231PD.BCST a, Z0, x

// s[i] += a[i,p]·b[p], then p++
#define STEP1 \
	FMA1((SI), Z8); \
	FMA1((SI)(R8*1), Z9); \
	FMA1((SI)(R8*2), Z10); \
	FMA1((SI)(R9*1), Z11); \
	FMA1((SI)(R8*4), Z12); \
	FMA1((SI)(DI*1), Z13); \
	FMA1((SI)(R9*2), Z14); \
	FMA1((SI)(R14*1), Z15); \
	FMA1((BX), Z16); \
	FMA1((BX)(R8*1), Z17); \
	FMA1((BX)(R8*2), Z18); \
	FMA1((BX)(R9*1), Z19); \
	FMA1((BX)(R8*4), Z20); \
	FMA1((BX)(DI*1), Z21); \
	FMA1((BX)(R9*2), Z22); \
	FMA1((BX)(R14*1), Z23); \
	ADDQ R10, SI; ADDQ R10, BX; ADDQ R11, DX; DECQ CX

// func tile8AVX512(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, mask, acc int)
TEXT ·tile8AVX512(SB), NOSPLIT, $0-88
	ARGS
tile: // s = c, or 0: rows m-R13 and on
	START
	CMPQ acc+80(FP), $0
	JEQ  zero
	LOAD1(Z8)
	LAST(1, loaded)
	LOAD1(Z9)
	LAST(2, loaded)
	LOAD1(Z10)
	LAST(3, loaded)
	LOAD1(Z11)
	LAST(4, loaded)
	LOAD1(Z12)
	LAST(5, loaded)
	LOAD1(Z13)
	LAST(6, loaded)
	LOAD1(Z14)
	LAST(7, loaded)
	LOAD1(Z15)
	LAST(8, loaded)
	LOAD1(Z16)
	LAST(9, loaded)
	LOAD1(Z17)
	LAST(10, loaded)
	LOAD1(Z18)
	LAST(11, loaded)
	LOAD1(Z19)
	LAST(12, loaded)
	LOAD1(Z20)
	LAST(13, loaded)
	LOAD1(Z21)
	LAST(14, loaded)
	LOAD1(Z22)
	LAST(15, loaded)
	LOAD1(Z23)
loaded: // for p := range k { s += a[p]·b[p] }
	LEAQ (SI)(R8*8), BX
	CMPQ R13, $16
	JLT  part
	CMPQ mask+72(FP), $0xff
	JNE  masked
	PCALIGN $64
full: // all rows and columns
	VMOVUPD (DX), Z0
	STEP1
	JNZ  full
	JMP  store
	PCALIGN $64
masked: // all rows, not all columns
	VMOVUPD.Z (DX), K1, Z0
	STEP1
	JNZ  masked
store: // c = s
	MOVQ R15, BX
	STORE1(Z8)
	STORE1(Z9)
	STORE1(Z10)
	STORE1(Z11)
	STORE1(Z12)
	STORE1(Z13)
	STORE1(Z14)
	STORE1(Z15)
	STORE1(Z16)
	STORE1(Z17)
	STORE1(Z18)
	STORE1(Z19)
	STORE1(Z20)
	STORE1(Z21)
	STORE1(Z22)
	STORE1(Z23)
	MOVQ BX, R15
	MOVQ a+0(FP), AX
	LEAQ (AX)(R8*8), AX
	LEAQ (AX)(R8*8), AX
	MOVQ AX, a+0(FP)
	SUBQ $16, R13 // to the next tile
	JGT  tile
	VZEROUPPER
	RET

part: // not all rows
	CMPQ R13, $8
	JLT  few
	PCALIGN $64
most: // 8 or more
	VMOVUPD.Z (DX), K1, Z0
	FMA1((SI), Z8)
	FMA1((SI)(R8*1), Z9)
	FMA1((SI)(R8*2), Z10)
	FMA1((SI)(R9*1), Z11)
	FMA1((SI)(R8*4), Z12)
	FMA1((SI)(DI*1), Z13)
	FMA1((SI)(R9*2), Z14)
	FMA1((SI)(R14*1), Z15)
	LAST(8, mostNext)
	FMA1((BX), Z16)
	LAST(9, mostNext)
	FMA1((BX)(R8*1), Z17)
	LAST(10, mostNext)
	FMA1((BX)(R8*2), Z18)
	LAST(11, mostNext)
	FMA1((BX)(R9*1), Z19)
	LAST(12, mostNext)
	FMA1((BX)(R8*4), Z20)
	LAST(13, mostNext)
	FMA1((BX)(DI*1), Z21)
	LAST(14, mostNext)
	FMA1((BX)(R9*2), Z22)
mostNext:
	ADDQ R10, SI
	ADDQ R10, BX
	ADDQ R11, DX
	DECQ CX
	JNZ  most
	JMP  storePart

few: // fewer than 8
	VMOVUPD.Z (DX), K1, Z0
	FMA1((SI), Z8)
	LAST(1, next)
	FMA1((SI)(R8*1), Z9)
	LAST(2, next)
	FMA1((SI)(R8*2), Z10)
	LAST(3, next)
	FMA1((SI)(R9*1), Z11)
	LAST(4, next)
	FMA1((SI)(R8*4), Z12)
	LAST(5, next)
	FMA1((SI)(DI*1), Z13)
	LAST(6, next)
	FMA1((SI)(R9*2), Z14)
next:
	ADDQ R10, SI
	ADDQ R10, BX
	ADDQ R11, DX
	DECQ CX
	JNZ  few
storePart:
	MOVQ R15, BX
	STORE1(Z8)
	LAST(1, done)
	STORE1(Z9)
	LAST(2, done)
	STORE1(Z10)
	LAST(3, done)
	STORE1(Z11)
	LAST(4, done)
	STORE1(Z12)
	LAST(5, done)
	STORE1(Z13)
	LAST(6, done)
	STORE1(Z14)
	LAST(7, done)
	STORE1(Z15)
	LAST(8, done)
	STORE1(Z16)
	LAST(9, done)
	STORE1(Z17)
	LAST(10, done)
	STORE1(Z18)
	LAST(11, done)
	STORE1(Z19)
	LAST(12, done)
	STORE1(Z20)
	LAST(13, done)
	STORE1(Z21)
	LAST(14, done)
	STORE1(Z22)
done:
	VZEROUPPER
	RET

zero:
	ZERO1(Z8)
	ZERO1(Z9)
	ZERO1(Z10)
	ZERO1(Z11)
	ZERO1(Z12)
	ZERO1(Z13)
	ZERO1(Z14)
	ZERO1(Z15)
	ZERO1(Z16)
	ZERO1(Z17)
	ZERO1(Z18)
	ZERO1(Z19)
	ZERO1(Z20)
	ZERO1(Z21)
	ZERO1(Z22)
	ZERO1(Z23)
	JMP  loaded
