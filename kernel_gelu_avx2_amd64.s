//go:build !purego

// x·Φ(x) and its derivative for AVX2 and FMA, four elements at a time. Each is computed
// by exactly the operations of the Go functions, whose names for things stand
// beside the instructions.
//
//	DI BX   where results go, the derivatives
//	SI      x
//	CX      elements left
//	R8      constants
//	Y0      x, and the result
//	Y1 Y4   c = clamp40(x), a = |c|
//	Y5–Y7   kf, e, el: exp(-c²/2) = (e + el)·2ᵏ
//	Y8 Y9   m, ml: Mills' ratio m + ml of a
//	Y14     mask; or a factor of 2ᵏ, as is Y5
//	Y2 Y3 Y10–Y13 Y15  what comes and goes

#include "textflag.h"
#include "go_asm.h"

// CLAMP is clamp40 and halfSquare.
#define CLAMP \
	VBROADCASTSD constants_forty(R8), Y1    \
	VMINPD       Y0, Y1, Y1                 \
	VBROADCASTSD constants_tanhLo(R8), Y2   \
	VMAXPD       Y1, Y2, Y1                 \ // c = clamp40(x)
	VMULPD       constants_half(R8), Y1, Y2 \
	VMULPD       Y1, Y2, Y10                \ // h = c*c/2
	VFMSUB213PD  Y10, Y1, Y2 // hl

// EXPPAIR is expPair of -h and -hl.
#define EXPPAIR \
	VBROADCASTSD constants_shift(R8), Y5       \
	VFNMADD231PD constants_log2e(R8), Y10, Y5  \ // kf, of exp(-h-hl)
	VSUBPD       constants_shift(R8), Y5, Y11  \ // k
	VFNMSUB231PD constants_ln2hi(R8), Y11, Y10 \ // a
	VMULPD       constants_ln2lo(R8), Y11, Y11 \ // w
	VSUBPD       Y11, Y10, Y12                 \ // b
	VSUBPD       Y12, Y10, Y10                 \
	VSUBPD       Y11, Y10, Y10                 \
	VSUBPD       Y2, Y10, Y10                  \ // bl
	VADDPD       Y10, Y12, Y11                 \ // r
	VSUBPD       Y11, Y12, Y12                 \
	VADDPD       Y10, Y12, Y12                 \ // rl
	VBROADCASTSD constants_c11(R8), Y13        \
	VFMADD213PD  constants_c10(R8), Y11, Y13   \
	VFMADD213PD  constants_c9(R8), Y11, Y13    \
	VFMADD213PD  constants_c8(R8), Y11, Y13    \
	VFMADD213PD  constants_c7(R8), Y11, Y13    \
	VFMADD213PD  constants_c6(R8), Y11, Y13    \
	VFMADD213PD  constants_c5(R8), Y11, Y13    \
	VFMADD213PD  constants_c4(R8), Y11, Y13    \
	VFMADD213PD  constants_c3(R8), Y11, Y13    \
	VFMADD213PD  constants_half(R8), Y11, Y13  \ // q
	VMULPD       Y11, Y11, Y10                 \
	VFMADD231PD  Y13, Y10, Y12                 \ // p
	VADDPD       Y12, Y11, Y13                 \ // s
	VSUBPD       Y13, Y11, Y11                 \
	VADDPD       Y12, Y11, Y11                 \ // sl
	VADDPD       constants_one(R8), Y13, Y6    \ // e = hi
	VBROADCASTSD constants_one(R8), Y7         \
	VSUBPD       Y6, Y7, Y7                    \
	VADDPD       Y13, Y7, Y7                   \
	VADDPD       Y11, Y7, Y7 // el = lo

