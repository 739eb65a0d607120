//go:build !purego

// x·Φ(x) and its derivative for AVX-512, eight elements at a time. Each is computed
// by exactly the operations of the Go functions, whose names for things stand
// beside the instructions.
//
//	DI      where results go
//	SI BX   x, dy
//	CX      elements left
//	R8      constants
//	Z0      x, and the result
//	Z1 Z4   c = clamp40(x), a = |c|
//	Z5–Z7   kf, e, el: exp(-c²/2) = (e + el)·2ᵏ
//	Z8 Z9   m, ml: Mills' ratio m + ml of a
//	Z2 Z3 Z10–Z13  what comes and goes

#include "textflag.h"
#include "go_asm.h"

// CLAMP is clamp40 and halfSquare.
#define CLAMP \
	VBROADCASTSD constants_forty(R8), Z1    \
	VMINPD       Z0, Z1, Z1                 \
	VBROADCASTSD constants_tanhLo(R8), Z2   \
	VMAXPD       Z1, Z2, Z1                 \ // c = clamp40(x)
	VMULPD.BCST  constants_half(R8), Z1, Z2 \
	VMULPD       Z1, Z2, Z10                \ // h = c*c/2
	VFMSUB213PD  Z10, Z1, Z2 // hl

// EXPPAIR is expPair of -h and -hl.
#define EXPPAIR \
	VBROADCASTSD      constants_shift(R8), Z5       \
	VFNMADD231PD.BCST constants_log2e(R8), Z10, Z5  \ // kf, of exp(-h-hl)
	VSUBPD.BCST       constants_shift(R8), Z5, Z11  \ // k
	VFNMSUB231PD.BCST constants_ln2hi(R8), Z11, Z10 \ // a
	VMULPD.BCST       constants_ln2lo(R8), Z11, Z11 \ // w
	VSUBPD            Z11, Z10, Z12                 \ // b
	VSUBPD            Z12, Z10, Z10                 \
	VSUBPD            Z11, Z10, Z10                 \
	VSUBPD            Z2, Z10, Z10                  \ // bl
	VADDPD            Z10, Z12, Z11                 \ // r
	VSUBPD            Z11, Z12, Z12                 \
	VADDPD            Z10, Z12, Z12                 \ // rl
	VBROADCASTSD      constants_c11(R8), Z13        \
	VFMADD213PD.BCST  constants_c10(R8), Z11, Z13   \
	VFMADD213PD.BCST  constants_c9(R8), Z11, Z13    \
	VFMADD213PD.BCST  constants_c8(R8), Z11, Z13    \
	VFMADD213PD.BCST  constants_c7(R8), Z11, Z13    \
	VFMADD213PD.BCST  constants_c6(R8), Z11, Z13    \
	VFMADD213PD.BCST  constants_c5(R8), Z11, Z13    \
	VFMADD213PD.BCST  constants_c4(R8), Z11, Z13    \
	VFMADD213PD.BCST  constants_c3(R8), Z11, Z13    \
	VFMADD213PD.BCST  constants_half(R8), Z11, Z13  \ // q
	VMULPD            Z11, Z11, Z10                 \
	VFMADD231PD       Z13, Z10, Z12                 \ // p
	VADDPD            Z12, Z11, Z13                 \ // s
	VSUBPD            Z13, Z11, Z11                 \
	VADDPD            Z12, Z11, Z11                 \ // sl
	VADDPD.BCST       constants_one(R8), Z13, Z6    \ // e = hi
	VBROADCASTSD      constants_one(R8), Z7         \
	VSUBPD            Z6, Z7, Z7                    \
	VADDPD            Z13, Z7, Z7                   \
	VADDPD            Z11, Z7, Z7 // el = lo

// MILLS is mills(a, 0).
#define MILLS \
	VBROADCASTSD     constants_signBit(R8), Z4            \
	VANDNPD          Z1, Z4, Z4                           \ // a = |c|
	VSUBPD.BCST      constants_six(R8), Z4, Z2            \
	VADDPD.BCST      constants_six(R8), Z4, Z3            \
	VDIVPD           Z3, Z2, Z2                           \ // q
	VMULPD           Z2, Z2, Z3                           \ // z
	VBROADCASTSD     ·millsC+168(SB), Z10                 \
	VBROADCASTSD     ·millsC+176(SB), Z11                 \
	VBROADCASTSD     ·millsC+152(SB), Z12                 \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+160(SB), Z13                 \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+136(SB), Z12                 \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+144(SB), Z13                 \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+120(SB), Z12                 \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+128(SB), Z13                 \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+104(SB), Z12                 \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+112(SB), Z13                 \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+88(SB), Z12                  \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+96(SB), Z13                  \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+72(SB), Z12                  \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+80(SB), Z13                  \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+56(SB), Z12                  \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+64(SB), Z13                  \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+40(SB), Z12                  \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+48(SB), Z13                  \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+24(SB), Z12                  \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+32(SB), Z13                  \
	VFMADD213PD      Z13, Z3, Z11                         \
	VBROADCASTSD     ·millsC+8(SB), Z12                   \
	VFMADD213PD      Z12, Z3, Z10                         \
	VBROADCASTSD     ·millsC+16(SB), Z13                  \
	VFMADD213PD      Z13, Z3, Z11                         \
	VFMADD231PD      Z11, Z2, Z10                         \ // s
	VBROADCASTSD     ·millsC+0(SB), Z11                   \
	VBROADCASTSD     ·millsC+0(SB), Z12                   \
	VFMADD231PD      Z10, Z2, Z11                         \ // p
	VSUBPD           Z11, Z12, Z12                        \
	VFMADD231PD      Z10, Z2, Z12                         \
	VADDPD.BCST      constants_millsC0l(R8), Z12, Z12     \ // pl
	VBROADCASTSD     constants_one(R8), Z13               \
	VFMADD231PD.BCST constants_threeQuarters(R8), Z4, Z13 \ // v
	VBROADCASTSD     constants_one(R8), Z10               \
	VBROADCASTSD     constants_one(R8), Z3                \
	VSUBPD           Z13, Z10, Z10                        \
	VFMADD231PD.BCST constants_threeQuarters(R8), Z4, Z10 \
	VADDPD.BCST      constants_zero(R8), Z10, Z10         \ // vl
	VDIVPD           Z13, Z3, Z3                          \ // 1/v
	VMULPD           Z3, Z11, Z8                          \ // m
	VMOVAPD          Z11, Z9                              \
	VFNMADD231PD     Z13, Z8, Z9                          \
	VADDPD           Z12, Z9, Z9                          \
	VFNMADD231PD     Z10, Z8, Z9                          \
	VMULPD           Z3, Z9, Z9 // ml

