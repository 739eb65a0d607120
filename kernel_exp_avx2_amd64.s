//go:build !purego

// The functions that need exp, for AVX2 and FMA. Each element is computed by exactly
// the operations of the Go loop.
//
// They are chains of some 30 instructions, most of which wait four cycles for the one
// before, and the processor looks ahead only so far. So four vectors take every step
// side by side.
//
//	DI       where results go
//	SI       the source
//	CX       elements left
//	R8       constants
//	Y0–Y3    x of 16 elements, then r
//	Y4–Y7    kf, then 2ᵏ
//	Y8–Y11   the polynomial, then the result
//	Y12–Y15  scratch

#include "textflag.h"
#include "go_asm.h"

// WITH is OP of a constant, A and B for each of four vectors, into B.
#define WITH(OP, C, A0, A1, A2, A3, B0, B1, B2, B3) \
	VMOVUPD C(R8), Y12  \
	OP      Y12, A0, B0 \
	OP      Y12, A1, B1 \
	OP      Y12, A2, B2 \
	OP      Y12, A3, B3

// CLAMP is OP, VMINPD or VMAXPD, of x and a constant. A NaN passes since it is the
// second source, Go's first.
#define CLAMP(OP, C) \
	VMOVUPD C(R8), Y12  \
	OP      Y0, Y12, Y0 \
	OP      Y1, Y12, Y1 \
	OP      Y2, Y12, Y2 \
	OP      Y3, Y12, Y3

// FMAQ: q = FMA(q, r, C).
#define FMAQ(C) WITH(VFMADD213PD, C, Y0, Y1, Y2, Y3, Y8, Y9, Y10, Y11)

// REDUCE: kf = FMA(x, log2e, shift), k = kf - shift; x becomes r;
// q = c11*r⁹ + … + c3*r + ½.
#define REDUCE \
	VMOVUPD     constants_log2e(R8), Y13 \
	VMOVUPD     constants_shift(R8), Y12 \
	VMOVAPD     Y12, Y4                  \
	VMOVAPD     Y12, Y5                  \
	VMOVAPD     Y12, Y6                  \
	VMOVAPD     Y12, Y7                  \
	VFMADD231PD Y13, Y0, Y4              \
	VFMADD231PD Y13, Y1, Y5              \
	VFMADD231PD Y13, Y2, Y6              \
	VFMADD231PD Y13, Y3, Y7              \
	VSUBPD      Y12, Y4, Y8              \
	VSUBPD      Y12, Y5, Y9              \
	VSUBPD      Y12, Y6, Y10             \
	VSUBPD      Y12, Y7, Y11             \
	WITH(VFNMADD231PD, constants_ln2hi, Y8, Y9, Y10, Y11, Y0, Y1, Y2, Y3) \
	WITH(VFNMADD231PD, constants_ln2lo, Y8, Y9, Y10, Y11, Y0, Y1, Y2, Y3) \
	VMOVUPD     constants_c11(R8), Y8    \
	VMOVAPD     Y8, Y9                   \
	VMOVAPD     Y8, Y10                  \
	VMOVAPD     Y8, Y11                  \
	FMAQ(constants_c10)                  \
	FMAQ(constants_c9)                   \
	FMAQ(constants_c8)                   \
	FMAQ(constants_c7)                   \
	FMAQ(constants_c6)                   \
	FMAQ(constants_c5)                   \
	FMAQ(constants_c4)                   \
	FMAQ(constants_c3)                   \
	FMAQ(constants_half)

// POWER: the numbers in A become 2 to them; Y0 is 1.
#define POWER(A0, A1, A2, A3) \
	VPSLLQ $52, A0, A0 \
	VPSLLQ $52, A1, A1 \
	VPSLLQ $52, A2, A2 \
	VPSLLQ $52, A3, A3 \
	VPADDQ Y0, A0, A0  \
	VPADDQ Y0, A1, A1  \
	VPADDQ Y0, A2, A2  \
	VPADDQ Y0, A3, A3

