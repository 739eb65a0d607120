//go:build !purego

// The kernels for AVX2 and FMA: vectors of four. Each element is computed by
// exactly the operations of the Go loop, so that only the speed differs.
//
//	DI       where results go
//	SI BX    the first, second source
//	CX       elements left
//	R8       constants
//	Y0–Y6    x of four elements, and what is computed from it
//	Y7–Y13   the same for the next four; or Y13 is a constant
//	Y14 Y15  which of the last eight elements exist

#include "textflag.h"
#include "go_asm.h"

// LAST8 sets Y14 and Y15 for the CX < 8 elements that are left.
#define LAST8 \
	LEAQ    ·tailMask(SB), AX \
	NEGQ    CX                \
	VMOVUPD 128(AX)(CX*8), Y14 \
	VMOVUPD 160(AX)(CX*8), Y15

// EACH applies F to n = CX elements, eight at a time: z[i] = F(x[i]). F(X, A, …, G)
// computes its result from X into X and may use A … G.
#define EACH(F) \
	LEAQ       ·vectors(SB), R8            \
	SUBQ       $8, CX                      \
	JLT        tail                        \
loop:                                      \
	VMOVUPD    (SI), Y0                    \
	VMOVUPD    32(SI), Y7                  \
	F(Y0, Y1, Y2, Y3, Y4, Y5, Y6)          \
	F(Y7, Y8, Y9, Y10, Y11, Y12, Y13)      \
	VMOVUPD    Y0, (DI)                    \
	VMOVUPD    Y7, 32(DI)                  \
	ADDQ       $64, SI                     \
	ADDQ       $64, DI                     \
	SUBQ       $8, CX                      \
	JGE        loop                        \
tail:                                      \
	ADDQ       $8, CX                      \
	JEQ        done                        \
	LAST8                                  \
	VMASKMOVPD (SI), Y14, Y0               \
	VMASKMOVPD 32(SI), Y15, Y7             \
	F(Y0, Y1, Y2, Y3, Y4, Y5, Y6)          \
	F(Y7, Y8, Y9, Y10, Y11, Y12, Y13)      \
	VMASKMOVPD Y0, Y14, (DI)               \
	VMASKMOVPD Y7, Y15, 32(DI)             \
done:                                      \
	VZEROUPPER

// EACH2 is EACH for z[i] = F(x[i], y[i]): from X and Y into X.
#define EACH2(F) \
	SUBQ       $8, CX                      \
	JLT        tail                        \
loop:                                      \
	VMOVUPD    (SI), Y0                    \
	VMOVUPD    32(SI), Y7                  \
	VMOVUPD    (BX), Y1                    \
	VMOVUPD    32(BX), Y8                  \
	F(Y0, Y1, Y2)                          \
	F(Y7, Y8, Y9)                          \
	VMOVUPD    Y0, (DI)                    \
	VMOVUPD    Y7, 32(DI)                  \
	ADDQ       $64, SI                     \
	ADDQ       $64, BX                     \
	ADDQ       $64, DI                     \
	SUBQ       $8, CX                      \
	JGE        loop                        \
tail:                                      \
	ADDQ       $8, CX                      \
	JEQ        done                        \
	LAST8                                  \
	VMASKMOVPD (SI), Y14, Y0               \
	VMASKMOVPD 32(SI), Y15, Y7             \
	VMASKMOVPD (BX), Y14, Y1               \
	VMASKMOVPD 32(BX), Y15, Y8             \
	F(Y0, Y1, Y2)                          \
	F(Y7, Y8, Y9)                          \
	VMASKMOVPD Y0, Y14, (DI)               \
	VMASKMOVPD Y7, Y15, 32(DI)             \
done:                                      \
	VZEROUPPER

#define ADD(X, Y, A)  VADDPD Y, X, X
#define SUB(X, Y, A)  VSUBPD Y, X, X
#define MUL(X, Y, A)  VMULPD Y, X, X
#define DIV(X, Y, A)  VDIVPD Y, X, X
#define AXPY(X, Y, A) VFMADD231PD Y, Y13, X

// POSITIVE is y where x > 0 or x is NaN, else 0.
#define POSITIVE(X, Y, A) \
	VCMPPD $0x16, Y13, X, X \ // !(x <= 0)
	VANDPD Y, X, X

// TANHGRAD is y * FMA(-x, x, 1).
#define TANHGRAD(X, Y, A) \
	VFNMADD213PD Y13, X, X \
	VMULPD       X, Y, X

