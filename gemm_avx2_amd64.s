//go:build !purego

#include "textflag.h"

// Products with AVX2 and FMA: what gemm_avx512_amd64.s does, with tiles of 4 rows by
// three vectors of 4 columns, 6 rows by two, or 8 rows by one. cols is the number
// of columns, 1 to 4, in the last vector. Masked stores take long on some
// processors, so there are none if it is 4 and the tile has all rows. If the values of
// a row of A lie side by side, csa = 1, such a tile takes four steps at a time: besides
// its FMAs a step needs as many instructions again, and where two threads share a core
// each instruction counts.
//
// Registers, strides in bytes:
//
//	AX       tile of A              R8, R9   rsa, 3·rsa
//	SI       rows 0 to 3, at p      R10      csa
//	DI       rows 4 to 7            R11      rsb
//	DX       B at p                 R12      ldc
//	BX       C                      R13      rows left
//	CX       steps left             R14      mask
//	R15      tile of C              BX       3·rsb, in four steps
//	Y0–Y2    a row of B             Y3       an element of A; mask
//	Y4–Y15   the sums

// Four lanes that are on and four that are off: the mask for n columns begins n
// lanes before the middle.
DATA lanes<>+0(SB)/8, $-1
DATA lanes<>+8(SB)/8, $-1
DATA lanes<>+16(SB)/8, $-1
DATA lanes<>+24(SB)/8, $-1
DATA lanes<>+32(SB)/8, $0
DATA lanes<>+40(SB)/8, $0
DATA lanes<>+48(SB)/8, $0
DATA lanes<>+56(SB)/8, $0
GLOBL lanes<>(SB), RODATA|NOPTR, $64

#define ARGS \
	MOVQ a+0(FP), AX;          \
	MOVQ rsa+8(FP), R8;        \
	MOVQ csa+16(FP), R10;      \
	MOVQ rsb+32(FP), R11;      \
	MOVQ c+40(FP), R15;        \
	MOVQ ldc+48(FP), R12;      \
	MOVQ m+64(FP), R13;        \
	LEAQ lanes<>+32(SB), R14;  \
	MOVQ cols+72(FP), CX;      \
	SHLQ $3, CX;               \
	SUBQ CX, R14;              \
	SHLQ $3, R8;               \
	SHLQ $3, R10;              \
	SHLQ $3, R11;              \
	SHLQ $3, R12;              \
	LEAQ (R8)(R8*2), R9

// Four steps at a time, if csa is 8: OF takes a row of B and where the column of A
// begins, ON goes four columns of A on. If no step is left, on to store, else to full.
#define ON4 ADDQ $32, SI
#define ON8 ADDQ $32, SI; ADDQ $32, DI

#define FOURS(OF, ON) \
	CMPQ R10, $8;          \
	JNE  full;             \
	SUBQ $4, CX;           \
	JLT  last;             \
	LEAQ (R11)(R11*2), BX; \
	PCALIGN $32;           \
four:;                     \
	OF((DX), 0);           \
	OF((DX)(R11*1), 8);    \
	OF((DX)(R11*2), 16);   \
	OF((DX)(BX*1), 24);    \
	ON;                    \
	LEAQ (DX)(R11*4), DX;  \
	SUBQ $4, CX;           \
	JGE  four;             \
last:;                     \
	ADDQ $4, CX;           \
	JEQ  store

// Tile at AX and R15, step 0.
#define START \
	MOVQ AX, SI;         \
	LEAQ (AX)(R8*4), DI; \
	MOVQ b+24(FP), DX;   \
	MOVQ k+56(FP), CX;   \
	MOVQ R15, BX

// The first cache is told of the row of C at BX. A tile loads its rows at once, then
// nothing for hundreds of cycles; so the rows of the next tile are asked for early.
#define AHEAD(bytes) PREFETCHT0 (BX); PREFETCHT0 (bytes-8)(BX); ADDQ R12, BX

// Leave the list of rows after row n−1 if there are no more.
#define LAST(n, label) CMPQ R13, $n; JEQ label

// Three vectors: 9 to 12 columns, 4 rows.

#define LOAD3(x, y, z) VMOVUPD (BX), x; VMOVUPD 32(BX), y; VMASKMOVPD 64(BX), Y3, z; ADDQ R12, BX
#define STORE3(x, y, z) VMOVUPD x, (BX); VMOVUPD y, 32(BX); VMASKMOVPD z, Y3, 64(BX); ADDQ R12, BX
#define WHOLE3(x, y, z) VMOVUPD x, (BX); VMOVUPD y, 32(BX); VMOVUPD z, 64(BX); ADDQ R12, BX
#define ZERO3(x, y, z) VXORPD x, x, x; VXORPD y, y, y; VXORPD z, z, z
#define FMA3(a, x, y, z) VBROADCASTSD a, Y3; VFMADD231PD Y0, Y3, x; VFMADD231PD Y1, Y3, y; VFMADD231PD Y2, Y3, z

