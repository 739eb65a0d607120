//go:build !purego

// The hottest kernels for NEON: vectors of two. Each element is computed by
// exactly the operations of the Go loop, so that only the speed differs.
//
//	R0       where results go
//	R1 R5    the first, second source
//	R2       vectors, or blocks of 32 elements, left
//	R3       constants
//	V0–V7    x of two elements, and what is computed from it
//	V13–V31  constants

#include "textflag.h"
#include "go_asm.h"

// The assembler has VFMLA and VFMLS, but not the plain arithmetic of vectors.
#define FADD2(d, n, m) WORD $(0x4E60D400 | ((m)<<16) | ((n)<<5) | (d)) // d = n + m
#define FSUB2(d, n, m) WORD $(0x4EE0D400 | ((m)<<16) | ((n)<<5) | (d)) // d = n - m
#define FMUL2(d, n, m) WORD $(0x6E60DC00 | ((m)<<16) | ((n)<<5) | (d)) // d = n * m
#define FDIV2(d, n, m) WORD $(0x6E60FC00 | ((m)<<16) | ((n)<<5) | (d)) // d = n / m
#define FMAX2(d, n, m) WORD $(0x4E60F400 | ((m)<<16) | ((n)<<5) | (d)) // d = max(n, m)
#define FMIN2(d, n, m) WORD $(0x4EE0F400 | ((m)<<16) | ((n)<<5) | (d)) // d = min(n, m)
#define LESS0(d, n)    WORD $(0x4EE0A800 | ((n)<<5) | (d))             // d = all ones if the sign of n is set

#define CONSTANT(NAME, V) \
	ADD  $NAME, R3, R4   \
	VLD1 (R4), [V.D2]

// EACH applies F to R2 vectors: V0 of x becomes V0 of z.
#define EACH(F) \
	CBZ    R2, done        \
loop:                      \
	VLD1.P 16(R1), [V0.D2] \
	F                      \
	VST1.P [V0.D2], 16(R0) \
	SUBS   $1, R2          \
	BNE    loop            \
done:

#define EXPCONSTANTS \
	MOVD $·vectors(SB), R3          \
	CONSTANT(constants_expHi, V16) \
	CONSTANT(constants_expLo, V17) \
	CONSTANT(constants_log2e, V18) \
	CONSTANT(constants_shift, V19) \
	CONSTANT(constants_ln2hi, V20) \
	CONSTANT(constants_ln2lo, V21) \
	CONSTANT(constants_c11, V22) \
	CONSTANT(constants_c10, V23) \
	CONSTANT(constants_c9, V24) \
	CONSTANT(constants_c8, V25) \
	CONSTANT(constants_c7, V26) \
	CONSTANT(constants_c6, V27) \
	CONSTANT(constants_c5, V28) \
	CONSTANT(constants_c4, V29) \
	CONSTANT(constants_c3, V30) \
	CONSTANT(constants_half, V31) \
	CONSTANT(constants_one, V15) \
	CONSTANT(constants_signBit, V14)

// REDUCE: V1 = kf = FMA(x, log2e, shift); k = kf - shift; V0 becomes r.
#define REDUCE \
	VMOV  V19.B16, V1.B16        \
	VFMLA V18.D2, V0.D2, V1.D2   \
	FSUB2(4, 1, 19)              \
	VFMLS V20.D2, V4.D2, V0.D2   \
	VFMLS V21.D2, V4.D2, V0.D2

// HORNER: V2 = FMA(V2, r, C).
#define HORNER(C) \
	VMOV  C.B16, V3.B16        \
	VFMLA V2.D2, V0.D2, V3.D2  \
	VMOV  V3.B16, V2.B16

// POLYNOMIAL: V2 = c11*r⁹ + … + c3*r + ½.
#define POLYNOMIAL \
	VMOV V22.B16, V2.B16 \
	HORNER(V23) \
	HORNER(V24) \
	HORNER(V25) \
	HORNER(V26) \
	HORNER(V27) \
	HORNER(V28) \
	HORNER(V29) \
	HORNER(V30) \
	HORNER(V31)