// SIGMOIDGRAD is y * (x * (1 - x)).
#define SIGMOIDGRAD(X, Y, A) \
	VSUBPD X, Y13, A \
	VMULPD A, X, X   \
	VMULPD X, Y, X

// func vaddAVX2(z, x, y []float64)
TEXT ·vaddAVX2(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(ADD) // z[i] = x[i] + y[i]
	RET

// func vsubAVX2(z, x, y []float64)
TEXT ·vsubAVX2(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(SUB) // z[i] = x[i] - y[i]
	RET

// func vmulAVX2(z, x, y []float64)
TEXT ·vmulAVX2(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(MUL) // z[i] = x[i] * y[i]
	RET

// func vdivAVX2(z, x, y []float64)
TEXT ·vdivAVX2(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	EACH2(DIV) // z[i] = x[i] / y[i]
	RET

// func vaxpyAVX2(z, x []float64, s float64, y []float64)
TEXT ·vaxpyAVX2(SB), NOSPLIT, $0-80
	MOVQ         z_base+0(FP), DI
	MOVQ         x_base+24(FP), SI
	MOVQ         x_len+32(FP), CX
	VBROADCASTSD s+48(FP), Y13
	MOVQ         y_base+56(FP), BX
	EACH2(AXPY) // z[i] = FMA(s, y[i], x[i])
	RET

// func vreluGradAVX2(dx, x, dy []float64)
TEXT ·vreluGradAVX2(SB), NOSPLIT, $0-72
	MOVQ   dx_base+0(FP), DI
	MOVQ   x_base+24(FP), SI
	MOVQ   x_len+32(FP), CX
	MOVQ   dy_base+48(FP), BX
	VXORPD Y13, Y13, Y13
	EACH2(POSITIVE) // dx[i] = dy[i] if !(x[i] <= 0) else 0
	RET

// func vtanhGradAVX2(dx, y, dy []float64)
TEXT ·vtanhGradAVX2(SB), NOSPLIT, $0-72
	MOVQ    dx_base+0(FP), DI
	MOVQ    y_base+24(FP), SI
	MOVQ    y_len+32(FP), CX
	MOVQ    dy_base+48(FP), BX
	LEAQ    ·vectors(SB), R8
	VMOVUPD constants_one(R8), Y13
	EACH2(TANHGRAD)
	RET

// func vsigmoidGradAVX2(dx, y, dy []float64)
TEXT ·vsigmoidGradAVX2(SB), NOSPLIT, $0-72
	MOVQ    dx_base+0(FP), DI
	MOVQ    y_base+24(FP), SI
	MOVQ    y_len+32(FP), CX
	MOVQ    dy_base+48(FP), BX
	LEAQ    ·vectors(SB), R8
	VMOVUPD constants_one(R8), Y13
	EACH2(SIGMOIDGRAD)
	RET

// func vfmaAVX2(z, x, y, w []float64)
//
// EACH2 with a third source, in DX.
TEXT ·vfmaAVX2(SB), NOSPLIT, $0-96
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ y_base+48(FP), BX
	MOVQ w_base+72(FP), DX
	SUBQ $8, CX
	JLT  tail

loop:
	// z[i] = FMA(x[i], y[i], w[i]), eight at a time
	VMOVUPD     (SI), Y0
	VMOVUPD     32(SI), Y7
	VMOVUPD     (BX), Y1
	VMOVUPD     32(BX), Y8
	VFMADD213PD (DX), Y1, Y0
	VFMADD213PD 32(DX), Y8, Y7
	VMOVUPD     Y0, (DI)
	VMOVUPD     Y7, 32(DI)
	ADDQ        $64, SI
	ADDQ        $64, BX
	ADDQ        $64, DX
	ADDQ        $64, DI
	SUBQ        $8, CX
	JGE         loop

tail:
	ADDQ        $8, CX
	JEQ         done
	LAST8
	VMASKMOVPD  (SI), Y14, Y0
	VMASKMOVPD  32(SI), Y15, Y7
	VMASKMOVPD  (BX), Y14, Y1
	VMASKMOVPD  32(BX), Y15, Y8
	VMASKMOVPD  (DX), Y14, Y2
	VMASKMOVPD  32(DX), Y15, Y9
	VFMADD213PD Y2, Y1, Y0
	VFMADD213PD Y9, Y8, Y7
	VMASKMOVPD  Y0, Y14, (DI)
	VMASKMOVPD  Y7, Y15, 32(DI)

done:
	VZEROUPPER
	RET

#define SHIFT(X, A, B, C, D, E, G) VADDPD Y13, X, X
#define SCALE(X, A, B, C, D, E, G) VMULPD Y13, X, X
#define SQRT(X, A, B, C, D, E, G)  VSQRTPD X, X

// func vshiftAVX2(z []float64, s float64, x []float64)
TEXT ·vshiftAVX2(SB), NOSPLIT, $0-56
	MOVQ         z_base+0(FP), DI
	VBROADCASTSD s+24(FP), Y13
	MOVQ         x_base+32(FP), SI
	MOVQ         x_len+40(FP), CX
	EACH(SHIFT) // z[i] = x[i] + s
	RET

// func vscaleAVX2(z []float64, s float64, x []float64)
TEXT ·vscaleAVX2(SB), NOSPLIT, $0-56
	MOVQ         z_base+0(FP), DI
	VBROADCASTSD s+24(FP), Y13
	MOVQ         x_base+32(FP), SI
	MOVQ         x_len+40(FP), CX
	EACH(SCALE) // z[i] = s * x[i]
	RET

// func vsqrtAVX2(y, x []float64)
TEXT ·vsqrtAVX2(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EACH(SQRT) // y[i] = Sqrt(x[i])
	RET

// LOG: x times 2⁵⁴ if it is less than the smallest normal number; then k and m
// of frexp from its bits, f = m - 1, s = f/(2+f), z = s*s, and logParts; last,
// what is no positive finite number gets its own logarithm. The shift by 52 is a
// signed one in Go; here k + 1024, which is positive, is shifted. The bits of 2
// are 1024<<52.
#define LOG(X, A, B, C, D, E, G) \
	VMOVAPD     X, D                                \
	VCMPPD      $0x11, constants_minNormal(R8), X, G \ // x < 2⁻¹⁰²²
	VMULPD      constants_two54(R8), X, A           \
	VBLENDVPD   G, A, X, X                          \
	VANDPD      constants_minus54(R8), G, G         \
	VPSUBQ      constants_sqrtHalf(R8), X, A        \
	VPADDQ      constants_two(R8), A, A             \
	VPSRLQ      $52, A, A                           \
	VPSLLQ      $52, A, B                           \
	VPSUBQ      B, X, X                             \
	VPADDQ      constants_two(R8), X, X             \ // X = m
	VPOR        constants_two52(R8), A, A           \ // 2⁵² + k + 1024
	VSUBPD      constants_two52p1024(R8), A, A      \
	VADDPD      G, A, A                             \ // A = k
	VSUBPD      constants_one(R8), X, X             \ // X = f
	VADDPD      constants_two(R8), X, B             \
	VDIVPD      B, X, B                             \ // B = s
	VMULPD      constants_half(R8), X, G            \
	VMULPD      X, G, G                             \ // G = h = f*f/2
	VMULPD      B, B, C                             \ // C = z
	VMOVUPD     constants_lg6(R8), E                \
	VFMADD213PD constants_lg5(R8), C, E             \
	VFMADD213PD constants_lg4(R8), C, E             \
	VFMADD213PD constants_lg3(R8), C, E             \
	VFMADD213PD constants_lg2(R8), C, E             \
	VFMADD213PD constants_lg1(R8), C, E             \
	VFMADD213PD constants_lg0(R8), C, E             \ // E = p
	VADDPD      C, C, C                             \
	VFMADD213PD G, C, E                             \ // E = t = FMA(2z, p, h)
	VMULPD      constants_ln2lo(R8), A, C           \
	VFMADD213PD C, B, E                             \ // E = lo = FMA(s, t, k*ln2lo)
	VSUBPD      E, G, G                             \
	VSUBPD      G, X, X                             \
	VFMADD231PD constants_ln2hi(R8), A, X           \ // FMA(k, ln2hi, f - (h - lo))
	VCMPPD      $0x16, constants_maxFinite(R8), D, A \ // +Inf or NaN: x
	VBLENDVPD   A, D, X, X                          \
	VCMPPD      $0x00, constants_zero(R8), D, A     \ // 0: -Inf
	VBLENDVPD   A, constants_minusInf(R8), X, X     \
	VCMPPD      $0x11, constants_zero(R8), D, A     \ // negative: NaN, which all ones are
	VORPD       A, X, X

// func vlogAVX2(y, x []float64)
TEXT ·vlogAVX2(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EACH(LOG)
	RET

// The factors of mix, and their high halves.
DATA mix<>+0(SB)/8, $0x9e3779b97f4a7c15
DATA mix<>+8(SB)/8, $0xbf58476d1ce4e5b9
DATA mix<>+16(SB)/8, $0x94d049bb133111eb
DATA mix<>+24(SB)/8, $0x9e3779b9
DATA mix<>+32(SB)/8, $0xbf58476d
DATA mix<>+40(SB)/8, $0x94d049bb
GLOBL mix<>(SB), RODATA, $48

DATA count<>+0(SB)/8, $1
DATA count<>+8(SB)/8, $2
DATA count<>+16(SB)/8, $3
DATA count<>+24(SB)/8, $4
GLOBL count<>(SB), RODATA, $32

// MULQ: X *= Y, 64 bits: low halves, plus both mixed products <<32. H is the
// high half of Y.
#define MULQ(X, Y, H, A, B) \
	VPSRLQ   $32, X, A \
	VPMULUDQ Y, A, A   \
	VPMULUDQ H, X, B   \
	VPADDQ   B, A, A   \
	VPSLLQ   $32, A, A \
	VPMULUDQ Y, X, X   \
	VPADDQ   A, X, X

// func dropMaskAVX2(m []float64, drop uint64, keep float64, key, word uint64)
//
// Four words of 64 bits at a time, 16 numbers of 16 bits in them:
//
//	Y0  the words; Y1 … Y4 numbers 0–3, 4–7, …
//	Y5  key + (n+1)*0x9e37… of the words, Y6 what is added to them for the next four
TEXT ·dropMaskAVX2(SB), NOSPLIT, $0-56
	MOVQ         m_base+0(FP), DI
	MOVQ         m_len+8(FP), CX
	VPBROADCASTQ drop+24(FP), Y7
	VBROADCASTSD keep+32(FP), Y8
	VPBROADCASTQ mix<>+0(SB), Y6
	VPBROADCASTQ mix<>+24(SB), Y9
	VPBROADCASTQ word+48(FP), Y5
	VPADDQ       count<>(SB), Y5, Y5
	MULQ(Y5, Y6, Y9, Y1, Y2)
	VPBROADCASTQ key+40(FP), Y1
	VPADDQ       Y1, Y5, Y5
	VPSLLQ       $2, Y6, Y6
	VPBROADCASTQ mix<>+8(SB), Y10
	VPBROADCASTQ mix<>+32(SB), Y11
	VPBROADCASTQ mix<>+16(SB), Y12
	VPBROADCASTQ mix<>+40(SB), Y13

loop:
	// w = mix(key, n)
	VPSRLQ $30, Y5, Y0
	VPXOR  Y5, Y0, Y0
	MULQ(Y0, Y10, Y11, Y1, Y2)
	VPSRLQ $27, Y0, Y1
	VPXOR  Y1, Y0, Y0
	MULQ(Y0, Y12, Y13, Y1, Y2)
	VPSRLQ $31, Y0, Y1
	VPXOR  Y1, Y0, Y0
	VPADDQ Y6, Y5, Y5

	// m[j] = keep unless drop is greater than the number, else 0
	VEXTRACTI128 $1, Y0, X2
	VPSRLDQ      $8, X0, X1
	VPSRLDQ      $8, X2, X3
	VPMOVZXWQ    X0, Y0
	VPMOVZXWQ    X1, Y1
	VPMOVZXWQ    X2, Y2
	VPMOVZXWQ    X3, Y3
	VPCMPGTQ     Y0, Y7, Y0
	VPCMPGTQ     Y1, Y7, Y1
	VPCMPGTQ     Y2, Y7, Y2
	VPCMPGTQ     Y3, Y7, Y3
	VPANDN       Y8, Y0, Y0
	VPANDN       Y8, Y1, Y1
	VPANDN       Y8, Y2, Y2
	VPANDN       Y8, Y3, Y3
	SUBQ         $16, CX
	JLT          tail
	VMOVUPD      Y0, (DI)
	VMOVUPD      Y1, 32(DI)
	VMOVUPD      Y2, 64(DI)
	VMOVUPD      Y3, 96(DI)
	ADDQ         $128, DI
	JMP          loop

tail:
	// Only those that exist, which may be none: first eight if so many are left.
	ADDQ       $16, CX
	CMPQ       CX, $8
	JLT        last
	VMOVUPD    Y0, (DI)
	VMOVUPD    Y1, 32(DI)
	VMOVAPD    Y2, Y0
	VMOVAPD    Y3, Y1
	ADDQ       $64, DI
	SUBQ       $8, CX

last:
	LAST8
	VMASKMOVPD Y0, Y14, (DI)
	VMASKMOVPD Y1, Y15, 32(DI)
	VZEROUPPER
	RET