// s[i] += a[i,p]·b[p], with a column of A that begins x bytes on
#define ROWS3(x) \
	FMA3(x(SI), Y4, Y5, Y6); \
	FMA3(x(SI)(R8*1), Y7, Y8, Y9); \
	FMA3(x(SI)(R8*2), Y10, Y11, Y12); \
	FMA3(x(SI)(R9*1), Y13, Y14, Y15)

#define STEP3 ROWS3(0); ADDQ R10, SI; ADDQ R11, DX; DECQ CX

// A step of four, with the row of B at b.
#define OF3(b, x) VMOVUPD b, Y0; VMOVUPD 32 b, Y1; VMOVUPD 64 b, Y2; ROWS3(x)

// func tile12AVX2(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, cols, acc int)
TEXT ·tile12AVX2(SB), NOSPLIT, $0-88
	ARGS
tile: // s = c, or 0: rows m-R13 and on
	START
	CMPQ acc+80(FP), $0
	JEQ  zero
	VMOVUPD (R14), Y3
	LOAD3(Y4, Y5, Y6)
	LAST(1, loaded)
	LOAD3(Y7, Y8, Y9)
	LAST(2, loaded)
	LOAD3(Y10, Y11, Y12)
	LAST(3, loaded)
	LOAD3(Y13, Y14, Y15)
loaded: // for p := range k { s += a[p]·b[p] }
	CMPQ R13, $4
	JLT  part
	CMPQ cols+72(FP), $4
	JNE  masked
	LEAQ (R15)(R12*4), BX
	AHEAD(96)
	AHEAD(96)
	AHEAD(96)
	AHEAD(96)
	FOURS(OF3, ON4)
	PCALIGN $32
full: // all rows and columns
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	STEP3
	JNZ  full
	JMP  store
	PCALIGN $32
masked: // all rows, not all columns
	VMOVUPD (R14), Y3
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	VMASKMOVPD 64(DX), Y3, Y2
	STEP3
	JNZ  masked
store: // c = s
	MOVQ R15, BX
	CMPQ cols+72(FP), $4
	JNE  cut
	WHOLE3(Y4, Y5, Y6)
	WHOLE3(Y7, Y8, Y9)
	WHOLE3(Y10, Y11, Y12)
	WHOLE3(Y13, Y14, Y15)
advance:
	MOVQ BX, R15
	LEAQ (AX)(R8*4), AX
	SUBQ $4, R13 // to the next tile
	JGT  tile
	VZEROUPPER
	RET

cut: // c = s, not all columns
	VMOVUPD (R14), Y3
	STORE3(Y4, Y5, Y6)
	STORE3(Y7, Y8, Y9)
	STORE3(Y10, Y11, Y12)
	STORE3(Y13, Y14, Y15)
	JMP  advance

part: // not all rows
	VMOVUPD (R14), Y3
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	VMASKMOVPD 64(DX), Y3, Y2
	FMA3((SI), Y4, Y5, Y6)
	LAST(1, next)
	FMA3((SI)(R8*1), Y7, Y8, Y9)
	LAST(2, next)
	FMA3((SI)(R8*2), Y10, Y11, Y12)
next:
	ADDQ R10, SI
	ADDQ R11, DX
	DECQ CX
	JNZ  part
	MOVQ R15, BX
	VMOVUPD (R14), Y3
	STORE3(Y4, Y5, Y6)
	LAST(1, done)
	STORE3(Y7, Y8, Y9)
	LAST(2, done)
	STORE3(Y10, Y11, Y12)
done:
	VZEROUPPER
	RET

zero:
	ZERO3(Y4, Y5, Y6)
	ZERO3(Y7, Y8, Y9)
	ZERO3(Y10, Y11, Y12)
	ZERO3(Y13, Y14, Y15)
	JMP  loaded

// Two vectors: 5 to 8 columns, 6 rows.

#define LOAD2(x, y) VMOVUPD (BX), x; VMASKMOVPD 32(BX), Y3, y; ADDQ R12, BX
#define STORE2(x, y) VMOVUPD x, (BX); VMASKMOVPD y, Y3, 32(BX); ADDQ R12, BX
#define WHOLE2(x, y) VMOVUPD x, (BX); VMOVUPD y, 32(BX); ADDQ R12, BX
#define ZERO2(x, y) VXORPD x, x, x; VXORPD y, y, y
#define FMA2(a, x, y) VBROADCASTSD a, Y3; VFMADD231PD Y0, Y3, x; VFMADD231PD Y1, Y3, y