// EXP: V0 = exp(x). What follows the polynomial is scale2.
#define EXP \
	FMIN2(0, 0, 16)             \
	FMAX2(0, 0, 17)             \
	REDUCE                      \
	POLYNOMIAL                  \
	HORNER(V15)                 \
	HORNER(V15)                 \
	VUSHR $1, V1.D2, V4.D2      \ // V4 = h
	VSUB  V4.D2, V1.D2, V1.D2   \ // V1 = b - h
	VSHL  $52, V4.D2, V4.D2     \
	VSHL  $52, V1.D2, V1.D2     \
	VADD  V15.D2, V4.D2, V4.D2  \
	VADD  V15.D2, V1.D2, V1.D2  \
	FMUL2(2, 2, 4)              \
	FMUL2(0, 2, 1)

#define SHIFTEXP \
	FADD2(0, 0, 13) \
	EXP

// SIGMOID: e = exp(-|x|); V0 = (e if x is negative else 1) / (1 + e).
#define SIGMOID \
	LESS0(5, 0)                   \
	VORR V14.B16, V0.B16, V0.B16  \
	EXP                           \
	FADD2(3, 15, 0)               \
	VMOV V15.B16, V4.B16          \
	VBIT V5.B16, V0.B16, V4.B16   \
	FDIV2(0, 4, 3)

// TANH: y = max(-2|x|, -40), r and q of it, s = 2ᵏ, p = FMA(r*r, q, r);
// V0 = FMA(s, p, s-1) / FMA(s, p, s+1) with the sign of x. V17 holds -40.
#define TANH \
	VMOV  V0.B16, V5.B16          \
	VORR  V14.B16, V0.B16, V0.B16 \
	FADD2(0, 0, 0)                \
	FMAX2(0, 0, 17)               \
	REDUCE                        \
	POLYNOMIAL                    \
	FMUL2(4, 0, 0)                \
	VFMLA V2.D2, V4.D2, V0.D2     \ // V0 = p
	VSHL  $52, V1.D2, V1.D2       \
	VADD  V15.D2, V1.D2, V1.D2    \ // V1 = s
	FSUB2(4, 1, 15)               \
	FADD2(6, 1, 15)               \
	VFMLA V0.D2, V1.D2, V4.D2     \
	VFMLA V0.D2, V1.D2, V6.D2     \
	FDIV2(0, 4, 6)                \
	VBIT  V14.B16, V5.B16, V0.B16

// func vexpNEON(y, x []float64)
TEXT ·vexpNEON(SB), NOSPLIT, $0-48
	MOVD y_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R2
	LSR  $1, R2
	EXPCONSTANTS
	EACH(EXP)
	RET

// func vexpShiftNEON(y []float64, s float64, x []float64)
TEXT ·vexpShiftNEON(SB), NOSPLIT, $0-56
	MOVD y_base+0(FP), R0
	MOVD s+24(FP), R4
	VDUP R4, V13.D2
	MOVD x_base+32(FP), R1
	MOVD x_len+40(FP), R2
	LSR  $1, R2
	EXPCONSTANTS
	EACH(SHIFTEXP)
	RET

// func vsigmoidNEON(y, x []float64)
TEXT ·vsigmoidNEON(SB), NOSPLIT, $0-48
	MOVD y_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R2
	LSR  $1, R2
	EXPCONSTANTS
	EACH(SIGMOID)
	RET

// func vtanhNEON(y, x []float64)
TEXT ·vtanhNEON(SB), NOSPLIT, $0-48
	MOVD y_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R2
	LSR  $1, R2
	EXPCONSTANTS
	CONSTANT(constants_tanhLo, V17)
	EACH(TANH)
	RET

// The lanes l = 0 … 31, two each in V0 … V15, from *a in R0 and back.
#define LOADLANES \
	MOVD   R0, R4                                      \
	VLD1.P 64(R4), [V0.D2, V1.D2, V2.D2, V3.D2]        \
	VLD1.P 64(R4), [V4.D2, V5.D2, V6.D2, V7.D2]        \
	VLD1.P 64(R4), [V8.D2, V9.D2, V10.D2, V11.D2]      \
	VLD1.P 64(R4), [V12.D2, V13.D2, V14.D2, V15.D2]

