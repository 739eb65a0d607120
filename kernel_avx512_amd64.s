//go:build !purego

// The kernels for AVX-512: vectors of eight. Each element is computed by exactly
// the operations of the Go loop, so that only the speed differs.
//
//	DI       where results go
//	SI BX DX the first, second, third source
//	CX       elements left
//	R8       constants
//	Z0–Z6    x of eight elements, and what is computed from it
//	Z7–Z13   the same for the next eight
//	Z14–Z31  constants
//	K1 K2    masks in functions
//	K6 K7    which of the last 16 elements exist

#include "textflag.h"
#include "go_asm.h"

// LAST16 sets K6 and K7 for the CX < 16 elements that are left.
#define LAST16 \
	MOVQ     $-1, AX    \
	SHLQ     CX, AX     \
	NOTQ     AX         \
	KMOVW    AX, K6     \
	KSHIFTRW $8, K6, K7

// EACH applies F to n = CX elements, 16 at a time: z[i] = F(x[i]). F(X, A, …, G, M)
// computes its result from X into X and may use A … G and the mask M.
#define EACH(F) \
	SUBQ      $16, CX                     \
	JLT       tail                        \
loop:                                     \
	VMOVUPD   (SI), Z0                    \
	VMOVUPD   64(SI), Z7                  \
	F(Z0, Z1, Z2, Z3, Z4, Z5, Z6, K1)     \
	F(Z7, Z8, Z9, Z10, Z11, Z12, Z13, K2) \
	VMOVUPD   Z0, (DI)                    \
	VMOVUPD   Z7, 64(DI)                  \
	ADDQ      $128, SI                    \
	ADDQ      $128, DI                    \
	SUBQ      $16, CX                     \
	JGE       loop                        \
tail:                                     \
	ADDQ      $16, CX                     \
	JEQ       done                        \
	LAST16                                \
	VMOVUPD.Z (SI), K6, Z0                \
	VMOVUPD.Z 64(SI), K7, Z7              \
	F(Z0, Z1, Z2, Z3, Z4, Z5, Z6, K1)     \
	F(Z7, Z8, Z9, Z10, Z11, Z12, Z13, K2) \
	VMOVUPD   Z0, K6, (DI)                \
	VMOVUPD   Z7, K7, 64(DI)              \
done:                                     \
	VZEROUPPER

// EACH2 is EACH for z[i] = F(x[i], y[i]): from X and Y into X.
#define EACH2(F) \
	SUBQ      $16, CX                     \
	JLT       tail                        \
loop:                                     \
	VMOVUPD   (SI), Z0                    \
	VMOVUPD   64(SI), Z7                  \
	VMOVUPD   (BX), Z1                    \
	VMOVUPD   64(BX), Z8                  \
	F(Z0, Z1, Z2, K1)                     \
	F(Z7, Z8, Z9, K2)                     \
	VMOVUPD   Z0, (DI)                    \
	VMOVUPD   Z7, 64(DI)                  \
	ADDQ      $128, SI                    \
	ADDQ      $128, BX                    \
	ADDQ      $128, DI                    \
	SUBQ      $16, CX                     \
	JGE       loop                        \
tail:                                     \
	ADDQ      $16, CX                     \
	JEQ       done                        \
	LAST16                                \
	VMOVUPD.Z (SI), K6, Z0                \
	VMOVUPD.Z 64(SI), K7, Z7              \
	VMOVUPD.Z (BX), K6, Z1                \
	VMOVUPD.Z 64(BX), K7, Z8              \
	F(Z0, Z1, Z2, K1)                     \
	F(Z7, Z8, Z9, K2)                     \
	VMOVUPD   Z0, K6, (DI)                \
	VMOVUPD   Z7, K7, 64(DI)              \
done:                                     \
	VZEROUPPER