// TIMES: q *= A.
#define TIMES(A0, A1, A2, A3) \
	VMULPD A0, Y8, Y8   \
	VMULPD A1, Y9, Y9   \
	VMULPD A2, Y10, Y10 \
	VMULPD A3, Y11, Y11

// EXPQ: q = exp(x) for x up to expHi; Y0 is 1 then. What follows the polynomial is
// scale2, with its h in Y12–Y15.
#define EXPQ \
	CLAMP(VMAXPD, constants_expLo)     \
	REDUCE                             \
	FMAQ(constants_one)                \
	FMAQ(constants_one)                \
	VMOVUPD constants_one(R8), Y0      \
	VPSRLQ  $1, Y4, Y12                \
	VPSRLQ  $1, Y5, Y13                \
	VPSRLQ  $1, Y6, Y14                \
	VPSRLQ  $1, Y7, Y15                \
	VPSUBQ  Y12, Y4, Y4                \
	VPSUBQ  Y13, Y5, Y5                \
	VPSUBQ  Y14, Y6, Y6                \
	VPSUBQ  Y15, Y7, Y7                \
	POWER(Y12, Y13, Y14, Y15)          \
	TIMES(Y12, Y13, Y14, Y15)          \
	POWER(Y4, Y5, Y6, Y7)              \
	TIMES(Y4, Y5, Y6, Y7)

// LOAD: A = what is at P.
#define LOAD(P, A0, A1, A2, A3) \
	VMOVUPD (P), A0   \
	VMOVUPD 32(P), A1 \
	VMOVUPD 64(P), A2 \
	VMOVUPD 96(P), A3

#define STORE(A0, A1, A2, A3, P) \
	VMOVUPD A0, (P)   \
	VMOVUPD A1, 32(P) \
	VMOVUPD A2, 64(P) \
	VMOVUPD A3, 96(P)

// NEGATIVE: x = -|x| of what is at P.
#define NEGATIVE(P) \
	VMOVUPD constants_signBit(R8), Y12 \
	VORPD   (P), Y12, Y0               \
	VORPD   32(P), Y12, Y1             \
	VORPD   64(P), Y12, Y2             \
	VORPD   96(P), Y12, Y3

// Those from here to SOFTPLUS compute their function of what is at P into Y8–Y11.

#define EXP(P) \
	LOAD(P, Y0, Y1, Y2, Y3)        \
	CLAMP(VMINPD, constants_expHi) \
	EXPQ

#define SHIFTEXP(P) \
	VBROADCASTSD s+24(FP), Y12     \
	LOAD(P, Y0, Y1, Y2, Y3)        \
	VADDPD Y12, Y0, Y0             \
	VADDPD Y12, Y1, Y1             \
	VADDPD Y12, Y2, Y2             \
	VADDPD Y12, Y3, Y3             \
	CLAMP(VMINPD, constants_expHi) \
	EXPQ

// SIGMOID: e = exp(-|x|); (e if x is negative else 1) / (1 + e).
#define SIGMOID(P) \
	NEGATIVE(P)                   \
	EXPQ                          \
	VADDPD Y0, Y8, Y12            \
	VADDPD Y0, Y9, Y13            \
	VADDPD Y0, Y10, Y14           \
	VADDPD Y0, Y11, Y15           \
	LOAD(P, Y4, Y5, Y6, Y7)       \
	VBLENDVPD Y4, Y8, Y0, Y8      \
	VBLENDVPD Y5, Y9, Y0, Y9      \
	VBLENDVPD Y6, Y10, Y0, Y10    \
	VBLENDVPD Y7, Y11, Y0, Y11    \
	VDIVPD Y12, Y8, Y8            \
	VDIVPD Y13, Y9, Y9            \
	VDIVPD Y14, Y10, Y10          \
	VDIVPD Y15, Y11, Y11

