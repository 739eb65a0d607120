//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// Convolutions with one filter for each channel, by rows of planes.
//
// Where a row begins or ends, elements of the kernel meet padding, in some lanes of
// a vector. There x is loaded as 0 and the weight, or dy, is made −0: the product
// is −0, and adding that leaves any sum as it is.
//
//	Y12   −0 in each lane
//	Y13   columns of x, and
//	Y15   the columns that the lanes meet first, both less 2⁶³, so that one
//	      comparison of signed numbers tells 0 ≤ column < columns of x

DATA steps<>+0(SB)/8, $0
DATA steps<>+8(SB)/8, $1
DATA steps<>+16(SB)/8, $2
DATA steps<>+24(SB)/8, $3
GLOBL steps<>(SB), RODATA|NOPTR, $32

// COLUMNS sets Y12, Y13 and Y15 for a window of columns at R11; SI goes to where
// the first column would be.
#define COLUMNS(in, before) \
	VPCMPEQQ Y12, Y12, Y12;      \
	VPSLLQ $63, Y12, Y12;        \
	VPBROADCASTQ in, Y13;        \
	VPXOR Y12, Y13, Y13;         \
	VPBROADCASTQ before, Y15;    \
	VMOVDQU steps<>(SB), Y14;    \
	VPSUBQ Y15, Y14, Y15;        \
	VPXOR Y12, Y15, Y15;         \
	MOVQ before, AX;             \
	SHLQ $3, AX;                 \
	SUBQ AX, SI

// ELEMENT goes on to the next element of a kernel, or to the next row of it.
#define ELEMENT(again, row) \
	ADDQ R13, R14;               \
	ADDQ R9, R15;                \
	DECQ CX;                     \
	JNZ  again;                  \
	ADDQ R8, R15;                \
	DECQ AX;                     \
	JNZ  row

// START begins with the first element, for sums from column at on.
#define START(at) \
	LEAQ (SI)(at*8), R15;        \
	MOVQ DX, R14;                \
	MOVQ h+32(FP), AX

// func correlateRowsAVX2(y, x, w *float64, s *rowSweep, h, rows int, start float64)
//
//	DI   row of y                  R10  a column, or the distance of two vectors
//	SI   row of x, column −before  R11  s
//	DX   first weight              R12  columns of the kernel
//	R8   from behind a row of the  R13  from weight to weight
//	     kernel to the next        R14  weight
//	R9   from element to element   R15  x
//	BX   column                    AX   rows of the kernel left
//	Y11  start                     CX   columns of it left
//	Y14  dilation
TEXT ·correlateRowsAVX2(SB), NOSPLIT, $0-56
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ w+16(FP), DX
	MOVQ s+24(FP), R11
	VBROADCASTSD start+48(FP), Y11
	COLUMNS(rowSweep_in(R11), rowSweep_before(R11))
	VPBROADCASTQ rowSweep_dilation(R11), Y14
	MOVQ rowSweep_row(R11), R8
	MOVQ rowSweep_dilation(R11), R9
	MOVQ rowSweep_w(R11), R12
	MOVQ rowSweep_order(R11), R13
	SHLQ $3, R8
	SHLQ $3, R9
	SHLQ $3, R13

row:
	XORQ BX, BX

columns:
	CMPQ BX, rowSweep_left(R11)
	JLT  border
	MOVQ rowSweep_right(R11), R10
	SUBQ BX, R10
	CMPQ R10, $24
	JGE  six
	TESTQ R10, R10
	JGT  two
	CMPQ BX, rowSweep_n(R11)
	JLT  border
	MOVQ rowSweep_n(R11), AX
	LEAQ (DI)(AX*8), DI
	MOVQ rowSweep_down(R11), AX
	LEAQ (SI)(AX*8), SI
	DECQ rows+40(FP)
	JNZ  row
	VZEROUPPER
	RET

border: // four columns, of which some may meet padding
	MOVQ rowSweep_n(R11), R10
	SUBQ $4, R10
	CMPQ BX, R10
	CMOVQLT BX, R10
	VMOVQ R10, X8
	VPBROADCASTQ X8, Y8
	VPADDQ Y15, Y8, Y8
	VMOVAPD Y11, Y0
	START(R10)
borderRow:
	MOVQ R12, CX
	VMOVDQA Y8, Y9
borderElement:
	VPCMPGTQ Y9, Y13, Y1           // inside
	VMASKMOVPD (R15), Y1, Y2
	VBROADCASTSD (R14), Y3
	VBLENDVPD Y1, Y3, Y12, Y3
	VFMADD231PD Y2, Y3, Y0         // y = fma(w, x, y)
	VPADDQ Y14, Y9, Y9
	ELEMENT(borderElement, borderRow)
	VMOVUPD Y0, (DI)(R10*8)
	ADDQ $4, BX
	JMP  columns

six: // 24 columns
	VMOVAPD Y11, Y0
	VMOVAPD Y11, Y1
	VMOVAPD Y11, Y2
	VMOVAPD Y11, Y3
	VMOVAPD Y11, Y4
	VMOVAPD Y11, Y5
	START(BX)
