//go:build !purego

// Sums, rows and the updates of the optimizers for AVX-512, vectors of eight.
//
//	SI BX    sources
//	DI       where results go
//	CX       elements or columns left
//	R9       rows left
//	R10      bytes of a row

#include "textflag.h"
#include "go_asm.h"

// LAST16 sets K6 and K7 for the CX < 16 elements that are left.
#define LAST16 \
	MOVQ     $-1, AX    \
	SHLQ     CX, AX     \
	NOTQ     AX         \
	KMOVW    AX, K6     \
	KSHIFTRW $8, K6, K7

// LAST32 sets K1 … K4 for the CX < 32 elements that are left.
#define LAST32 \
	MOVQ  $-1, AX \
	SHLQ  CX, AX  \
	NOTQ  AX      \
	KMOVW AX, K1  \
	SHRQ  $8, AX  \
	KMOVW AX, K2  \
	SHRQ  $8, AX  \
	KMOVW AX, K3  \
	SHRQ  $8, AX  \
	KMOVW AX, K4

// The lanes l = 0 … 31, in Z0 … Z3, from *a and back.
#define LOADLANES \
	VMOVUPD (DI), Z0    \
	VMOVUPD 64(DI), Z1  \
	VMOVUPD 128(DI), Z2 \
	VMOVUPD 192(DI), Z3

#define STORELANES \
	VMOVUPD Z0, (DI)    \
	VMOVUPD Z1, 64(DI)  \
	VMOVUPD Z2, 128(DI) \
	VMOVUPD Z3, 192(DI)

// LANETREE adds the 32 lanes in Z0 … Z3 as laneTree does; the sum is in X0.
#define LANETREE \
	VADDPD        Z1, Z0, Z0 \
	VADDPD        Z3, Z2, Z2 \
	VADDPD        Z2, Z0, Z0 \
	VEXTRACTF64X4 $1, Z0, Y1 \
	VADDPD        Y1, Y0, Y0 \
	VEXTRACTF128  $1, Y0, X1 \
	VADDPD        X1, X0, X0 \
	VPERMILPD     $1, X0, X1 \
	VADDSD        X1, X0, X0

// func vsumAVX512(a *[lanes]float64, x []float64) float64
TEXT ·vsumAVX512(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), DI
	MOVQ x_base+8(FP), SI
	MOVQ x_len+16(FP), CX
	LOADLANES
	SUBQ $32, CX
	JLT  tail

loop:
	// a[l] += x[i+l] for l from 0 to 31
	VADDPD (SI), Z0, Z0
	VADDPD 64(SI), Z1, Z1
	VADDPD 128(SI), Z2, Z2
	VADDPD 192(SI), Z3, Z3
	ADDQ   $256, SI
	SUBQ   $32, CX
	JGE    loop

tail:
	ADDQ   $32, CX
	JEQ    done
	LAST32
	VADDPD (SI), Z0, K1, Z0
	VADDPD 64(SI), Z1, K2, Z1
	VADDPD 128(SI), Z2, K3, Z2
	VADDPD 192(SI), Z3, K4, Z3

done:
	STORELANES
	LANETREE
	VMOVSD X0, ret+32(FP)
	VZEROUPPER
	RET

// func vdotAVX512(a *[lanes]float64, x, y []float64) float64
TEXT ·vdotAVX512(SB), NOSPLIT, $0-64
	MOVQ a+0(FP), DI
	MOVQ x_base+8(FP), SI
	MOVQ x_len+16(FP), CX
	MOVQ y_base+32(FP), BX
	LOADLANES
	SUBQ $32, CX
	JLT  tail

loop:
	// a[l] = FMA(x[i+l], y[i+l], a[l]) for l from 0 to 31
	VMOVUPD     (SI), Z4
	VMOVUPD     64(SI), Z5
	VMOVUPD     128(SI), Z6
	VMOVUPD     192(SI), Z7
	VFMADD231PD (BX), Z4, Z0
	VFMADD231PD 64(BX), Z5, Z1
	VFMADD231PD 128(BX), Z6, Z2
	VFMADD231PD 192(BX), Z7, Z3
	ADDQ        $256, SI
	ADDQ        $256, BX
	SUBQ        $32, CX
	JGE         loop

