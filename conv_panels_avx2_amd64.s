//go:build !purego

#include "textflag.h"

// Convolutions with AVX2. What a kernel meets is read, and what it gives to is
// written, where it lies: element k of the kernels meets value x[offs[k] + at[q]]
// for position q.

// Steps of one, two or three vectors of sums: += a·Y0, a·Y1, a·Y2.
#define ONE(a, x) VBROADCASTSD a, Y3; VFMADD231PD Y0, Y3, x
#define TWO(a, x, y) VBROADCASTSD a, Y3; VFMADD231PD Y0, Y3, x; VFMADD231PD Y1, Y3, y
#define THREE(a, x, y, z) VBROADCASTSD a, Y3; VFMADD231PD Y0, Y3, x; VFMADD231PD Y1, Y3, y; VFMADD231PD Y2, Y3, z

// Four columns of a panel:
//
//	DI, R12  dst, ldd in bytes    R8   offs    CX  elements left
//	SI, R9, R10, R11  x for the four positions

// func gatherAVX2(dst *float64, ldd int, x *float64, at, offs *int, k, kind int)
TEXT ·gatherAVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ ldd+8(FP), R12
	MOVQ x+16(FP), DX
	MOVQ at+24(FP), BX
	MOVQ offs+32(FP), R8
	MOVQ k+40(FP), CX
	MOVQ kind+48(FP), AX
	SHLQ $3, R12
	MOVQ (BX), SI
	MOVQ 8(BX), R9
	MOVQ 16(BX), R10
	MOVQ 24(BX), R11
	LEAQ (DX)(SI*8), SI
	LEAQ (DX)(R9*8), R9
	LEAQ (DX)(R10*8), R10
	LEAQ (DX)(R11*8), R11
	CMPQ AX, $1
	JEQ  pairs
	JGT  lanes
four: // side by side
	MOVQ (R8), AX
	VMOVUPD (SI)(AX*8), Y0
	VMOVUPD Y0, (DI)
	ADDQ $8, R8
	ADDQ R12, DI
	DECQ CX
	JNZ  four
	VZEROUPPER
	RET

pairs: // two and two
	MOVQ (R8), AX
	VMOVUPD (SI)(AX*8), X0
	VINSERTF128 $1, (R10)(AX*8), Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ $8, R8
	ADDQ R12, DI
	DECQ CX
	JNZ  pairs
	VZEROUPPER
	RET

lanes: // each for itself
	MOVQ (R8), AX
	VMOVSD (SI)(AX*8), X0
	VMOVSD (R10)(AX*8), X1
	VMOVHPD (R9)(AX*8), X0, X0
	VMOVHPD (R11)(AX*8), X1, X1
	VMOVUPD X0, (DI)
	VMOVUPD X1, 16(DI)
	ADDQ $8, R8
	ADDQ R12, DI
	DECQ CX
	JNZ  lanes
	VZEROUPPER
	RET

// y: tiles of 4 filters by 12 positions, or of 6 by 8. R10 is an element of offs.
//
//	SI  w      R13, DX  rsw, 3·rsw    AX  offs    CX  elements left
//	R14 y      R15      filters left
//	BX, DI, R8, R9, R11, R12  x for each two positions
//	Y0–Y2  x   Y3  a value of w       Y4–Y15  the sums

#define PLACE(i, to) MOVQ (i*8)(R14), R10; LEAQ (R15)(R10*8), to
#define SPLIT(at1, at2, lo, v) VMOVUPD (at1)(R10*8), lo; VINSERTF128 $1, (at2)(R10*8), v, v
#define START3(x, y, z) VBROADCASTSD (AX), x; VMOVAPD x, y; VMOVAPD x, z; ADDQ $8, AX
#define LOAD3(x, y, z) VMOVUPD (CX), x; VMOVUPD 32(CX), y; VMOVUPD 64(CX), z; ADDQ R10, CX
#define STORE3(x, y, z) VMOVUPD x, (R14); VMOVUPD y, 32(R14); VMOVUPD z, 64(R14); ADDQ R10, R14
#define STEP3 \
	THREE((SI), Y4, Y5, Y6);           \
	THREE((SI)(R13*1), Y7, Y8, Y9);    \
	THREE((SI)(R13*2), Y10, Y11, Y12); \
	THREE((SI)(DX*1), Y13, Y14, Y15);  \
	ADDQ $8, AX; ADDQ $8, SI; DECQ CX