sixRow:
	MOVQ R12, CX
sixElement:
	VBROADCASTSD (R14), Y6
	VFMADD231PD (R15), Y6, Y0
	VFMADD231PD 32(R15), Y6, Y1
	VFMADD231PD 64(R15), Y6, Y2
	VFMADD231PD 96(R15), Y6, Y3
	VFMADD231PD 128(R15), Y6, Y4
	VFMADD231PD 160(R15), Y6, Y5
	ELEMENT(sixElement, sixRow)
	LEAQ (DI)(BX*8), CX
	VMOVUPD Y0, (CX)
	VMOVUPD Y1, 32(CX)
	VMOVUPD Y2, 64(CX)
	VMOVUPD Y3, 96(CX)
	VMOVUPD Y4, 128(CX)
	VMOVUPD Y5, 160(CX)
	ADDQ $24, BX
	JMP  columns

two: // up to 8 columns, in two vectors that may overlap, R10 apart
	MOVQ rowSweep_right(R11), R10
	SUBQ $4, R10
	CMPQ BX, R10
	CMOVQGT R10, BX
	SUBQ BX, R10
	MOVQ $4, CX
	CMPQ R10, CX
	CMOVQGT CX, R10
	VMOVAPD Y11, Y0
	VMOVAPD Y11, Y1
	START(BX)
twoRow:
	MOVQ R12, CX
twoElement:
	VBROADCASTSD (R14), Y6
	VFMADD231PD (R15), Y6, Y0
	VFMADD231PD (R15)(R10*8), Y6, Y1
	ELEMENT(twoElement, twoRow)
	LEAQ (DI)(BX*8), CX
	VMOVUPD Y0, (CX)
	VMOVUPD Y1, (CX)(R10*8)
	LEAQ 4(BX)(R10*1), BX
	JMP  columns

// func chainRowsAVX2(z, d, x *float64, s *rowSweep, before, rows int)
//
// The lanes are four elements of a row of the kernel, side by side; sums of up to
// four rows are made at a time.
//
//	DI   row of dy                 R10  rows left
//	SI   row of x, column −before  R11  s
//	R8   from row to row of dy     BX   column
//	R9   from row to row of x      CX   columns that begin inside x,
//	R12  3·R8    R13  3·R9         DX   and the last of them
//	R14, R15  dy, x at the column
//	Y7   z    Y0 … Y3  sums of rows
TEXT ·chainRowsAVX2(SB), NOSPLIT, $0-48
	MOVQ z+0(FP), AX
	VMOVUPD (AX), Y7
	MOVQ d+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ s+24(FP), R11
	MOVQ rows+40(FP), R10
	COLUMNS(rowSweep_in(R11), before+32(FP))
	MOVQ before+32(FP), CX
	MOVQ rowSweep_in(R11), DX
	LEAQ -4(DX)(CX*1), DX
	MOVQ rowSweep_n(R11), R8
	MOVQ rowSweep_down(R11), R9
	SHLQ $3, R8
	SHLQ $3, R9
	LEAQ (R8)(R8*2), R12
	LEAQ (R9)(R9*2), R13
	SUBQ $4, R10
	JLT  oneRow

fourRows:
	MOVQ DI, R14
	MOVQ SI, R15
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VMOVDQA Y15, Y8
	XORQ BX, BX
fourColumns:
	CMPQ BX, CX
	JLT  fourBorder
	CMPQ BX, DX
	JGT  fourBorder
	VBROADCASTSD (R14), Y4
	VBROADCASTSD (R14)(R8*1), Y5
	VBROADCASTSD (R14)(R8*2), Y6
	VBROADCASTSD (R14)(R12*1), Y9
	VFMADD231PD (R15), Y4, Y0
	VFMADD231PD (R15)(R9*1), Y5, Y1
	VFMADD231PD (R15)(R9*2), Y6, Y2
	VFMADD231PD (R15)(R13*1), Y9, Y3
fourNext:
	ADDQ $8, R14
	ADDQ $8, R15
	INCQ BX
	CMPQ BX, rowSweep_n(R11)
	JLT  fourColumns
	VADDPD Y0, Y7, Y7              // z += the sums, in order of rows
	VADDPD Y1, Y7, Y7
	VADDPD Y2, Y7, Y7
	VADDPD Y3, Y7, Y7
	LEAQ (DI)(R8*4), DI
	LEAQ (SI)(R9*4), SI
	SUBQ $4, R10
	JGE  fourRows
	JMP  oneRow

fourBorder:
	VMOVQ BX, X8
	VPBROADCASTQ X8, Y8
	VPADDQ Y15, Y8, Y8
	VPCMPGTQ Y8, Y13, Y8           // inside
#define INSIDE(d, x, y) \
	VMASKMOVPD x, Y8, Y4;        \
	VBROADCASTSD d, Y5;          \
	VBLENDVPD Y8, Y5, Y12, Y5;   \
	VFMADD231PD Y4, Y5, y
	INSIDE((R14), (R15), Y0)
	INSIDE((R14)(R8*1), (R15)(R9*1), Y1)
	INSIDE((R14)(R8*2), (R15)(R9*2), Y2)
	INSIDE((R14)(R12*1), (R15)(R13*1), Y3)
	JMP  fourNext