tail:
	ADDQ        $32, CX
	JEQ         done
	LAST32
	VMOVUPD.Z   (SI), K1, Z4
	VMOVUPD.Z   64(SI), K2, Z5
	VMOVUPD.Z   128(SI), K3, Z6
	VMOVUPD.Z   192(SI), K4, Z7
	VFMADD231PD (BX), Z4, K1, Z0
	VFMADD231PD 64(BX), Z5, K2, Z1
	VFMADD231PD 128(BX), Z6, K3, Z2
	VFMADD231PD 192(BX), Z7, K4, Z3

done:
	STORELANES
	LANETREE
	VMOVSD      X0, ret+56(FP)
	VZEROUPPER
	RET

// MAX: a = x > a ? x : a, which passes over NaN; K5 notes these.
#define MAX(X, A, K) \
	VMAXPD A, X, A      \
	VCMPPD $3, X, X, K  \
	KORW   K, K5, K5

// func vmaxAVX512(x []float64) float64
//
// The largest element, NaN if there is a NaN, and never -0.
TEXT ·vmaxAVX512(SB), NOSPLIT, $0-32
	MOVQ         x_base+0(FP), SI
	MOVQ         x_len+8(FP), CX
	MOVQ         $0xfff0000000000000, AX // -Inf
	VPBROADCASTQ AX, Z0
	VMOVAPD      Z0, Z1
	KXORW        K5, K5, K5
	SUBQ         $16, CX
	JLT          tail

loop:
	VMOVUPD (SI), Z2
	VMOVUPD 64(SI), Z3
	MAX(Z2, Z0, K1)
	MAX(Z3, Z1, K2)
	ADDQ    $128, SI
	SUBQ    $16, CX
	JGE     loop

tail:
	ADDQ      $16, CX
	LAST16
	VMOVAPD   Z0, Z2
	VMOVAPD   Z1, Z3
	VMOVUPD   (SI), K6, Z2
	VMOVUPD   64(SI), K7, Z3
	MAX(Z2, Z0, K1)
	MAX(Z3, Z1, K2)
	VMAXPD        Z1, Z0, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPD        Y1, Y0, Y0
	VEXTRACTF128  $1, Y0, X1
	VMAXPD        X1, X0, X0
	VPERMILPD     $1, X0, X1
	VMAXSD        X1, X0, X0
	VXORPD        X1, X1, X1
	VADDSD        X1, X0, X0 // -0 + 0 = +0
	KMOVW         K5, AX
	TESTQ         AX, AX
	JEQ           number
	MOVQ          $0x7ff8000000000000, AX
	MOVQ          AX, X0

number:
	VMOVSD X0, ret+24(FP)
	VZEROUPPER
	RET

// func vaddrowAVX512(z, x, b []float64)
TEXT ·vaddrowAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), R9  // elements left
	MOVQ b_base+48(FP), R11
	MOVQ b_len+56(FP), R10
	MOVQ R10, CX
	ANDQ $15, CX
	LAST16

row:
	MOVQ R11, BX
	MOVQ R10, CX
	SUBQ $16, CX
	JLT  tail

loop:
	// z[j] = x[j] + b[j], 16 at a time
	VMOVUPD (SI), Z0
	VMOVUPD 64(SI), Z1
	VADDPD  (BX), Z0, Z0
	VADDPD  64(BX), Z1, Z1
	VMOVUPD Z0, (DI)
	VMOVUPD Z1, 64(DI)
	ADDQ    $128, SI
	ADDQ    $128, BX
	ADDQ    $128, DI
	SUBQ    $16, CX
	JGE     loop

tail:
	ADDQ      $16, CX
	JEQ       next
	VMOVUPD.Z (SI), K6, Z0
	VMOVUPD.Z 64(SI), K7, Z1
	VADDPD    (BX), Z0, K6, Z0
	VADDPD    64(BX), Z1, K7, Z1
	VMOVUPD   Z0, K6, (DI)
	VMOVUPD   Z1, K7, 64(DI)
	LEAQ      (SI)(CX*8), SI
	LEAQ      (DI)(CX*8), DI

next:
	SUBQ R10, R9
	JGT  row
	VZEROUPPER
	RET