// func correlate12AVX2(w *float64, rsw int, x *float64, offs *int, k int, at, split *int, y *float64, ldy, m, panels int, start *float64)
TEXT ·correlate12AVX2(SB), NOSPLIT, $0-96
	MOVQ rsw+8(FP), R13
	SHLQ $3, R13
	LEAQ (R13)(R13*2), DX
	SHLQ $3, ldy+64(FP)
panel:
	MOVQ x+16(FP), R15
	MOVQ at+40(FP), R14
	PLACE(0, BX)
	PLACE(2, DI)
	PLACE(4, R8)
	PLACE(6, R9)
	PLACE(8, R11)
	PLACE(10, R12)
	MOVQ w+0(FP), SI
	MOVQ y+56(FP), R14
	MOVQ m+72(FP), R15
tile: // s = y, or start
	MOVQ ldy+64(FP), R10
	MOVQ start+88(FP), AX
	TESTQ AX, AX
	JEQ  load
	MOVQ m+72(FP), CX
	SUBQ R15, CX
	LEAQ (AX)(CX*8), AX
	START3(Y4, Y5, Y6)
	START3(Y7, Y8, Y9)
	START3(Y10, Y11, Y12)
	START3(Y13, Y14, Y15)
loaded: // for e := range k { s += w·x }
	MOVQ offs+24(FP), AX
	MOVQ k+32(FP), CX
	MOVQ split+48(FP), R10
	CMPQ (R10), $0
	JNE  pairs
	PCALIGN $32
fours:
	MOVQ (AX), R10
	VMOVUPD (BX)(R10*8), Y0
	VMOVUPD (R8)(R10*8), Y1
	VMOVUPD (R11)(R10*8), Y2
	STEP3
	JNZ  fours
store: // y = s
	MOVQ ldy+64(FP), R10
	STORE3(Y4, Y5, Y6)
	STORE3(Y7, Y8, Y9)
	STORE3(Y10, Y11, Y12)
	STORE3(Y13, Y14, Y15)
	MOVQ k+32(FP), CX
	SHLQ $3, CX
	SUBQ CX, SI
	LEAQ (SI)(R13*4), SI
	SUBQ $4, R15
	JGT  tile
	ADDQ $96, y+56(FP)
	ADDQ $96, at+40(FP)
	ADDQ $8, split+48(FP)
	DECQ panels+80(FP)
	JNZ  panel
	VZEROUPPER
	RET

	PCALIGN $32
pairs:
	MOVQ (AX), R10
	SPLIT(BX, DI, X0, Y0)
	SPLIT(R8, R9, X1, Y1)
	SPLIT(R11, R12, X2, Y2)
	STEP3
	JNZ  pairs
	JMP  store

load:
	MOVQ R14, CX
	LOAD3(Y4, Y5, Y6)
	LOAD3(Y7, Y8, Y9)
	LOAD3(Y10, Y11, Y12)
	LOAD3(Y13, Y14, Y15)
	JMP  loaded

#define START2(x, y) VBROADCASTSD (AX), x; VMOVAPD x, y; ADDQ $8, AX
#define LOAD2(x, y) VMOVUPD (CX), x; VMOVUPD 32(CX), y; ADDQ R10, CX
#define STORE2(x, y) VMOVUPD x, (R14); VMOVUPD y, 32(R14); ADDQ R10, R14
#define STEP2 \
	TWO((SI), Y4, Y5);            \
	TWO((SI)(R13*1), Y6, Y7);     \
	TWO((SI)(R13*2), Y8, Y9);     \
	TWO((R11), Y10, Y11);         \
	TWO((R11)(R13*1), Y12, Y13);  \
	TWO((R11)(R13*2), Y14, Y15);  \
	ADDQ $8, AX; ADDQ $8, SI; ADDQ $8, R11; DECQ CX

// func correlate8AVX2(w *float64, rsw int, x *float64, offs *int, k int, at, split *int, y *float64, ldy, m, panels int, start *float64)
TEXT ·correlate8AVX2(SB), NOSPLIT, $0-96
	MOVQ rsw+8(FP), R13
	SHLQ $3, R13
	LEAQ (R13)(R13*2), DX
	SHLQ $3, ldy+64(FP)