#define ROWS2(x) \
	FMA2(x(SI), Y4, Y5); \
	FMA2(x(SI)(R8*1), Y6, Y7); \
	FMA2(x(SI)(R8*2), Y8, Y9); \
	FMA2(x(SI)(R9*1), Y10, Y11); \
	FMA2(x(DI), Y12, Y13); \
	FMA2(x(DI)(R8*1), Y14, Y15)

#define STEP2 ROWS2(0); ADDQ R10, SI; ADDQ R10, DI; ADDQ R11, DX; DECQ CX
#define OF2(b, x) VMOVUPD b, Y0; VMOVUPD 32 b, Y1; ROWS2(x)

// func tile8AVX2(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, cols, acc int)
TEXT ·tile8AVX2(SB), NOSPLIT, $0-88
	ARGS
tile: // s = c, or 0: rows m-R13 and on
	START
	CMPQ acc+80(FP), $0
	JEQ  zero
	VMOVUPD (R14), Y3
	LOAD2(Y4, Y5)
	LAST(1, loaded)
	LOAD2(Y6, Y7)
	LAST(2, loaded)
	LOAD2(Y8, Y9)
	LAST(3, loaded)
	LOAD2(Y10, Y11)
	LAST(4, loaded)
	LOAD2(Y12, Y13)
	LAST(5, loaded)
	LOAD2(Y14, Y15)
loaded: // for p := range k { s += a[p]·b[p] }
	CMPQ R13, $6
	JLT  part
	CMPQ cols+72(FP), $4
	JNE  masked
	LEAQ (R12)(R12*2), BX
	LEAQ (R15)(BX*2), BX
	AHEAD(64)
	AHEAD(64)
	AHEAD(64)
	AHEAD(64)
	AHEAD(64)
	AHEAD(64)
	FOURS(OF2, ON8)
	PCALIGN $32
full: // all rows and columns
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	STEP2
	JNZ  full
	JMP  store
	PCALIGN $32
masked: // all rows, not all columns
	VMOVUPD (R14), Y3
	VMOVUPD (DX), Y0
	VMASKMOVPD 32(DX), Y3, Y1
	STEP2
	JNZ  masked
store: // c = s
	MOVQ R15, BX
	CMPQ cols+72(FP), $4
	JNE  cut
	WHOLE2(Y4, Y5)
	WHOLE2(Y6, Y7)
	WHOLE2(Y8, Y9)
	WHOLE2(Y10, Y11)
	WHOLE2(Y12, Y13)
	WHOLE2(Y14, Y15)
advance:
	MOVQ BX, R15
	LEAQ (AX)(R9*2), AX
	SUBQ $6, R13 // to the next tile
	JGT  tile
	VZEROUPPER
	RET

cut: // c = s, not all columns
	VMOVUPD (R14), Y3
	STORE2(Y4, Y5)
	STORE2(Y6, Y7)
	STORE2(Y8, Y9)
	STORE2(Y10, Y11)
	STORE2(Y12, Y13)
	STORE2(Y14, Y15)
	JMP  advance

part: // not all rows
	VMOVUPD (R14), Y3
	VMOVUPD (DX), Y0
	VMASKMOVPD 32(DX), Y3, Y1
	FMA2((SI), Y4, Y5)
	LAST(1, next)
	FMA2((SI)(R8*1), Y6, Y7)
	LAST(2, next)
	FMA2((SI)(R8*2), Y8, Y9)
	LAST(3, next)
	FMA2((SI)(R9*1), Y10, Y11)
	LAST(4, next)
	FMA2((DI), Y12, Y13)
next:
	ADDQ R10, SI
	ADDQ R10, DI
	ADDQ R11, DX
	DECQ CX
	JNZ  part
	MOVQ R15, BX
	VMOVUPD (R14), Y3
	STORE2(Y4, Y5)
	LAST(1, done)
	STORE2(Y6, Y7)
	LAST(2, done)
	STORE2(Y8, Y9)
	LAST(3, done)
	STORE2(Y10, Y11)
	LAST(4, done)
	STORE2(Y12, Y13)
done:
	VZEROUPPER
	RET

zero:
	ZERO2(Y4, Y5)
	ZERO2(Y6, Y7)
	ZERO2(Y8, Y9)
	ZERO2(Y10, Y11)
	ZERO2(Y12, Y13)
	ZERO2(Y14, Y15)
	JMP  loaded

// One vector: 1 to 4 columns, 8 rows.