#define STORELANES \
	VST1.P [V0.D2, V1.D2, V2.D2, V3.D2], 64(R0)        \
	VST1.P [V4.D2, V5.D2, V6.D2, V7.D2], 64(R0)        \
	VST1.P [V8.D2, V9.D2, V10.D2, V11.D2], 64(R0)      \
	VST1.P [V12.D2, V13.D2, V14.D2, V15.D2], 64(R0)

// func vsumNEON(a *[lanes]float64, x []float64)
TEXT ·vsumNEON(SB), NOSPLIT, $0-32
	MOVD a+0(FP), R0
	MOVD x_base+8(FP), R1
	MOVD x_len+16(FP), R2
	LSR  $5, R2
	LOADLANES
	CBZ  R2, done

loop:
	// a[l] += x[i+l] for l from 0 to 31
	VLD1.P 64(R1), [V16.D2, V17.D2, V18.D2, V19.D2]
	VLD1.P 64(R1), [V20.D2, V21.D2, V22.D2, V23.D2]
	VLD1.P 64(R1), [V24.D2, V25.D2, V26.D2, V27.D2]
	VLD1.P 64(R1), [V28.D2, V29.D2, V30.D2, V31.D2]
	FADD2(0, 0, 16)
	FADD2(1, 1, 17)
	FADD2(2, 2, 18)
	FADD2(3, 3, 19)
	FADD2(4, 4, 20)
	FADD2(5, 5, 21)
	FADD2(6, 6, 22)
	FADD2(7, 7, 23)
	FADD2(8, 8, 24)
	FADD2(9, 9, 25)
	FADD2(10, 10, 26)
	FADD2(11, 11, 27)
	FADD2(12, 12, 28)
	FADD2(13, 13, 29)
	FADD2(14, 14, 30)
	FADD2(15, 15, 31)
	SUBS   $1, R2
	BNE    loop

done:
	STORELANES
	RET

// func vdotNEON(a *[lanes]float64, x, y []float64)
TEXT ·vdotNEON(SB), NOSPLIT, $0-56
	MOVD a+0(FP), R0
	MOVD x_base+8(FP), R1
	MOVD x_len+16(FP), R2
	MOVD y_base+32(FP), R5
	LSR  $5, R2
	LOADLANES
	CBZ  R2, done

loop:
	// a[l] = FMA(x[i+l], y[i+l], a[l]) for l from 0 to 31
	VLD1.P 64(R1), [V16.D2, V17.D2, V18.D2, V19.D2]
	VLD1.P 64(R5), [V20.D2, V21.D2, V22.D2, V23.D2]
	VFMLA  V16.D2, V20.D2, V0.D2
	VFMLA  V17.D2, V21.D2, V1.D2
	VFMLA  V18.D2, V22.D2, V2.D2
	VFMLA  V19.D2, V23.D2, V3.D2
	VLD1.P 64(R1), [V16.D2, V17.D2, V18.D2, V19.D2]
	VLD1.P 64(R5), [V20.D2, V21.D2, V22.D2, V23.D2]
	VFMLA  V16.D2, V20.D2, V4.D2
	VFMLA  V17.D2, V21.D2, V5.D2
	VFMLA  V18.D2, V22.D2, V6.D2
	VFMLA  V19.D2, V23.D2, V7.D2
	VLD1.P 64(R1), [V16.D2, V17.D2, V18.D2, V19.D2]
	VLD1.P 64(R5), [V20.D2, V21.D2, V22.D2, V23.D2]
	VFMLA  V16.D2, V20.D2, V8.D2
	VFMLA  V17.D2, V21.D2, V9.D2
	VFMLA  V18.D2, V22.D2, V10.D2
	VFMLA  V19.D2, V23.D2, V11.D2
	VLD1.P 64(R1), [V16.D2, V17.D2, V18.D2, V19.D2]
	VLD1.P 64(R5), [V20.D2, V21.D2, V22.D2, V23.D2]
	VFMLA  V16.D2, V20.D2, V12.D2
	VFMLA  V17.D2, V21.D2, V13.D2
	VFMLA  V18.D2, V22.D2, V14.D2
	VFMLA  V19.D2, V23.D2, V15.D2
	SUBS   $1, R2
	BNE    loop

done:
	STORELANES
	RET