panel:
	MOVQ x+16(FP), R15
	MOVQ at+40(FP), R14
	PLACE(0, BX)
	PLACE(2, DI)
	PLACE(4, R8)
	PLACE(6, R9)
	MOVQ w+0(FP), SI
	MOVQ y+56(FP), R14
	MOVQ m+72(FP), R15
tile:
	MOVQ ldy+64(FP), R10
	MOVQ start+88(FP), AX
	TESTQ AX, AX
	JEQ  load
	MOVQ m+72(FP), CX
	SUBQ R15, CX
	LEAQ (AX)(CX*8), AX
	START2(Y4, Y5)
	START2(Y6, Y7)
	START2(Y8, Y9)
	START2(Y10, Y11)
	START2(Y12, Y13)
	START2(Y14, Y15)
loaded:
	MOVQ offs+24(FP), AX
	MOVQ k+32(FP), CX
	LEAQ (SI)(DX*1), R11 // the other three filters
	MOVQ split+48(FP), R10
	CMPQ (R10), $0
	JNE  pairs
	PCALIGN $32
fours:
	MOVQ (AX), R10
	VMOVUPD (BX)(R10*8), Y0
	VMOVUPD (R8)(R10*8), Y1
	STEP2
	JNZ  fours
store:
	MOVQ ldy+64(FP), R10
	STORE2(Y4, Y5)
	STORE2(Y6, Y7)
	STORE2(Y8, Y9)
	STORE2(Y10, Y11)
	STORE2(Y12, Y13)
	STORE2(Y14, Y15)
	MOVQ k+32(FP), CX
	SHLQ $3, CX
	SUBQ CX, R11
	LEAQ (R11)(DX*1), SI
	SUBQ $6, R15
	JGT  tile
	ADDQ $64, y+56(FP)
	ADDQ $64, at+40(FP)
	ADDQ $8, split+48(FP)
	DECQ panels+80(FP)
	JNZ  panel
	VZEROUPPER
	RET

	PCALIGN $32
pairs:
	MOVQ (AX), R10
	SPLIT(BX, DI, X0, Y0)
	SPLIT(R8, R9, X1, Y1)
	STEP2
	JNZ  pairs
	JMP  store

load:
	MOVQ R14, CX
	LOAD2(Y4, Y5)
	LOAD2(Y6, Y7)
	LOAD2(Y8, Y9)
	LOAD2(Y10, Y11)
	LOAD2(Y12, Y13)
	LOAD2(Y14, Y15)
	JMP  loaded

// The gradient of w: tiles of 6 or 5 elements of the kernels by 8 filters, or by 4.
//
//	AX, BX, SI, DI, R8, R9  x for the elements
//	R10  values passed      R13  right, in values    CX  positions left in a row
//	DX   dy at a position   R12  n, in bytes         R11  rows left
//	R15  tile of c          R14  offs of the tile
//	Y0, Y1  dy              Y3   a value of x        Y4–Y15  the sums

#define POINT(i, to) MOVQ (i*8)(R14), DX; LEAQ (R10)(DX*8), to
#define GET(x, y) VMOVUPD (CX), x; VMOVUPD 32(CX), y; ADDQ DX, CX
#define PUT(x, y) VMOVUPD x, (R15); VMOVUPD y, 32(R15); ADDQ DX, R15
#define ZERO(x, y) VXORPD x, x, x; VXORPD y, y, y
#define ONWARD ADDQ R13, R10; ADDQ R12, DX; DECQ CX

// Leave the list of rows after row n−1 if there are no more.
#define LAST(reg, n, label) CMPQ reg, $n; JEQ label

// func gradAVX2(x *float64, offs *int, m, rows, h, w, right, down int, b *float64, n int, c *float64, ldc, acc int)
TEXT ·gradAVX2(SB), NOSPLIT, $0-104
	MOVQ offs+8(FP), R14
	MOVQ c+80(FP), R15
	MOVQ right+48(FP), R13
	MOVQ n+72(FP), R12
	SHLQ $3, R12