// SCALE2 is t = scale2(t, kf) for t in Z2. VSCALEFPD rounds once, as scale2 does.
#define SCALE2 \
	VSUBPD.BCST constants_shift(R8), Z5, Z3 \
	VSCALEFPD   Z3, Z2, Z2

// GELU is gelu.
#define GELU \
	CLAMP                                          \
	EXPPAIR                                        \
	MILLS                                          \
	VMULPD       Z8, Z6, Z10                       \ // hi = e*m
	VMOVAPD      Z6, Z11                           \
	VFMSUB213PD  Z10, Z8, Z11                      \
	VMULPD       Z9, Z6, Z12                       \
	VFMADD231PD  Z8, Z7, Z12                       \
	VADDPD       Z12, Z11, Z11                     \ // lo
	VADDPD       Z11, Z10, Z12                     \ // for x > 0: hi + lo
	VMULPD       Z11, Z1, Z2                       \
	VFMADD231PD  Z10, Z1, Z2                       \ // else FMA(c, hi, c*lo)
	VCMPPD.BCST  $0x1e, constants_zero(R8), Z0, K1 \ // x > 0
	VMOVAPD      Z12, K1, Z2                       \
	SCALE2                                         \
	VMOVAPD      Z0, Z3                            \ // FMA(-c, t, x)
	VFNMADD231PD Z2, Z1, Z3                        \
	VBROADCASTSD constants_signBit(R8), Z10        \
	VPTERNLOGQ   $0xe4, Z10, Z2, Z0                \ // t with the sign of x
	VMOVAPD      Z3, K1, Z0

// GELUGRAD is geluGrad.
#define GELUGRAD \
	CLAMP                                          \
	EXPPAIR                                        \
	MILLS                                          \
	VMULPD.BCST  constants_rsqrt2pi(R8), Z4, Z10   \ // w
	VBROADCASTSD constants_rsqrt2pi(R8), Z11       \
	VFMSUB213PD  Z10, Z4, Z11                      \
	VMULPD.BCST  constants_rsqrt2pil(R8), Z4, Z12  \
	VADDPD       Z12, Z11, Z11                     \ // wl
	VSUBPD       Z10, Z8, Z12                      \ // d
	VSUBPD       Z12, Z8, Z13                      \ // b
	VSUBPD       Z10, Z13, Z10                     \
	VADDPD       Z13, Z12, Z2                      \
	VSUBPD       Z2, Z8, Z2                        \
	VADDPD       Z2, Z10, Z10                      \
	VSUBPD       Z11, Z9, Z9                       \
	VADDPD       Z9, Z10, Z10                      \ // dl
	VMULPD       Z12, Z7, Z2                       \
	VFMADD231PD  Z10, Z6, Z2                       \
	VFMADD231PD  Z12, Z6, Z2                       \
	SCALE2                                         \ // g
	VCMPPD.BCST  $0x1e, constants_zero(R8), Z0, K1 \ // x > 0
	VBROADCASTSD constants_one(R8), Z3             \
	VMOVAPD      Z2, Z0                            \
	VSUBPD       Z2, Z3, K1, Z0 // 1 - g

// func vgeluAVX512(y, x []float64)
TEXT ·vgeluAVX512(SB), NOSPLIT, $0-48
	MOVQ y_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	LEAQ ·vectors(SB), R8
	SUBQ $8, CX
	JLT  tail

loop:
	VMOVUPD (SI), Z0
	GELU
	VMOVUPD Z0, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ $8, CX
	JEQ  done
	MOVQ      $-1, AX
	SHLQ      CX, AX
	NOTQ      AX
	KMOVW     AX, K6
	VMOVUPD.Z (SI), K6, Z0
	GELU
	VMOVUPD   Z0, K6, (DI)

done:
	VZEROUPPER
	RET

// func vgeluGradAVX512(dx, x, dy []float64)
TEXT ·vgeluGradAVX512(SB), NOSPLIT, $0-72
	MOVQ dx_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ dy_base+48(FP), BX
	LEAQ ·vectors(SB), R8
	SUBQ $8, CX
	JLT  tail

loop:
	VMOVUPD (SI), Z0
	GELUGRAD
	VMULPD  (BX), Z0, Z0
	ADDQ    $64, BX
	VMOVUPD Z0, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ $8, CX
	JEQ  done
	MOVQ      $-1, AX
	SHLQ      CX, AX
	NOTQ      AX
	KMOVW     AX, K6
	VMOVUPD.Z (SI), K6, Z0
	GELUGRAD
	VMOVUPD.Z (BX), K6, Z1
	VMULPD    Z1, Z0, Z0
	VMOVUPD   Z0, K6, (DI)

done:
	VZEROUPPER
	RET