// MILLS is mills(a, 0).
#define MILLS \
	VBROADCASTSD constants_signBit(R8), Y4            \
	VANDNPD      Y1, Y4, Y4                           \ // a = |c|
	VSUBPD       constants_six(R8), Y4, Y2            \
	VADDPD       constants_six(R8), Y4, Y3            \
	VDIVPD       Y3, Y2, Y2                           \ // q
	VMULPD       Y2, Y2, Y3                           \ // z
	VBROADCASTSD ·millsC+168(SB), Y10                 \
	VBROADCASTSD ·millsC+176(SB), Y11                 \
	VBROADCASTSD ·millsC+152(SB), Y12                 \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+160(SB), Y13                 \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+136(SB), Y12                 \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+144(SB), Y13                 \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+120(SB), Y12                 \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+128(SB), Y13                 \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+104(SB), Y12                 \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+112(SB), Y13                 \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+88(SB), Y12                  \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+96(SB), Y13                  \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+72(SB), Y12                  \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+80(SB), Y13                  \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+56(SB), Y12                  \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+64(SB), Y13                  \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+40(SB), Y12                  \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+48(SB), Y13                  \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+24(SB), Y12                  \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+32(SB), Y13                  \
	VFMADD213PD  Y13, Y3, Y11                         \
	VBROADCASTSD ·millsC+8(SB), Y12                   \
	VFMADD213PD  Y12, Y3, Y10                         \
	VBROADCASTSD ·millsC+16(SB), Y13                  \
	VFMADD213PD  Y13, Y3, Y11                         \
	VFMADD231PD  Y11, Y2, Y10                         \ // s
	VBROADCASTSD ·millsC+0(SB), Y11                   \
	VBROADCASTSD ·millsC+0(SB), Y12                   \
	VFMADD231PD  Y10, Y2, Y11                         \ // p
	VSUBPD       Y11, Y12, Y12                        \
	VFMADD231PD  Y10, Y2, Y12                         \
	VADDPD       constants_millsC0l(R8), Y12, Y12     \ // pl
	VBROADCASTSD constants_one(R8), Y13               \
	VFMADD231PD  constants_threeQuarters(R8), Y4, Y13 \ // v
	VBROADCASTSD constants_one(R8), Y10               \
	VBROADCASTSD constants_one(R8), Y3                \
	VSUBPD       Y13, Y10, Y10                        \
	VFMADD231PD  constants_threeQuarters(R8), Y4, Y10 \
	VADDPD       constants_zero(R8), Y10, Y10         \ // vl
	VDIVPD       Y13, Y3, Y3                          \ // 1/v
	VMULPD       Y3, Y11, Y8                          \ // m
	VMOVAPD      Y11, Y9                              \
	VFNMADD231PD Y13, Y8, Y9                          \
	VADDPD       Y12, Y9, Y9                          \
	VFNMADD231PD Y10, Y8, Y9                          \
	VMULPD       Y3, Y9, Y9 // ml

// SCALE2 is t = scale2(t, kf) for t in Y2.
#define SCALE2 \
	VPSRLQ $1, Y5, Y3                \
	VPSUBQ Y3, Y5, Y5                \
	VPSLLQ $52, Y3, Y3               \
	VPADDQ constants_one(R8), Y3, Y3 \
	VMULPD Y3, Y2, Y2                \
	VPSLLQ $52, Y5, Y5               \
	VPADDQ constants_one(R8), Y5, Y5 \
	VMULPD Y5, Y2, Y2

// FACTORS sets Y14 and Y5 to the factors of SCALE2, which SCALED uses.
#define FACTORS \
	VPSRLQ $1, Y5, Y14                 \
	VPSUBQ Y14, Y5, Y5                 \
	VPSLLQ $52, Y14, Y14               \
	VPADDQ constants_one(R8), Y14, Y14 \
	VPSLLQ $52, Y5, Y5                 \
	VPADDQ constants_one(R8), Y5, Y5

#define SCALED \
	VMULPD Y14, Y2, Y2 \
	VMULPD Y5, Y2, Y2

// PARTS is geluParts.
#define PARTS \
	CLAMP   \
	EXPPAIR \
	MILLS