tile: // s = c, or 0
	MOVQ x+0(FP), R10
	POINT(0, AX)
	POINT(1, BX)
	POINT(2, SI)
	POINT(3, DI)
	POINT(4, R8)
	POINT(5, R9)
	CMPQ acc+96(FP), $0
	JEQ  zero
	MOVQ R15, CX
	MOVQ m+16(FP), R11
	MOVQ ldc+88(FP), DX
	SHLQ $3, DX
	GET(Y4, Y5)
	LAST(R11, 1, loaded)
	GET(Y6, Y7)
	LAST(R11, 2, loaded)
	GET(Y8, Y9)
	LAST(R11, 3, loaded)
	GET(Y10, Y11)
	LAST(R11, 4, loaded)
	GET(Y12, Y13)
	LAST(R11, 5, loaded)
	GET(Y14, Y15)
loaded: // for i := range h { for j := range w { s += x·dy } }
	XORQ R10, R10
	MOVQ b+64(FP), DX
	MOVQ h+32(FP), R11
	MOVQ w+40(FP), CX
	CMPQ R12, $32
	JLE  narrow
	CMPQ rows+24(FP), $5
	JEQ  five
	PCALIGN $32
six:
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	TWO((AX)(R10*8), Y4, Y5)
	TWO((BX)(R10*8), Y6, Y7)
	TWO((SI)(R10*8), Y8, Y9)
	TWO((DI)(R10*8), Y10, Y11)
	TWO((R8)(R10*8), Y12, Y13)
	TWO((R9)(R10*8), Y14, Y15)
	ONWARD
	JNZ  six
	ADDQ down+56(FP), R10
	MOVQ w+40(FP), CX
	DECQ R11
	JNZ  six
	JMP  store
	PCALIGN $32
five:
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	TWO((AX)(R10*8), Y4, Y5)
	TWO((BX)(R10*8), Y6, Y7)
	TWO((SI)(R10*8), Y8, Y9)
	TWO((DI)(R10*8), Y10, Y11)
	TWO((R8)(R10*8), Y12, Y13)
	ONWARD
	JNZ  five
	ADDQ down+56(FP), R10
	MOVQ w+40(FP), CX
	DECQ R11
	JNZ  five
	JMP  store
	PCALIGN $32
narrow:
	VMOVUPD (DX), Y0
	ONE((AX)(R10*8), Y4)
	ONE((BX)(R10*8), Y6)
	ONE((SI)(R10*8), Y8)
	ONE((DI)(R10*8), Y10)
	ONE((R8)(R10*8), Y12)
	ONE((R9)(R10*8), Y14)
	ONWARD
	JNZ  narrow
	ADDQ down+56(FP), R10
	MOVQ w+40(FP), CX
	DECQ R11
	JNZ  narrow
store: // c = s
	MOVQ m+16(FP), CX
	MOVQ ldc+88(FP), DX
	SHLQ $3, DX
	PUT(Y4, Y5)
	LAST(CX, 1, done)
	PUT(Y6, Y7)
	LAST(CX, 2, done)
	PUT(Y8, Y9)
	LAST(CX, 3, done)
	PUT(Y10, Y11)
	LAST(CX, 4, done)
	PUT(Y12, Y13)
	LAST(CX, 5, done)
	MOVQ rows+24(FP), R11
	LAST(R11, 5, next)
	PUT(Y14, Y15)
next:
	LEAQ (R14)(R11*8), R14
	SUBQ R11, CX
	MOVQ CX, m+16(FP)
	JGT  tile
done:
	VZEROUPPER
	RET

zero:
	ZERO(Y4, Y5)
	ZERO(Y6, Y7)
	ZERO(Y8, Y9)
	ZERO(Y10, Y11)
	ZERO(Y12, Y13)
	ZERO(Y14, Y15)
	JMP  loaded

// The gradient of x: tiles of 4 elements of the kernels by 12 positions, whose
// sums are added to x, row after row.
//
//	SI  a        DX  b at f       CX  filters left    R15  offs of the tile
//	R14 x        R10 an element of offs               AX   elements left
//	R13 split, or at
//	BX, DI, R8, R9, R11, R12  x for each two positions
//	Y0–Y2  dy    Y3  a value of w     Y4–Y15  the sums

#define AT(i, to) MOVQ (i*8)(R13), DX; LEAQ (R14)(DX*8), to

