//go:build !purego

#include "textflag.h"

// Parts of planes with AVX2. Rows are short and many, so no row ends with a masked
// store: on some processors that takes as long as a dozen others.
//
//	DI, R8   z at a row, zs in bytes    R10  rows left
//	SI, R9   x at a row, xs in bytes    R11  values in a row, less 4
//	CX       values done

#define ARGS \
	MOVQ z+0(FP), DI;     \
	MOVQ zs+8(FP), R8;    \
	MOVQ x+16(FP), SI;    \
	MOVQ xs+24(FP), R9;   \
	MOVQ rows+32(FP), R10; \
	MOVQ n+40(FP), R11;   \
	SHLQ $3, R8;          \
	SHLQ $3, R9

#define ONWARD ADDQ R8, DI; ADDQ R9, SI; DECQ R10

// func copyRowsAVX2(z *float64, zs int, x *float64, xs, rows, n int)
TEXT ·copyRowsAVX2(SB), NOSPLIT, $0-48
	ARGS
	SUBQ $4, R11
	CMPQ R11, $4
	JLE  upTo8
	CMPQ R11, $8
	JLE  upTo12
row:
	XORQ CX, CX
vector: // z[j] = x[j], for all but the last 1 to 4 j
	VMOVUPD (SI)(CX*8), Y0
	VMOVUPD Y0, (DI)(CX*8)
	ADDQ $4, CX
	CMPQ CX, R11
	JLT  vector
	VMOVUPD (SI)(R11*8), Y0 // the last 4, of which some have been done
	VMOVUPD Y0, (DI)(R11*8)
	ONWARD
	JNZ  row
	VZEROUPPER
	RET

upTo8: // the first 4 and the last 4
	VMOVUPD (SI), Y0
	VMOVUPD (SI)(R11*8), Y1
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, (DI)(R11*8)
	ONWARD
	JNZ  upTo8
	VZEROUPPER
	RET

upTo12: // the first 8 and the last 4
	VMOVUPD (SI), Y0
	VMOVUPD 32(SI), Y1
	VMOVUPD (SI)(R11*8), Y2
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, (DI)(R11*8)
	ONWARD
	JNZ  upTo12
	VZEROUPPER
	RET

// y = z[j] + x[j], and z[j] = y. Of the last 4 j of a row some may be among others;
// all of z is read before any of it is written, so they become the same twice.
#define SUM(at, y) VMOVUPD (DI)at, y; VADDPD (SI)at, y, y
#define PUT(at, y) VMOVUPD y, (DI)at

// func addRowsAVX2(z *float64, zs int, x *float64, xs, rows, n int)
TEXT ·addRowsAVX2(SB), NOSPLIT, $0-48
	ARGS
	SUBQ $4, R11
	CMPQ R11, $4
	JLE  upTo8
	CMPQ R11, $8
	JLE  upTo12
row:
	SUM((R11*8), Y1)
	XORQ CX, CX
vector:
	SUM((CX*8), Y0)
	PUT((CX*8), Y0)
	ADDQ $4, CX
	CMPQ CX, R11
	JLT  vector
	PUT((R11*8), Y1)
	ONWARD
	JNZ  row
	VZEROUPPER
	RET

upTo8:
	VMOVUPD (DI), Y0
	VADDPD (SI), Y0, Y0
	SUM((R11*8), Y1)
	VMOVUPD Y0, (DI)
	PUT((R11*8), Y1)
	ONWARD
	JNZ  upTo8
	VZEROUPPER
	RET

upTo12:
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y2
	SUM((R11*8), Y1)
	VADDPD (SI), Y0, Y0
	VADDPD 32(SI), Y2, Y2
	VMOVUPD Y0, (DI)
	VMOVUPD Y2, 32(DI)
	PUT((R11*8), Y1)
	ONWARD
	JNZ  upTo12
	VZEROUPPER
	RET

// func fillAVX2(z []float64, v float64)
TEXT ·fillAVX2(SB), NOSPLIT, $0-32
	MOVQ z_base+0(FP), DI
	MOVQ z_len+8(FP), R11
	VBROADCASTSD v+24(FP), Y0
	SUBQ $4, R11
	XORQ CX, CX
	CMPQ CX, R11
	JGE  last
vector: // z[i] = v
	VMOVUPD Y0, (DI)(CX*8)
	ADDQ $4, CX
	CMPQ CX, R11
	JLT  vector
last:
	VMOVUPD Y0, (DI)(R11*8)
	VZEROUPPER
	RET

// func prefetchLines(x *float64, n int)
TEXT ·prefetchLines(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
line:
	PREFETCHT0 (SI)
	ADDQ       $64, SI
	SUBQ       $8, CX
	JG         line
	RET