// func vsumrowsAVX512(s, x []float64)
//
// A block of columns stays in registers while the rows go by, in order.
TEXT ·vsumrowsAVX512(SB), NOSPLIT, $0-48
	MOVQ s_base+0(FP), DI
	MOVQ s_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), R11
	LEAQ (SI)(R11*8), R11  // end of x
	MOVQ CX, R10
	SHLQ $3, R10
	SUBQ $32, CX
	JLT  narrow

wide:
	VMOVUPD (DI), Z0
	VMOVUPD 64(DI), Z1
	VMOVUPD 128(DI), Z2
	VMOVUPD 192(DI), Z3
	MOVQ    SI, BX

wideRow:
	// s[j] += x[i][j], 32 columns
	VADDPD  (BX), Z0, Z0
	VADDPD  64(BX), Z1, Z1
	VADDPD  128(BX), Z2, Z2
	VADDPD  192(BX), Z3, Z3
	ADDQ    R10, BX
	CMPQ    BX, R11
	JLT     wideRow
	VMOVUPD Z0, (DI)
	VMOVUPD Z1, 64(DI)
	VMOVUPD Z2, 128(DI)
	VMOVUPD Z3, 192(DI)
	ADDQ    $256, DI
	ADDQ    $256, SI
	SUBQ    $32, CX
	JGE     wide

narrow:
	ADDQ $32, CX
	JEQ  done

block:
	// 16 columns, or those that are left
	MOVQ      CX, R8
	MOVQ      $16, AX
	CMPQ      CX, AX
	CMOVQGT   AX, CX
	LAST16
	VMOVUPD.Z (DI), K6, Z0
	VMOVUPD.Z 64(DI), K7, Z1
	MOVQ      SI, BX

narrowRow:
	VADDPD  (BX), Z0, K6, Z0
	VADDPD  64(BX), Z1, K7, Z1
	ADDQ    R10, BX
	CMPQ    BX, R11
	JLT     narrowRow
	VMOVUPD Z0, K6, (DI)
	VMOVUPD Z1, K7, 64(DI)
	ADDQ    $128, DI
	ADDQ    $128, SI
	MOVQ    R8, CX
	SUBQ    $16, CX
	JGT     block

done:
	VZEROUPPER
	RET

// UPDATE goes through w, three more slices at most and CX elements, eight at a
// time. F works on what LOAD(M) has loaded, and STORE(M) stores it, only that in
// the mask M.
#define UPDATE(LOAD, F, STORE) \
	XORQ  BX, BX  \ // i
	KXNORW K6, K6, K6 \
	SUBQ  $8, CX  \
	JLT   tail    \
loop:             \
	LOAD(K6)      \
	F             \
	STORE(K6)     \
	ADDQ  $8, BX  \
	SUBQ  $8, CX  \
	JGE   loop    \
tail:             \
	ADDQ  $8, CX  \
	JEQ   done    \
	LAST16        \
	LOAD(K6)      \
	F             \
	STORE(K6)     \
done:             \
	VZEROUPPER

#define LOADSGD(M) \
	VMOVUPD.Z (DI)(BX*8), M, Z0 \ // w
	VMOVUPD.Z (SI)(BX*8), M, Z2  // g

#define STORESGD(M) \
	VMOVUPD Z0, M, (DI)(BX*8)

// w = FMA(-rate, FMA(decay, w, g), w)
#define SGD \
	VFMADD231PD  Z0, Z17, Z2 \
	VFNMADD231PD Z2, Z16, Z0

// func sgdStepAVX512(w, g []float64, rate, decay float64)
TEXT ·sgdStepAVX512(SB), NOSPLIT, $0-64
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         g_base+24(FP), SI
	VBROADCASTSD rate+48(FP), Z16
	VBROADCASTSD decay+56(FP), Z17
	UPDATE(LOADSGD, SGD, STORESGD)
	RET

#define LOADMOMENTUM(M) \
	VMOVUPD.Z (DI)(BX*8), M, Z0 \ // w
	VMOVUPD.Z (DX)(BX*8), M, Z1 \ // b
	VMOVUPD.Z (SI)(BX*8), M, Z2   // g

#define STOREMOMENTUM(M) \
	VMOVUPD Z0, M, (DI)(BX*8) \
	VMOVUPD Z1, M, (DX)(BX*8)