// TANH: y = max(-2|x|, -40), r and q of it, s = 2ᵏ, p = FMA(r*r, q, r);
// FMA(s, p, s-1) / FMA(s, p, s+1) with the sign of x.
#define TANH(P) \
	NEGATIVE(P)                         \
	VADDPD      Y0, Y0, Y0              \
	VADDPD      Y1, Y1, Y1              \
	VADDPD      Y2, Y2, Y2              \
	VADDPD      Y3, Y3, Y3              \
	CLAMP(VMAXPD, constants_tanhLo)     \
	REDUCE                              \
	VMULPD      Y0, Y0, Y12             \
	VMULPD      Y1, Y1, Y13             \
	VMULPD      Y2, Y2, Y14             \
	VMULPD      Y3, Y3, Y15             \
	VFMADD213PD Y0, Y12, Y8             \ // Y8–Y11 = p
	VFMADD213PD Y1, Y13, Y9             \
	VFMADD213PD Y2, Y14, Y10            \
	VFMADD213PD Y3, Y15, Y11            \
	VMOVUPD     constants_one(R8), Y0   \
	POWER(Y4, Y5, Y6, Y7)               \ // Y4–Y7 = s
	VSUBPD      Y0, Y4, Y12             \
	VSUBPD      Y0, Y5, Y13             \
	VSUBPD      Y0, Y6, Y14             \
	VSUBPD      Y0, Y7, Y15             \
	VADDPD      Y0, Y5, Y1              \
	VADDPD      Y0, Y6, Y2              \
	VADDPD      Y0, Y7, Y3              \
	VADDPD      Y0, Y4, Y0              \
	VFMADD231PD Y8, Y4, Y12             \
	VFMADD231PD Y9, Y5, Y13             \
	VFMADD231PD Y10, Y6, Y14            \
	VFMADD231PD Y11, Y7, Y15            \
	VFMADD231PD Y8, Y4, Y0              \
	VFMADD231PD Y9, Y5, Y1              \
	VFMADD231PD Y10, Y6, Y2             \
	VFMADD231PD Y11, Y7, Y3             \
	VDIVPD      Y0, Y12, Y12            \
	VDIVPD      Y1, Y13, Y13            \
	VDIVPD      Y2, Y14, Y14            \
	VDIVPD      Y3, Y15, Y15            \
	VMOVUPD     constants_signBit(R8), Y0 \
	VANDPD      (P), Y0, Y4             \
	VANDPD      32(P), Y0, Y5           \
	VANDPD      64(P), Y0, Y6           \
	VANDPD      96(P), Y0, Y7           \
	VANDNPD     Y12, Y0, Y8             \
	VANDNPD     Y13, Y0, Y9             \
	VANDNPD     Y14, Y0, Y10            \
	VANDNPD     Y15, Y0, Y11            \
	VORPD       Y4, Y8, Y8              \
	VORPD       Y5, Y9, Y9              \
	VORPD       Y6, Y10, Y10            \
	VORPD       Y7, Y11, Y11

// FMAP: p = FMA(p, z, C).
#define FMAP(C) \
	VFMADD213PD C(R8), Y0, Y12 \
	VFMADD213PD C(R8), Y1, Y13 \
	VFMADD213PD C(R8), Y2, Y14 \
	VFMADD213PD C(R8), Y3, Y15

// PLUS: q, plus x of the vector at I(P) if that is positive.
#define PLUS(I, P, Q) \
	VMOVUPD   I(P), Y0                            \
	VADDPD    Q, Y0, Y1                           \
	VCMPPD    $0x1e, constants_zero(R8), Y0, Y0   \ // x > 0
	VBLENDVPD Y0, Y1, Q, Q