#define ADD(X, Y, A, M)      VADDPD Y, X, X
#define SUB(X, Y, A, M)      VSUBPD Y, X, X
#define MUL(X, Y, A, M)      VMULPD Y, X, X
#define DIV(X, Y, A, M)      VDIVPD Y, X, X
#define AXPY(X, Y, A, M)     VFMADD231PD Y, Z31, X // x += s * y

// POSITIVE is y where x > 0 or x is NaN, else 0.
#define POSITIVE(X, Y, A, M) \
	VCMPPD    $0x16, Z31, X, M \ // !(x <= 0)
	VMOVAPD.Z Y, M, X

// TANHGRAD is y * FMA(-x, x, 1).
#define TANHGRAD(X, Y, A, M) \
	VFNMADD213PD Z31, X, X \
	VMULPD       X, Y, X

// SIGMOIDGRAD is y * (x * (1 - x)).
#define SIGMOIDGRAD(X, Y, A, M) \
	VSUBPD X, Z31, A \
	VMULPD A, X, X   \
	VMULPD X, Y, X

// func vaddAVX512(z, x, y []float64)
TEXT ·vaddAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(ADD) // z[i] = x[i] + y[i]
	RET

// func vsubAVX512(z, x, y []float64)
TEXT ·vsubAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(SUB) // z[i] = x[i] - y[i]
	RET

// func vmulAVX512(z, x, y []float64)
TEXT ·vmulAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(MUL) // z[i] = x[i] * y[i]
	RET

// func vdivAVX512(z, x, y []float64)
TEXT ·vdivAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(DIV) // z[i] = x[i] / y[i]
	RET

// func vaxpyAVX512(z, x []float64, s float64, y []float64)
TEXT ·vaxpyAVX512(SB), NOSPLIT, $0-80
	MOVQ         z_base+0(FP), DI
	MOVQ         x_base+24(FP), SI
	MOVQ         x_len+32(FP), CX
	VBROADCASTSD s+48(FP), Z31
	MOVQ         y_base+56(FP), BX
	EACH2(AXPY) // z[i] = FMA(s, y[i], x[i])
	RET

// func vreluGradAVX512(dx, x, dy []float64)
TEXT ·vreluGradAVX512(SB), NOSPLIT, $0-72
	MOVQ   dx_base+0(FP), DI
	MOVQ   x_base+24(FP), SI
	MOVQ   x_len+32(FP), CX
	MOVQ   dy_base+48(FP), BX
	VPXORQ Z31, Z31, Z31
	EACH2(POSITIVE) // dx[i] = dy[i] if !(x[i] <= 0) else 0
	RET

// func vtanhGradAVX512(dx, y, dy []float64)
TEXT ·vtanhGradAVX512(SB), NOSPLIT, $0-72
	MOVQ         dx_base+0(FP), DI
	MOVQ         y_base+24(FP), SI
	MOVQ         y_len+32(FP), CX
	MOVQ         dy_base+48(FP), BX
	LEAQ         ·vectors(SB), R8
	VBROADCASTSD constants_one(R8), Z31
	EACH2(TANHGRAD)
	RET

// func vsigmoidGradAVX512(dx, y, dy []float64)
TEXT ·vsigmoidGradAVX512(SB), NOSPLIT, $0-72
	MOVQ         dx_base+0(FP), DI
	MOVQ         y_base+24(FP), SI
	MOVQ         y_len+32(FP), CX
	MOVQ         dy_base+48(FP), BX
	LEAQ         ·vectors(SB), R8
	VBROADCASTSD constants_one(R8), Z31
	EACH2(SIGMOIDGRAD)
	RET

#define SHIFT(X, A, B, C, D, E, G, M) VADDPD Z31, X, X
#define SCALE(X, A, B, C, D, E, G, M) VMULPD Z31, X, X
#define SQRT(X, A, B, C, D, E, G, M)  VSQRTPD X, X

// func vshiftAVX512(z []float64, s float64, x []float64)
TEXT ·vshiftAVX512(SB), NOSPLIT, $0-56
	MOVQ         z_base+0(FP), DI
	VBROADCASTSD s+24(FP), Z31
	MOVQ         x_base+32(FP), SI
	MOVQ         x_len+40(FP), CX
	EACH(SHIFT) // z[i] = x[i] + s
	RET