// d = FMA(decay, w, g); b = FMA(mu, b, fresh*d); w = FMA(-rate, b, w)
#define MOMENTUM \
	VFMADD231PD  Z0, Z17, Z2 \
	VMULPD       Z2, Z19, Z3 \
	VFMADD213PD  Z3, Z18, Z1 \
	VFNMADD231PD Z1, Z16, Z0

// func momentumStepAVX512(w, b, g []float64, mu, fresh, rate, decay float64)
TEXT ·momentumStepAVX512(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         b_base+24(FP), DX
	MOVQ         g_base+48(FP), SI
	VBROADCASTSD mu+72(FP), Z18
	VBROADCASTSD fresh+80(FP), Z19
	VBROADCASTSD rate+88(FP), Z16
	VBROADCASTSD decay+96(FP), Z17
	UPDATE(LOADMOMENTUM, MOMENTUM, STOREMOMENTUM)
	RET

// As MOMENTUM, but w = FMA(-rate, FMA(mu, b, d), w).
#define NESTEROV \
	VFMADD231PD  Z0, Z17, Z2 \
	VMULPD       Z2, Z19, Z3 \
	VFMADD213PD  Z3, Z18, Z1 \
	VFMADD231PD  Z1, Z18, Z2 \
	VFNMADD231PD Z2, Z16, Z0

// func nesterovStepAVX512(w, b, g []float64, mu, fresh, rate, decay float64)
TEXT ·nesterovStepAVX512(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         b_base+24(FP), DX
	MOVQ         g_base+48(FP), SI
	VBROADCASTSD mu+72(FP), Z18
	VBROADCASTSD fresh+80(FP), Z19
	VBROADCASTSD rate+88(FP), Z16
	VBROADCASTSD decay+96(FP), Z17
	UPDATE(LOADMOMENTUM, NESTEROV, STOREMOMENTUM)
	RET

#define LOADADAM(M) \
	VMOVUPD.Z (DI)(BX*8), M, Z0 \ // w
	VMOVUPD.Z (DX)(BX*8), M, Z1 \ // m
	VMOVUPD.Z (R8)(BX*8), M, Z2 \ // v
	VMOVUPD.Z (SI)(BX*8), M, Z3   // g

#define STOREADAM(M) \
	VMOVUPD Z0, M, (DI)(BX*8) \
	VMOVUPD Z1, M, (DX)(BX*8) \
	VMOVUPD Z2, M, (R8)(BX*8)

// m = FMA(beta1, m, rest1*g); v = FMA(beta2, v, rest2*g*g)
// w = FMA(-rate, m/FMA(Sqrt(v), root, epsilon), keep*w)
#define ADAM \
	VMULPD       Z3, Z17, Z4  \
	VFMADD213PD  Z4, Z16, Z1  \
	VMULPD       Z3, Z19, Z5  \
	VMULPD       Z3, Z5, Z5   \
	VFMADD213PD  Z5, Z18, Z2  \
	VSQRTPD      Z2, Z6       \
	VFMADD213PD  Z22, Z21, Z6 \
	VDIVPD       Z6, Z1, Z7   \
	VMULPD       Z0, Z23, Z0  \
	VFNMADD231PD Z7, Z20, Z0

// func adamStepAVX512(w, m, v, g []float64, a *adamNumbers)
TEXT ·adamStepAVX512(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         m_base+24(FP), DX
	MOVQ         v_base+48(FP), R8
	MOVQ         g_base+72(FP), SI
	MOVQ         a+96(FP), AX
	VBROADCASTSD adamNumbers_beta1(AX), Z16
	VBROADCASTSD adamNumbers_rest1(AX), Z17
	VBROADCASTSD adamNumbers_beta2(AX), Z18
	VBROADCASTSD adamNumbers_rest2(AX), Z19
	VBROADCASTSD adamNumbers_rate(AX), Z20
	VBROADCASTSD adamNumbers_root(AX), Z21
	VBROADCASTSD adamNumbers_epsilon(AX), Z22
	VBROADCASTSD adamNumbers_keep(AX), Z23
	UPDATE(LOADADAM, ADAM, STOREADAM)
	RET