// SOFTPLUS: e = exp(-|x|), s = e/(2+e), z = s*s; e - s*(e - 2z*p(z)), plus x if that
// is positive.
#define SOFTPLUS(P) \
	NEGATIVE(P)                          \
	EXPQ                                 \
	VMOVUPD      constants_two(R8), Y12  \
	VADDPD       Y12, Y8, Y4             \
	VADDPD       Y12, Y9, Y5             \
	VADDPD       Y12, Y10, Y6            \
	VADDPD       Y12, Y11, Y7            \
	VDIVPD       Y4, Y8, Y4              \ // Y4–Y7 = s
	VDIVPD       Y5, Y9, Y5              \
	VDIVPD       Y6, Y10, Y6             \
	VDIVPD       Y7, Y11, Y7             \
	VMULPD       Y4, Y4, Y0              \ // Y0–Y3 = z
	VMULPD       Y5, Y5, Y1              \
	VMULPD       Y6, Y6, Y2              \
	VMULPD       Y7, Y7, Y3              \
	VMOVUPD      constants_lp10(R8), Y12 \
	VMOVAPD      Y12, Y13                \
	VMOVAPD      Y12, Y14                \
	VMOVAPD      Y12, Y15                \
	FMAP(constants_lp9)                  \
	FMAP(constants_lp8)                  \
	FMAP(constants_lp7)                  \
	FMAP(constants_lp6)                  \
	FMAP(constants_lp5)                  \
	FMAP(constants_lp4)                  \
	FMAP(constants_lp3)                  \
	FMAP(constants_lp2)                  \
	FMAP(constants_lp1)                  \
	FMAP(constants_lp0)                  \
	VADDPD       Y0, Y0, Y0              \
	VADDPD       Y1, Y1, Y1              \
	VADDPD       Y2, Y2, Y2              \
	VADDPD       Y3, Y3, Y3              \
	VFNMADD213PD Y8, Y0, Y12             \ // Y12–Y15 = e - 2z*p
	VFNMADD213PD Y9, Y1, Y13             \
	VFNMADD213PD Y10, Y2, Y14            \
	VFNMADD213PD Y11, Y3, Y15            \
	VFNMADD231PD Y12, Y4, Y8             \
	VFNMADD231PD Y13, Y5, Y9             \
	VFNMADD231PD Y14, Y6, Y10            \
	VFNMADD231PD Y15, Y7, Y11            \
	PLUS(0, P, Y8)                       \
	PLUS(32, P, Y9)                      \
	PLUS(64, P, Y10)                     \
	PLUS(96, P, Y11)

// EACH sets CX elements at DI to F of those at SI. The last, fewer than 16, pass through
// last, which is on the stack, with zeros behind them. Masked stores take long: there is
// one at most.
#define EACH(F) \
	LEAQ       ·vectors(SB), R8     \
	SUBQ       $16, CX              \
	JLT        tail                 \
	PCALIGN    $32                  \
loop:                               \
	F(SI)                           \
	STORE(Y8, Y9, Y10, Y11, DI)     \
	ADDQ       $128, SI             \
	ADDQ       $128, DI             \
	SUBQ       $16, CX              \
	JGE        loop                 \
tail:                               \
	ADDQ       $16, CX              \
	JEQ        done                 \
	NEGQ       CX                   \
	LEAQ       ·tailMask+128(SB), AX \
	VMOVUPD    (AX)(CX*8), Y12      \
	VMOVUPD    32(AX)(CX*8), Y13    \
	VMOVUPD    64(AX)(CX*8), Y14    \
	VMOVUPD    96(AX)(CX*8), Y15    \
	VMASKMOVPD (SI), Y12, Y0        \
	VMASKMOVPD 32(SI), Y13, Y1      \
	VMASKMOVPD 64(SI), Y14, Y2      \
	VMASKMOVPD 96(SI), Y15, Y3      \
	LEAQ       last-128(SP), BX     \
	STORE(Y0, Y1, Y2, Y3, BX)       \
	F(BX)                           \
	NEGQ       CX                   \
	TESTQ      $8, CX               \
	JEQ        four                 \
	VMOVUPD    Y8, (DI)             \
	VMOVUPD    Y9, 32(DI)           \
	VMOVAPD    Y10, Y8              \
	VMOVAPD    Y11, Y9              \
	ADDQ       $64, DI              \
four:                               \
	TESTQ      $4, CX               \
	JEQ        one                  \
	VMOVUPD    Y8, (DI)             \
	VMOVAPD    Y9, Y8               \
	ADDQ       $32, DI              \
one:                                \
	ANDQ       $3, CX               \
	JEQ        done                 \
	NEGQ       CX                   \
	VMOVUPD    (AX)(CX*8), Y12      \
	VMASKMOVPD Y8, Y12, (DI)        \
done:                               \
	VZEROUPPER

// func vexpAVX2(y, x []float64)
TEXT ·vexpAVX2(SB), NOSPLIT, $128-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EACH(EXP)
	RET