// Four positions of a row of the tile: x[…] += s, as one vector or, if the bit of
// R13 says so, as two halves.
#define FOUR(bit, v, lo, hi, at1, at2) \
	TESTQ $bit, R13;                 \
	JNE 4(PC);                       \
	VADDPD (at1)(R10*8), v, v;       \
	VMOVUPD v, (at1)(R10*8);         \
	JMP 6(PC);                       \
	VEXTRACTF128 $1, v, hi;          \
	VADDPD (at1)(R10*8), lo, lo;     \
	VADDPD (at2)(R10*8), hi, hi;     \
	VMOVUPD lo, (at1)(R10*8);        \
	VMOVUPD hi, (at2)(R10*8)

#define TWELVE(v0, lo0, v1, lo1, v2, lo2) \
	MOVQ (R15), R10;                      \
	FOUR(1, v0, lo0, X0, BX, DI);         \
	FOUR(2, v1, lo1, X1, R8, R9);         \
	FOUR(4, v2, lo2, X2, R11, R12);       \
	ADDQ $8, R15

// func spreadAVX2(a *float64, k int, b *float64, m int, x *float64, offs, at *int, n, split int, s *float64)
TEXT ·spreadAVX2(SB), NOSPLIT, $0-80
	MOVQ a+0(FP), SI
	MOVQ m+24(FP), AX
	MOVQ x+32(FP), R14
	MOVQ offs+40(FP), R15
	MOVQ at+48(FP), R13
	AT(0, BX)
	AT(2, DI)
	AT(4, R8)
	AT(6, R9)
	AT(8, R11)
	AT(10, R12)
	MOVQ split+64(FP), R13
tile: // s = 0
	MOVQ b+16(FP), DX
	MOVQ k+8(FP), CX
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
	CMPQ n+56(FP), $8
	JLE  short
	PCALIGN $32
full: // for f := range k { s += a·b[f] }
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	THREE(0(SI), Y4, Y5, Y6)
	THREE(8(SI), Y7, Y8, Y9)
	THREE(16(SI), Y10, Y11, Y12)
	THREE(24(SI), Y13, Y14, Y15)
	ADDQ $32, SI
	ADDQ $96, DX
	DECQ CX
	JNZ  full
	CMPQ R13, $8
	JEQ  lanes
	TWELVE(Y4, X4, Y5, X5, Y6, X6)
	LAST(AX, 1, done)
	TWELVE(Y7, X7, Y8, X8, Y9, X9)
	LAST(AX, 2, done)
	TWELVE(Y10, X10, Y11, X11, Y12, X12)
	LAST(AX, 3, done)
	TWELVE(Y13, X13, Y14, X14, Y15, X15)
	SUBQ $4, AX
	JGT  tile
done:
	VZEROUPPER
	RET

	PCALIGN $32
short: // the same for up to 8 positions
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	TWO(0(SI), Y4, Y5)
	TWO(8(SI), Y7, Y8)
	TWO(16(SI), Y10, Y11)
	TWO(24(SI), Y13, Y14)
	ADDQ $32, SI
	ADDQ $96, DX
	DECQ CX
	JNZ  short

lanes: // n positions, one by one
	MOVQ at+48(FP), R13
	MOVQ s+72(FP), CX
	VMOVUPD Y4, (CX)
	VMOVUPD Y5, 32(CX)
	VMOVUPD Y6, 64(CX)
	VMOVUPD Y7, 96(CX)
	VMOVUPD Y8, 128(CX)
	VMOVUPD Y9, 160(CX)
	VMOVUPD Y10, 192(CX)
	VMOVUPD Y11, 224(CX)
	VMOVUPD Y12, 256(CX)
	VMOVUPD Y13, 288(CX)
	VMOVUPD Y14, 320(CX)
	VMOVUPD Y15, 352(CX)
	MOVQ $4, R8
row:
	MOVQ (R15), R10
	LEAQ (R14)(R10*8), R10 // x for this element
	ADDQ $8, R15
	XORQ DX, DX
lane:
	MOVQ (R13)(DX*8), R9
	VMOVSD (CX)(DX*8), X0
	VADDSD (R10)(R9*8), X0, X0
	VMOVSD X0, (R10)(R9*8)
	INCQ DX
	CMPQ DX, n+56(FP)
	JLT  lane
	ADDQ $96, CX
	DECQ AX
	JEQ  done
	DECQ R8
	JNZ  row
	MOVQ $8, R13
	JMP  tile