#define LOAD1(x) VMASKMOVPD (BX), Y3, x; ADDQ R12, BX
#define STORE1(x) VMASKMOVPD x, Y3, (BX); ADDQ R12, BX
#define WHOLE1(x) VMOVUPD x, (BX); ADDQ R12, BX
#define ZERO1(x) VXORPD x, x, x
#define FMA1(a, x) VBROADCASTSD a, Y3; VFMADD231PD Y0, Y3, x

#define ROWS1(x) \
	FMA1(x(SI), Y4); \
	FMA1(x(SI)(R8*1), Y5); \
	FMA1(x(SI)(R8*2), Y6); \
	FMA1(x(SI)(R9*1), Y7); \
	FMA1(x(DI), Y8); \
	FMA1(x(DI)(R8*1), Y9); \
	FMA1(x(DI)(R8*2), Y10); \
	FMA1(x(DI)(R9*1), Y11)

#define STEP1 ROWS1(0); ADDQ R10, SI; ADDQ R10, DI; ADDQ R11, DX; DECQ CX
#define OF1(b, x) VMOVUPD b, Y0; ROWS1(x)

// func tile4AVX2(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, cols, acc int)
TEXT ·tile4AVX2(SB), NOSPLIT, $0-88
	ARGS
tile: // s = c, or 0: rows m-R13 and on
	START
	CMPQ acc+80(FP), $0
	JEQ  zero
	VMOVUPD (R14), Y3
	LOAD1(Y4)
	LAST(1, loaded)
	LOAD1(Y5)
	LAST(2, loaded)
	LOAD1(Y6)
	LAST(3, loaded)
	LOAD1(Y7)
	LAST(4, loaded)
	LOAD1(Y8)
	LAST(5, loaded)
	LOAD1(Y9)
	LAST(6, loaded)
	LOAD1(Y10)
	LAST(7, loaded)
	LOAD1(Y11)
loaded: // for p := range k { s += a[p]·b[p] }
	CMPQ R13, $8
	JLT  part
	CMPQ cols+72(FP), $4
	JNE  masked
	FOURS(OF1, ON8)
	PCALIGN $32
full: // all rows and columns
	VMOVUPD (DX), Y0
	STEP1
	JNZ  full
	JMP  store
	PCALIGN $32
masked: // all rows, not all columns
	VMOVUPD (R14), Y3
	VMASKMOVPD (DX), Y3, Y0
	STEP1
	JNZ  masked
store: // c = s
	MOVQ R15, BX
	CMPQ cols+72(FP), $4
	JNE  cut
	WHOLE1(Y4)
	WHOLE1(Y5)
	WHOLE1(Y6)
	WHOLE1(Y7)
	WHOLE1(Y8)
	WHOLE1(Y9)
	WHOLE1(Y10)
	WHOLE1(Y11)
advance:
	MOVQ BX, R15
	LEAQ (AX)(R8*8), AX
	SUBQ $8, R13 // to the next tile
	JGT  tile
	VZEROUPPER
	RET

cut: // c = s, not all columns
	VMOVUPD (R14), Y3
	STORE1(Y4)
	STORE1(Y5)
	STORE1(Y6)
	STORE1(Y7)
	STORE1(Y8)
	STORE1(Y9)
	STORE1(Y10)
	STORE1(Y11)
	JMP  advance

part: // not all rows
	VMOVUPD (R14), Y3
	VMASKMOVPD (DX), Y3, Y0
	FMA1((SI), Y4)
	LAST(1, next)
	FMA1((SI)(R8*1), Y5)
	LAST(2, next)
	FMA1((SI)(R8*2), Y6)
	LAST(3, next)
	FMA1((SI)(R9*1), Y7)
	LAST(4, next)
	FMA1((DI), Y8)
	LAST(5, next)
	FMA1((DI)(R8*1), Y9)
	LAST(6, next)
	FMA1((DI)(R8*2), Y10)
next:
	ADDQ R10, SI
	ADDQ R10, DI
	ADDQ R11, DX
	DECQ CX
	JNZ  part
	MOVQ R15, BX
	VMOVUPD (R14), Y3
	STORE1(Y4)
	LAST(1, done)
	STORE1(Y5)
	LAST(2, done)
	STORE1(Y6)
	LAST(3, done)
	STORE1(Y7)
	LAST(4, done)
	STORE1(Y8)
	LAST(5, done)
	STORE1(Y9)
	LAST(6, done)
	STORE1(Y10)
done:
	VZEROUPPER
	RET

zero:
	ZERO1(Y4)
	ZERO1(Y5)
	ZERO1(Y6)
	ZERO1(Y7)
	ZERO1(Y8)
	ZERO1(Y9)
	ZERO1(Y10)
	ZERO1(Y11)
	JMP  loaded