oneRow:
	ADDQ $4, R10
	JEQ  done
row:
	MOVQ DI, R14
	MOVQ SI, R15
	VXORPD Y0, Y0, Y0
	XORQ BX, BX
column:
	VMOVQ BX, X8
	VPBROADCASTQ X8, Y8
	VPADDQ Y15, Y8, Y8
	VPCMPGTQ Y8, Y13, Y8
	INSIDE((R14), (R15), Y0)
	ADDQ $8, R14
	ADDQ $8, R15
	INCQ BX
	CMPQ BX, rowSweep_n(R11)
	JLT  column
	VADDPD Y0, Y7, Y7
	ADDQ R8, DI
	ADDQ R9, SI
	DECQ R10
	JNZ  row

done:
	MOVQ z+0(FP), AX
	VMOVUPD Y7, (AX)
	VZEROUPPER
	RET

// PART adds four products to lanes at i, or what is left of them: then the others
// are −0, as above.
#define PART(i, acc, end) \
	SUBQ $4, CX;                 \
	JLT  end;                    \
	VMOVUPD i(R14), Y8;          \
	VFMADD231PD i(R15), Y8, acc

#define REST(i, acc) \
	VMASKMOVPD i(R14), Y14, Y8;  \
	VMASKMOVPD i(R15), Y14, Y9;  \
	VBLENDVPD Y14, Y8, Y12, Y8;  \
	VFMADD231PD Y9, Y8, acc;     \
	JMP  tree

// func dotRowsAVX2(d *float64, ds int, x *float64, xs, rows, n int, sum float64) float64
//
//	DI, R8   row of dy, to the next    R10  rows left
//	SI, R9   row of x, to the next     CX   columns left
//	R14, R15 dy, x                     X11  sum
//	Y0 … Y7  the lanes of vdot         Y14  which of the last columns exist
TEXT ·dotRowsAVX2(SB), NOSPLIT, $0-64
	MOVQ d+0(FP), DI
	MOVQ ds+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ xs+24(FP), R9
	MOVQ rows+32(FP), R10
	MOVQ n+40(FP), CX
	VMOVSD sum+48(FP), X11
	SHLQ $3, R8
	SHLQ $3, R9
	VPCMPEQQ Y12, Y12, Y12
	VPSLLQ $63, Y12, Y12
	ANDQ $3, CX
	NEGQ CX
	LEAQ ·tailMask(SB), AX
	VMOVUPD 128(AX)(CX*8), Y14
row:
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7
	MOVQ DI, R14
	MOVQ SI, R15
	MOVQ n+40(FP), CX
	SUBQ $32, CX
lanes: // a[l] = fma(dy[l], x[l], a[l])
	VMOVUPD (R14), Y8
	VMOVUPD 32(R14), Y9
	VMOVUPD 64(R14), Y10
	VMOVUPD 96(R14), Y13
	VFMADD231PD (R15), Y8, Y0
	VFMADD231PD 32(R15), Y9, Y1
	VFMADD231PD 64(R15), Y10, Y2
	VFMADD231PD 96(R15), Y13, Y3
	VMOVUPD 128(R14), Y8
	VMOVUPD 160(R14), Y9
	VMOVUPD 192(R14), Y10
	VMOVUPD 224(R14), Y13
	VFMADD231PD 128(R15), Y8, Y4
	VFMADD231PD 160(R15), Y9, Y5
	VFMADD231PD 192(R15), Y10, Y6
	VFMADD231PD 224(R15), Y13, Y7
	ADDQ $256, R14
	ADDQ $256, R15
	SUBQ $32, CX
	JGE  lanes
	ADDQ $32, CX
	JEQ  tree
	PART(0, Y0, rest0)
	PART(32, Y1, rest1)
	PART(64, Y2, rest2)
	PART(96, Y3, rest3)
	PART(128, Y4, rest4)
	PART(160, Y5, rest5)
	PART(192, Y6, rest6)
rest7:
	REST(224, Y7)
rest6:
	REST(192, Y6)
rest5:
	REST(160, Y5)
rest4:
	REST(128, Y4)
rest3:
	REST(96, Y3)
rest2:
	REST(64, Y2)
rest1:
	REST(32, Y1)
rest0:
	REST(0, Y0)
tree: // the sum of laneTree
	VADDPD Y2, Y0, Y0
	VADDPD Y6, Y4, Y4
	VADDPD Y3, Y1, Y1
	VADDPD Y7, Y5, Y5
	VADDPD Y4, Y0, Y0
	VADDPD Y5, Y1, Y1
	VADDPD Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD X1, X0, X0
	VPERMILPD $1, X0, X1
	VADDSD X1, X0, X0
	VADDSD X0, X11, X11
	ADDQ R8, DI
	ADDQ R9, SI
	DECQ R10
	JNZ  row
	VMOVSD X11, ret+56(FP)
	VZEROUPPER
	RET
