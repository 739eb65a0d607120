//go:build !purego

#include "textflag.h"

// A tile of 4 rows by four vectors of 2 columns: what the loops of
// gemm_avx512_amd64.s say, with the 32 sums in V0 to V15. VFMLA rounds once, as
// math.FMA does.
//
// Registers, strides in bytes:
//
//	R0–R3    rows of A, at p     R11, R12  tile of A, of C
//	R4       B at p              R13       rsa
//	R5       C                   R6        csa
//	R7       rsb                 R8        ldc
//	R9       steps left          R10       rows left
//	V16–V19  a row of B          V20–V23   elements of A

// s[i] += a[i,p]·b[p]
#define ROW(a, t, w,x,y,z) \
	VLD1R (a), [t.D2]; \
	ADD R6, a; \
	VFMLA t.D2, V16.D2, w.D2; \
	VFMLA t.D2, V17.D2, x.D2; \
	VFMLA t.D2, V18.D2, y.D2; \
	VFMLA t.D2, V19.D2, z.D2

#define ZERO(x) VEOR x.B16, x.B16, x.B16

// func tile8NEON(a *float64, rsa, csa int, b *float64, rsb int, c *float64, ldc, k, m, acc int)
TEXT ·tile8NEON(SB), NOSPLIT, $0-80
	MOVD a+0(FP), R11
	MOVD rsa+8(FP), R13
	MOVD csa+16(FP), R6
	MOVD rsb+32(FP), R7
	MOVD c+40(FP), R12
	MOVD ldc+48(FP), R8
	MOVD m+64(FP), R10
	LSL  $3, R13
	LSL  $3, R6
	LSL  $3, R7
	LSL  $3, R8
tile:
	MOVD R11, R0
	ADD  R13, R0, R1
	ADD  R13, R1, R2
	ADD  R13, R2, R3
	MOVD b+24(FP), R4
	MOVD k+56(FP), R9
	MOVD acc+72(FP), R14
	CBZ  R14, zero
	MOVD R12, R5
	VLD1 (R5), [V0.D2, V1.D2, V2.D2, V3.D2]
	ADD  R8, R5
	VLD1 (R5), [V4.D2, V5.D2, V6.D2, V7.D2]
	ADD  R8, R5
	VLD1 (R5), [V8.D2, V9.D2, V10.D2, V11.D2]
	ADD  R8, R5
	VLD1 (R5), [V12.D2, V13.D2, V14.D2, V15.D2]
loop:
	VLD1 (R4), [V16.D2, V17.D2, V18.D2, V19.D2]
	ADD  R7, R4
	ROW(R0, V20, V0, V1, V2, V3)
	ROW(R1, V21, V4, V5, V6, V7)
	ROW(R2, V22, V8, V9, V10, V11)
	ROW(R3, V23, V12, V13, V14, V15)
	SUBS $1, R9
	BNE  loop
	MOVD R12, R5
	VST1 [V0.D2, V1.D2, V2.D2, V3.D2], (R5)
	ADD  R8, R5
	VST1 [V4.D2, V5.D2, V6.D2, V7.D2], (R5)
	ADD  R8, R5
	VST1 [V8.D2, V9.D2, V10.D2, V11.D2], (R5)
	ADD  R8, R5
	VST1 [V12.D2, V13.D2, V14.D2, V15.D2], (R5)
	ADD  R13<<2, R11
	ADD  R8<<2, R12
	SUBS $4, R10
	BGT  tile
	RET
zero:
	ZERO(V0)
	ZERO(V1)
	ZERO(V2)
	ZERO(V3)
	ZERO(V4)
	ZERO(V5)
	ZERO(V6)
	ZERO(V7)
	ZERO(V8)
	ZERO(V9)
	ZERO(V10)
	ZERO(V11)
	ZERO(V12)
	ZERO(V13)
	ZERO(V14)
	ZERO(V15)
	B    loop