// VALUE is geluValue, into Z, which may be Y0. SCALE scales.
#define VALUE(SCALE, Z) \
	VMULPD       Y8, Y6, Y10                        \ // hi = e*m
	VMOVAPD      Y6, Y11                            \
	VFMSUB213PD  Y10, Y8, Y11                       \
	VMULPD       Y9, Y6, Y12                        \
	VFMADD231PD  Y8, Y7, Y12                        \
	VADDPD       Y12, Y11, Y11                      \ // lo
	VADDPD       Y11, Y10, Y12                      \ // for x > 0: hi + lo
	VMULPD       Y11, Y1, Y2                        \
	VFMADD231PD  Y10, Y1, Y2                        \ // else FMA(c, hi, c*lo)
	VCMPPD       $0x1e, constants_zero(R8), Y0, Y13 \ // x > 0
	VBLENDVPD    Y13, Y12, Y2, Y2                   \
	SCALE                                           \
	VMOVAPD      Y0, Y3                             \
	VFNMADD231PD Y2, Y1, Y3                         \ // FMA(-c, t, x)
	VBROADCASTSD constants_signBit(R8), Y10         \
	VANDPD       Y10, Y0, Z                         \
	VANDNPD      Y2, Y10, Y2                        \
	VORPD        Y2, Z, Z                           \ // t with the sign of x
	VBLENDVPD    Y13, Y3, Z, Z

// SLOPE is geluSlope, into Y0.
#define SLOPE(SCALE) \
	VMULPD       constants_rsqrt2pi(R8), Y4, Y10    \ // w
	VBROADCASTSD constants_rsqrt2pi(R8), Y11        \
	VFMSUB213PD  Y10, Y4, Y11                       \
	VMULPD       constants_rsqrt2pil(R8), Y4, Y12   \
	VADDPD       Y12, Y11, Y11                      \ // wl
	VSUBPD       Y10, Y8, Y12                       \ // d
	VSUBPD       Y12, Y8, Y13                       \ // b
	VSUBPD       Y10, Y13, Y10                      \
	VADDPD       Y13, Y12, Y2                       \
	VSUBPD       Y2, Y8, Y2                         \
	VADDPD       Y2, Y10, Y10                       \
	VSUBPD       Y11, Y9, Y9                        \
	VADDPD       Y9, Y10, Y10                       \ // dl
	VMULPD       Y12, Y7, Y2                        \
	VFMADD231PD  Y10, Y6, Y2                        \
	VFMADD231PD  Y12, Y6, Y2                        \
	SCALE                                           \ // g
	VCMPPD       $0x1e, constants_zero(R8), Y0, Y13 \ // x > 0
	VBROADCASTSD constants_one(R8), Y3              \
	VSUBPD       Y2, Y3, Y3                         \ // 1 - g
	VBLENDVPD    Y13, Y3, Y2, Y0

// GELU is gelu, into Y0.
#define GELU \
	PARTS            \
	VALUE(SCALE2, Y0)

// GELUGRAD is gelu into Y15 and geluGrad into Y0.
#define GELUGRAD \
	PARTS              \
	FACTORS            \
	VALUE(SCALED, Y15) \
	SLOPE(SCALED)

// func vgeluAVX2(y, x []float64)
TEXT ·vgeluAVX2(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	LEAQ ·vectors(SB), R8
	SUBQ $4, CX
	JLT  tail

loop:
	VMOVUPD (SI), Y0
	GELU
	VMOVUPD Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $4, CX
	JGE     loop

tail:
	ADDQ $4, CX
	JEQ  done
	LEAQ       ·tailMask(SB), AX
	NEGQ       CX
	VMOVUPD    128(AX)(CX*8), Y14
	VMASKMOVPD (SI), Y14, Y0
	GELU
	VMASKMOVPD Y0, Y14, (DI)

done:
	VZEROUPPER
	RET

// func vgeluGradAVX2(y, d, x []float64)
TEXT ·vgeluGradAVX2(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI
	MOVQ d_base+24(FP), BX
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	LEAQ ·vectors(SB), R8
	SUBQ $4, CX
	JLT  tail

loop:
	VMOVUPD (SI), Y0
	GELUGRAD
	VMOVUPD Y15, (DI)
	VMOVUPD Y0, (BX)
	ADDQ    $32, SI
	ADDQ    $32, DI
	ADDQ    $32, BX
	SUBQ    $4, CX
	JGE     loop

tail:
	ADDQ $4, CX
	JEQ  done
	LEAQ       ·tailMask(SB), AX
	NEGQ       CX
	VMOVUPD    128(AX)(CX*8), Y14
	VMASKMOVPD (SI), Y14, Y0
	GELUGRAD
	VMOVUPD    128(AX)(CX*8), Y14
	VMASKMOVPD Y15, Y14, (DI)
	VMASKMOVPD Y0, Y14, (BX)

done:
	VZEROUPPER
	RET