// func vscaleAVX512(z []float64, s float64, x []float64)
TEXT ·vscaleAVX512(SB), NOSPLIT, $0-56
	MOVQ         z_base+0(FP), DI
	VBROADCASTSD s+24(FP), Z31
	MOVQ         x_base+32(FP), SI
	MOVQ         x_len+40(FP), CX
	EACH(SCALE) // z[i] = s * x[i]
	RET

// func vsqrtAVX512(y, x []float64)
TEXT ·vsqrtAVX512(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EACH(SQRT) // y[i] = Sqrt(x[i])
	RET

// The constants of exp and of what is built on it.
#define EXPCONSTANTS \
	LEAQ         ·vectors(SB), R8               \
	VBROADCASTSD constants_expLo(R8), Z14       \
	VBROADCASTSD constants_expHi(R8), Z15       \
	VBROADCASTSD constants_log2e(R8), Z16       \
	VBROADCASTSD constants_shift(R8), Z17       \
	VBROADCASTSD constants_ln2hi(R8), Z18       \
	VBROADCASTSD constants_ln2lo(R8), Z19       \
	VBROADCASTSD constants_c11(R8), Z20         \
	VBROADCASTSD constants_c10(R8), Z21         \
	VBROADCASTSD constants_c9(R8), Z22          \
	VBROADCASTSD constants_c8(R8), Z23          \
	VBROADCASTSD constants_c7(R8), Z24          \
	VBROADCASTSD constants_c6(R8), Z25          \
	VBROADCASTSD constants_c5(R8), Z26          \
	VBROADCASTSD constants_c4(R8), Z27          \
	VBROADCASTSD constants_c3(R8), Z28          \
	VBROADCASTSD constants_half(R8), Z29        \
	VBROADCASTSD constants_one(R8), Z30

// The sign bit, in the register that is still free.
#define SIGNBIT \
	VBROADCASTSD constants_signBit(R8), Z31

// REDUCE: KF = FMA(x, log2e, shift); K = KF - shift; X becomes r.
#define REDUCE(X, KF, K) \
	VMOVAPD      Z17, KF     \
	VFMADD231PD  Z16, X, KF  \
	VSUBPD       Z17, KF, K  \
	VFNMADD231PD Z18, K, X   \
	VFNMADD231PD Z19, K, X

// POLYNOMIAL: Q = c11*r⁹ + … + c3*r + ½.
#define POLYNOMIAL(R, Q) \
	VMOVAPD     Z20, Q    \
	VFMADD213PD Z21, R, Q \
	VFMADD213PD Z22, R, Q \
	VFMADD213PD Z23, R, Q \
	VFMADD213PD Z24, R, Q \
	VFMADD213PD Z25, R, Q \
	VFMADD213PD Z26, R, Q \
	VFMADD213PD Z27, R, Q \
	VFMADD213PD Z28, R, Q \
	VFMADD213PD Z29, R, Q

// EXP: X = exp(x). A NaN passes the clamps since it is their second source, Go's
// first. VSCALEFPD multiplies by 2ᵏ and rounds once, as scale2 does.
#define EXP(X, A, B, C, D, E, G, M) \
	VMINPD      X, Z15, X \
	VMAXPD      X, Z14, X \
	REDUCE(X, A, B)       \
	POLYNOMIAL(X, C)      \
	VFMADD213PD Z30, X, C \
	VFMADD213PD Z30, X, C \
	VSCALEFPD   B, C, X

#define SHIFTEXP(X, A, B, C, D, E, G, M) \
	VADDPD Z31, X, X \
	EXP(X, A, B, C, D, E, G, M)

// SIGMOID: e = exp(-|x|); X = (e if x is negative else 1) / (1 + e).
#define SIGMOID(X, A, B, C, D, E, G, M) \
	VPMOVQ2M X, M              \
	VORPD    Z31, X, X         \
	EXP(X, A, B, C, D, E, G, M)   \
	VADDPD   X, Z30, A         \
	VMOVAPD  Z30, B            \
	VMOVAPD  X, M, B           \
	VDIVPD   A, B, X

// TANH: y = max(-2|x|, -40), r and q of it, s = 2ᵏ, p = FMA(r*r, q, r);
// X = FMA(s, p, s-1) / FMA(s, p, s+1) with the sign of x. Z14 holds -40.
#define TANH(X, A, B, C, D, E, G, M) \
	VORPD       Z31, X, D       \ // D = -|x|
	VADDPD      D, D, D         \
	VMAXPD      D, Z14, D       \
	REDUCE(D, A, B)             \ // D = r
	POLYNOMIAL(D, C)            \
	VMULPD      D, D, B         \
	VFMADD213PD D, B, C         \ // C = p
	VPSLLQ      $52, A, A       \
	VPADDQ      Z30, A, A       \ // A = s
	VSUBPD      Z30, A, B       \
	VADDPD      Z30, A, D       \
	VFMADD231PD C, A, B         \
	VFMADD231PD C, A, D         \
	VDIVPD      D, B, B         \
	VPTERNLOGQ  $0xe4, Z31, B, X // the sign of X, the rest of B

// SOFTPLUS: e = exp(-|x|), s = e/(2+e), z = s*s; X = e - s*(e - 2z*p(z)), plus x
// if that is positive.
#define SOFTPLUS(X, A, B, C, D, E, G, M) \
	VMOVAPD           X, D                    \ // D = x
	VORPD             Z31, X, X               \
	EXP(X, A, B, C, D, E, G, M)                  \
	VADDPD.BCST       constants_two(R8), X, A \
	VDIVPD            A, X, A                 \ // A = s
	VMULPD            A, A, B                 \ // B = z
	VBROADCASTSD      constants_lp10(R8), C   \
	VFMADD213PD.BCST  constants_lp9(R8), B, C \
	VFMADD213PD.BCST  constants_lp8(R8), B, C \
	VFMADD213PD.BCST  constants_lp7(R8), B, C \
	VFMADD213PD.BCST  constants_lp6(R8), B, C \
	VFMADD213PD.BCST  constants_lp5(R8), B, C \
	VFMADD213PD.BCST  constants_lp4(R8), B, C \
	VFMADD213PD.BCST  constants_lp3(R8), B, C \
	VFMADD213PD.BCST  constants_lp2(R8), B, C \
	VFMADD213PD.BCST  constants_lp1(R8), B, C \
	VFMADD213PD.BCST  constants_lp0(R8), B, C \
	VADDPD            B, B, B                 \
	VFNMADD213PD      X, B, C                 \ // C = e - 2z*p
	VFNMADD231PD      C, A, X                 \
	VCMPPD.BCST       $0x1e, constants_zero(R8), D, M \ // x > 0
	VADDPD            X, D, M, X

// func vexpAVX512(y, x []float64)
TEXT ·vexpAVX512(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONSTANTS
	EACH(EXP)
	RET

// func vexpShiftAVX512(y []float64, s float64, x []float64)
TEXT ·vexpShiftAVX512(SB), NOSPLIT, $0-56
	MOVQ         y_base+0(FP), DI
	VBROADCASTSD s+24(FP), Z31
	MOVQ         x_base+32(FP), SI
	MOVQ         x_len+40(FP), CX
	EXPCONSTANTS
	EACH(SHIFTEXP)
	RET

// func vsigmoidAVX512(y, x []float64)
TEXT ·vsigmoidAVX512(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONSTANTS
	SIGNBIT
	EACH(SIGMOID)
	RET

// func vtanhAVX512(y, x []float64)
TEXT ·vtanhAVX512(SB), NOSPLIT, $0-48
	MOVQ         y_base+0(FP), DI
	MOVQ         x_base+24(FP), SI
	MOVQ         x_len+32(FP), CX
	EXPCONSTANTS
	SIGNBIT
	VBROADCASTSD constants_tanhLo(R8), Z14
	EACH(TANH)
	RET

// func vsoftplusAVX512(y, x []float64)
TEXT ·vsoftplusAVX512(SB), NOSPLIT, $0-48
	MOVQ   y_base+0(FP), DI
	MOVQ   x_base+24(FP), SI
	MOVQ   x_len+32(FP), CX
	EXPCONSTANTS
	SIGNBIT
	EACH(SOFTPLUS)
	RET

// LOG: k and m of frexp, also of a subnormal x; f = m - 1, s = f/(2+f), z = s*s,
// and logParts. What is no positive finite number gets its logarithm from
// VFIXUPIMMPD: Z28 says for each class what.
#define LOG(X, A, B, C, D, E, G, M) \
	VMOVAPD      X, D              \
	VGETEXPPD    X, A              \
	VGETMANTPD   $0, X, X          \ // 1 ≤ X < 2
	VCMPPD       $0x1d, Z14, X, M  \ // X ≥ √2
	VMULPD       Z29, X, M, X      \ // X = m
	VADDPD       Z30, A, M, A      \ // A = k
	VSUBPD       Z30, X, X         \ // X = f
	VADDPD       Z27, X, B         \
	VDIVPD       B, X, B           \ // B = s
	VMULPD       Z29, X, G         \
	VMULPD       X, G, G           \ // G = h = f*f/2
	VMULPD       B, B, C           \ // C = z
	VMOVAPD      Z20, E            \
	VFMADD213PD  Z21, C, E         \
	VFMADD213PD  Z22, C, E         \
	VFMADD213PD  Z23, C, E         \
	VFMADD213PD  Z24, C, E         \
	VFMADD213PD  Z25, C, E         \
	VFMADD213PD  Z26, C, E         \ // E = p
	VADDPD       C, C, C           \
	VFMADD213PD  G, C, E           \ // E = t = FMA(2z, p, h)
	VMULPD       Z19, A, C         \
	VFMADD213PD  C, B, E           \ // E = lo = FMA(s, t, k*ln2lo)
	VSUBPD       E, G, G           \
	VSUBPD       G, X, X           \
	VFMADD231PD  Z18, A, X         \ // FMA(k, ln2hi, f - (h - lo))
	VFIXUPIMMPD  $0, Z28, D, X

// func vlogAVX512(y, x []float64)
TEXT ·vlogAVX512(SB), NOSPLIT, $0-48
	MOVQ         y_base+0(FP), DI
	MOVQ         x_base+24(FP), SI
	MOVQ         x_len+32(FP), CX
	LEAQ         ·vectors(SB), R8
	VBROADCASTSD constants_sqrtTwo(R8), Z14
	VBROADCASTSD constants_ln2hi(R8), Z18
	VBROADCASTSD constants_ln2lo(R8), Z19
	VBROADCASTSD constants_lg6(R8), Z20
	VBROADCASTSD constants_lg5(R8), Z21
	VBROADCASTSD constants_lg4(R8), Z22
	VBROADCASTSD constants_lg3(R8), Z23
	VBROADCASTSD constants_lg2(R8), Z24
	VBROADCASTSD constants_lg1(R8), Z25
	VBROADCASTSD constants_lg0(R8), Z26
	VBROADCASTSD constants_two(R8), Z27
	MOVQ         $0x03530422, AX // NaN: itself; 0: -Inf; +Inf: +Inf; negative: NaN
	VPBROADCASTQ AX, Z28
	VBROADCASTSD constants_half(R8), Z29
	VBROADCASTSD constants_one(R8), Z30
	EACH(LOG)
	RET

// The factors of mix.
DATA mix<>+0(SB)/8, $0x9e3779b97f4a7c15
DATA mix<>+8(SB)/8, $0xbf58476d1ce4e5b9
DATA mix<>+16(SB)/8, $0x94d049bb133111eb
GLOBL mix<>(SB), RODATA, $24

DATA count<>+0(SB)/8, $1
DATA count<>+8(SB)/8, $2
DATA count<>+16(SB)/8, $3
DATA count<>+24(SB)/8, $4
DATA count<>+32(SB)/8, $5
DATA count<>+40(SB)/8, $6
DATA count<>+48(SB)/8, $7
DATA count<>+56(SB)/8, $8
GLOBL count<>(SB), RODATA, $64

// func dropMaskAVX512(m []float64, drop uint64, keep float64, key, word uint64)
//
// Eight words of 64 bits at a time, 32 numbers of 16 bits in them:
//
//	Z0  the words; Z1 … Z4 numbers 0–7, 8–15, …
//	Z5  key + (n+1)*0x9e37… of the words, Z6 what is added to them for the next eight
TEXT ·dropMaskAVX512(SB), NOSPLIT, $0-56
	MOVQ         m_base+0(FP), DI
	MOVQ         m_len+8(FP), CX
	VPBROADCASTQ drop+24(FP), Z20
	VBROADCASTSD keep+32(FP), Z21
	VPBROADCASTQ mix<>+0(SB), Z22
	VPBROADCASTQ mix<>+8(SB), Z23
	VPBROADCASTQ mix<>+16(SB), Z24
	VPBROADCASTQ key+40(FP), Z25
	VPBROADCASTQ word+48(FP), Z26
	VPADDQ       count<>(SB), Z26, Z5
	VPMULLQ      Z22, Z5, Z5
	VPADDQ       Z25, Z5, Z5
	VPSLLQ       $3, Z22, Z6

loop:
	// w = mix(key, n)
	VPSRLQ  $30, Z5, Z0
	VPXORQ  Z5, Z0, Z0
	VPMULLQ Z23, Z0, Z0
	VPSRLQ  $27, Z0, Z1
	VPXORQ  Z1, Z0, Z0
	VPMULLQ Z24, Z0, Z0
	VPSRLQ  $31, Z0, Z1
	VPXORQ  Z1, Z0, Z0
	VPADDQ  Z6, Z5, Z5

	// m[j] = keep if the number is at least drop, else 0
	VEXTRACTI32X4 $1, Z0, X2
	VEXTRACTI32X4 $2, Z0, X3
	VEXTRACTI32X4 $3, Z0, X4
	VPMOVZXWQ     X0, Z1
	VPMOVZXWQ     X2, Z2
	VPMOVZXWQ     X3, Z3
	VPMOVZXWQ     X4, Z4
	VPCMPUQ       $5, Z20, Z1, K1
	VPCMPUQ       $5, Z20, Z2, K2
	VPCMPUQ       $5, Z20, Z3, K3
	VPCMPUQ       $5, Z20, Z4, K4
	VMOVAPD.Z     Z21, K1, Z1
	VMOVAPD.Z     Z21, K2, Z2
	VMOVAPD.Z     Z21, K3, Z3
	VMOVAPD.Z     Z21, K4, Z4
	SUBQ          $32, CX
	JLT           tail
	VMOVUPD       Z1, (DI)
	VMOVUPD       Z2, 64(DI)
	VMOVUPD       Z3, 128(DI)
	VMOVUPD       Z4, 192(DI)
	ADDQ          $256, DI
	JMP           loop

tail:
	// Only those that exist, which may be none.
	ADDQ    $32, CX
	MOVQ    $-1, AX
	SHLQ    CX, AX
	NOTQ    AX
	KMOVW   AX, K1
	SHRQ    $8, AX
	KMOVW   AX, K2
	SHRQ    $8, AX
	KMOVW   AX, K3
	SHRQ    $8, AX
	KMOVW   AX, K4
	VMOVUPD Z1, K1, (DI)
	VMOVUPD Z2, K2, 64(DI)
	VMOVUPD Z3, K3, 128(DI)
	VMOVUPD Z4, K4, 192(DI)
	VZEROUPPER
	RET