// func vexpShiftAVX2(y []float64, s float64, x []float64)
TEXT ·vexpShiftAVX2(SB), NOSPLIT, $128-56
	MOVQ y_base+0(FP), DI
	MOVQ x_base+32(FP), SI
	MOVQ x_len+40(FP), CX
	EACH(SHIFTEXP)
	RET

// func vsigmoidAVX2(y, x []float64)
TEXT ·vsigmoidAVX2(SB), NOSPLIT, $128-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EACH(SIGMOID)
	RET

// func vtanhAVX2(y, x []float64)
TEXT ·vtanhAVX2(SB), NOSPLIT, $128-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EACH(TANH)
	RET

// func vsoftplusAVX2(y, x []float64)
TEXT ·vsoftplusAVX2(SB), NOSPLIT, $128-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EACH(SOFTPLUS)
	RET

// BIASED adds what is at B to what is at P.
#define BIASED(P, B) \
	LOAD(P, Y0, Y1, Y2, Y3)   \
	VADDPD (B), Y0, Y0        \
	VADDPD 32(B), Y1, Y1      \
	VADDPD 64(B), Y2, Y2      \
	VADDPD 96(B), Y3, Y3      \
	STORE(Y0, Y1, Y2, Y3, P)

// func lstmAheadAVX2(z, sums, bias *float64, zs int, before, c, h *float64, n int)
//
// lstmAhead for n units, a positive multiple of 16, with gates zs apart.
//
//	DI, SI, BX    z, sums, bias     R9, R10, R11  before, c, h
//	R12, R13, AX  those of a gate   DX            zs in bytes
TEXT ·lstmAheadAVX2(SB), NOSPLIT, $0-64
	MOVQ z+0(FP), DI
	MOVQ sums+8(FP), SI
	MOVQ bias+16(FP), BX
	MOVQ zs+24(FP), DX
	MOVQ before+32(FP), R9
	MOVQ c+40(FP), R10
	MOVQ h+48(FP), R11
	MOVQ n+56(FP), CX
	SHLQ $3, DX
	LEAQ ·vectors(SB), R8
	PCALIGN $32
loop:
	MOVQ DI, R12
	MOVQ SI, R13
	MOVQ BX, AX
	BIASED(R13, AX)
	SIGMOID(R13)
	STORE(Y8, Y9, Y10, Y11, R12) // i
	ADDQ DX, R12
	ADDQ DX, R13
	ADDQ DX, AX
	BIASED(R13, AX)
	SIGMOID(R13)
	STORE(Y8, Y9, Y10, Y11, R12) // f
	ADDQ DX, R12
	ADDQ DX, R13
	ADDQ DX, AX
	BIASED(R13, AX)
	TANH(R13)
	STORE(Y8, Y9, Y10, Y11, R12) // g

	// c = FMA(f, before, i*g)
	LOAD(DI, Y0, Y1, Y2, Y3)
	TIMES(Y0, Y1, Y2, Y3)
	SUBQ DX, R12
	LOAD(R12, Y0, Y1, Y2, Y3)
	VFMADD231PD (R9), Y0, Y8
	VFMADD231PD 32(R9), Y1, Y9
	VFMADD231PD 64(R9), Y2, Y10
	VFMADD231PD 96(R9), Y3, Y11
	STORE(Y8, Y9, Y10, Y11, R10)

	LEAQ (R12)(DX*2), R12
	ADDQ DX, R13
	ADDQ DX, AX
	BIASED(R13, AX)
	SIGMOID(R13)
	STORE(Y8, Y9, Y10, Y11, R12) // o
	TANH(R10)
	LOAD(R12, Y0, Y1, Y2, Y3)
	TIMES(Y0, Y1, Y2, Y3)
	STORE(Y8, Y9, Y10, Y11, R11) // h = o*tanh(c)

	ADDQ $128, DI
	ADDQ $128, SI
	ADDQ $128, BX
	ADDQ $128, R9
	ADDQ $128, R10
	ADDQ $128, R11
	SUBQ $16, CX
	JG   loop
	VZEROUPPER
	RET
