//go:build !purego

// Sums, rows and the updates of the optimizers for AVX2 and FMA, vectors of four.
//
//	SI BX    sources
//	DI       where results go
//	CX       elements or columns left
//	R9       elements of rows left
//	R10      columns, or bytes of a row
//	Y14 Y15  which of the last eight elements exist

#include "textflag.h"
#include "go_asm.h"

// LAST8 sets Y14 and Y15 for the CX < 8 elements that are left.
#define LAST8 \
	LEAQ    ·tailMask(SB), AX \
	NEGQ    CX                \
	VMOVUPD 128(AX)(CX*8), Y14 \
	VMOVUPD 160(AX)(CX*8), Y15

// The lanes l = 0 … 31, in Y0 … Y7, from *a and back.
#define LOADLANES \
	VMOVUPD (DI), Y0    \
	VMOVUPD 32(DI), Y1  \
	VMOVUPD 64(DI), Y2  \
	VMOVUPD 96(DI), Y3  \
	VMOVUPD 128(DI), Y4 \
	VMOVUPD 160(DI), Y5 \
	VMOVUPD 192(DI), Y6 \
	VMOVUPD 224(DI), Y7

#define STORELANES \
	VMOVUPD Y0, (DI)    \
	VMOVUPD Y1, 32(DI)  \
	VMOVUPD Y2, 64(DI)  \
	VMOVUPD Y3, 96(DI)  \
	VMOVUPD Y4, 128(DI) \
	VMOVUPD Y5, 160(DI) \
	VMOVUPD Y6, 192(DI) \
	VMOVUPD Y7, 224(DI)

// LANETREE adds the lanes as laneTree does; the sum is in X0.
#define LANETREE \
	VADDPD       Y2, Y0, Y0 \
	VADDPD       Y6, Y4, Y4 \
	VADDPD       Y4, Y0, Y0 \
	VADDPD       Y3, Y1, Y1 \
	VADDPD       Y7, Y5, Y5 \
	VADDPD       Y5, Y1, Y1 \
	VADDPD       Y1, Y0, Y0 \
	VEXTRACTF128 $1, Y0, X1 \
	VADDPD       X1, X0, X0 \
	VPERMILPD    $1, X0, X1 \
	VADDSD       X1, X0, X0

// func vsumAVX2(a *[lanes]float64, x []float64) float64
TEXT ·vsumAVX2(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), DI
	MOVQ x_base+8(FP), SI
	MOVQ x_len+16(FP), CX
	LOADLANES
	SUBQ $32, CX
	JLT  tail

loop:
	// a[l] += x[i+l] for l from 0 to 31
	VADDPD (SI), Y0, Y0
	VADDPD 32(SI), Y1, Y1
	VADDPD 64(SI), Y2, Y2
	VADDPD 96(SI), Y3, Y3
	VADDPD 128(SI), Y4, Y4
	VADDPD 160(SI), Y5, Y5
	VADDPD 192(SI), Y6, Y6
	VADDPD 224(SI), Y7, Y7
	ADDQ   $256, SI
	SUBQ   $32, CX
	JGE    loop

tail:
	STORELANES
	ADDQ $32, CX
	JEQ  done
	XORQ BX, BX

one:
	// a[l] += x[i+l], one at a time
	VMOVSD (DI)(BX*8), X8
	VADDSD (SI)(BX*8), X8, X8
	VMOVSD X8, (DI)(BX*8)
	INCQ   BX
	CMPQ   BX, CX
	JLT    one
	LOADLANES

done:
	LANETREE
	VMOVSD X0, ret+32(FP)
	VZEROUPPER
	RET

// func vdotAVX2(a *[lanes]float64, x, y []float64) float64
TEXT ·vdotAVX2(SB), NOSPLIT, $0-64
	MOVQ a+0(FP), DI
	MOVQ x_base+8(FP), SI
	MOVQ x_len+16(FP), CX
	MOVQ y_base+32(FP), BX
	LOADLANES
	SUBQ $32, CX
	JLT  tail

loop:
	// a[l] = FMA(x[i+l], y[i+l], a[l]) for l from 0 to 31
	VMOVUPD     (SI), Y8
	VMOVUPD     32(SI), Y9
	VMOVUPD     64(SI), Y10
	VMOVUPD     96(SI), Y11
	VFMADD231PD (BX), Y8, Y0
	VFMADD231PD 32(BX), Y9, Y1
	VFMADD231PD 64(BX), Y10, Y2
	VFMADD231PD 96(BX), Y11, Y3
	VMOVUPD     128(SI), Y8
	VMOVUPD     160(SI), Y9
	VMOVUPD     192(SI), Y10
	VMOVUPD     224(SI), Y11
	VFMADD231PD 128(BX), Y8, Y4
	VFMADD231PD 160(BX), Y9, Y5
	VFMADD231PD 192(BX), Y10, Y6
	VFMADD231PD 224(BX), Y11, Y7
	ADDQ        $256, SI
	ADDQ        $256, BX
	SUBQ        $32, CX
	JGE         loop

tail:
	STORELANES
	ADDQ $32, CX
	JEQ  done
	XORQ DX, DX

one:
	// a[l] = FMA(x[i+l], y[i+l], a[l]), one at a time
	VMOVSD      (DI)(DX*8), X8
	VMOVSD      (SI)(DX*8), X9
	VFMADD231SD (BX)(DX*8), X9, X8
	VMOVSD      X8, (DI)(DX*8)
	INCQ        DX
	CMPQ        DX, CX
	JLT         one
	LOADLANES

done:
	LANETREE
	VMOVSD X0, ret+56(FP)
	VZEROUPPER
	RET

// MAX: a = x > a ? x : a, which passes over NaN; Y5 notes these.
#define MAX(X, A) \
	VMAXPD A, X, A     \
	VCMPPD $3, X, X, X \
	VORPD  X, Y5, Y5

// func vmaxAVX2(x []float64) float64
//
// The largest element, NaN if there is a NaN, and never -0.
TEXT ·vmaxAVX2(SB), NOSPLIT, $0-32
	MOVQ    x_base+0(FP), SI
	MOVQ    x_len+8(FP), CX
	LEAQ    ·vectors(SB), R8
	VMOVUPD constants_minusInf(R8), Y0
	VMOVAPD Y0, Y1
	VMOVAPD Y0, Y4
	VXORPD  Y5, Y5, Y5
	SUBQ    $8, CX
	JLT     tail

loop:
	VMOVUPD (SI), Y2
	VMOVUPD 32(SI), Y3
	MAX(Y2, Y0)
	MAX(Y3, Y1)
	ADDQ    $64, SI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JEQ        done
	LAST8
	VMASKMOVPD (SI), Y14, Y2
	VMASKMOVPD 32(SI), Y15, Y3
	VBLENDVPD  Y14, Y2, Y4, Y2
	VBLENDVPD  Y15, Y3, Y4, Y3
	MAX(Y2, Y0)
	MAX(Y3, Y1)

done:
	VMAXPD       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPD       X1, X0, X0
	VPERMILPD    $1, X0, X1
	VMAXSD       X1, X0, X0
	VXORPD       X1, X1, X1
	VADDSD       X1, X0, X0 // -0 + 0 = +0
	VMOVMSKPD    Y5, AX
	TESTL        AX, AX
	JEQ          number
	MOVQ         $0x7ff8000000000000, AX
	MOVQ         AX, X0

number:
	VMOVSD X0, ret+24(FP)
	VZEROUPPER
	RET

// func vaddrowAVX2(z, x, b []float64)
TEXT ·vaddrowAVX2(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), R9
	MOVQ b_base+48(FP), R11
	MOVQ b_len+56(FP), R10
	MOVQ R10, CX
	ANDQ $7, CX
	LAST8

row:
	MOVQ R11, BX
	MOVQ R10, CX
	SUBQ $8, CX
	JLT  tail

loop:
	// z[j] = x[j] + b[j], eight at a time
	VMOVUPD (SI), Y0
	VMOVUPD 32(SI), Y1
	VADDPD  (BX), Y0, Y0
	VADDPD  32(BX), Y1, Y1
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	ADDQ    $64, SI
	ADDQ    $64, BX
	ADDQ    $64, DI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JEQ        next
	VMASKMOVPD (SI), Y14, Y0
	VMASKMOVPD 32(SI), Y15, Y1
	VMASKMOVPD (BX), Y14, Y2
	VMASKMOVPD 32(BX), Y15, Y3
	VADDPD     Y2, Y0, Y0
	VADDPD     Y3, Y1, Y1
	VMASKMOVPD Y0, Y14, (DI)
	VMASKMOVPD Y1, Y15, 32(DI)
	LEAQ       (SI)(CX*8), SI
	LEAQ       (DI)(CX*8), DI

next:
	SUBQ R10, R9
	JGT  row
	VZEROUPPER
	RET

// func vsumrowsAVX2(s, x []float64)
//
// A block of columns stays in registers while the rows go by, in order.
TEXT ·vsumrowsAVX2(SB), NOSPLIT, $0-48
	MOVQ s_base+0(FP), DI
	MOVQ s_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), R11
	LEAQ (SI)(R11*8), R11  // end of x
	MOVQ CX, R10
	SHLQ $3, R10
	SUBQ $16, CX
	JLT  narrow

wide:
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	MOVQ    SI, BX

wideRow:
	// s[j] += x[i][j], 16 columns
	VADDPD  (BX), Y0, Y0
	VADDPD  32(BX), Y1, Y1
	VADDPD  64(BX), Y2, Y2
	VADDPD  96(BX), Y3, Y3
	ADDQ    R10, BX
	CMPQ    BX, R11
	JLT     wideRow
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	ADDQ    $128, DI
	ADDQ    $128, SI
	SUBQ    $16, CX
	JGE     wide

narrow:
	ADDQ $16, CX
	JEQ  done

block:
	// eight columns, or those that are left
	MOVQ       CX, R8
	MOVQ       $8, AX
	CMPQ       CX, AX
	CMOVQGT    AX, CX
	LAST8
	VMASKMOVPD (DI), Y14, Y0
	VMASKMOVPD 32(DI), Y15, Y1
	MOVQ       SI, BX

narrowRow:
	VMASKMOVPD (BX), Y14, Y2
	VMASKMOVPD 32(BX), Y15, Y3
	VADDPD     Y2, Y0, Y0
	VADDPD     Y3, Y1, Y1
	ADDQ       R10, BX
	CMPQ       BX, R11
	JLT        narrowRow
	VMASKMOVPD Y0, Y14, (DI)
	VMASKMOVPD Y1, Y15, 32(DI)
	ADDQ       $64, DI
	ADDQ       $64, SI
	MOVQ       R8, CX
	SUBQ       $8, CX
	JGT        block

done:
	VZEROUPPER
	RET

// UPDATE goes through w, three more slices at most and CX elements, four at a
// time. F works on what LOAD or LASTLOAD has loaded, and STORE or LASTSTORE stores it.
#define UPDATE(LOAD, F, STORE, LASTLOAD, LASTSTORE) \
	XORQ BX, BX \ // i
	SUBQ $4, CX \
	JLT  tail   \
loop:           \
	LOAD        \
	F           \
	STORE       \
	ADDQ $4, BX \
	SUBQ $4, CX \
	JGE  loop   \
tail:           \
	ADDQ $4, CX \
	JEQ  done   \
	LAST8       \
	LASTLOAD    \
	F           \
	LASTSTORE   \
done:           \
	VZEROUPPER

#define LOADSGD \
	VMOVUPD (DI)(BX*8), Y0 \ // w
	VMOVUPD (SI)(BX*8), Y2   // g

#define LASTLOADSGD \
	VMASKMOVPD (DI)(BX*8), Y14, Y0 \
	VMASKMOVPD (SI)(BX*8), Y14, Y2

#define STORESGD VMOVUPD Y0, (DI)(BX*8)
#define LASTSTORESGD VMASKMOVPD Y0, Y14, (DI)(BX*8)

// w = FMA(-rate, FMA(decay, w, g), w)
#define SGD \
	VFMADD231PD  Y0, Y13, Y2 \
	VFNMADD231PD Y2, Y12, Y0

// func sgdStepAVX2(w, g []float64, rate, decay float64)
TEXT ·sgdStepAVX2(SB), NOSPLIT, $0-64
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         g_base+24(FP), SI
	VBROADCASTSD rate+48(FP), Y12
	VBROADCASTSD decay+56(FP), Y13
	UPDATE(LOADSGD, SGD, STORESGD, LASTLOADSGD, LASTSTORESGD)
	RET

#define LOADMOMENTUM \
	VMOVUPD (DI)(BX*8), Y0 \ // w
	VMOVUPD (DX)(BX*8), Y1 \ // b
	VMOVUPD (SI)(BX*8), Y2   // g

#define LASTLOADMOMENTUM \
	VMASKMOVPD (DI)(BX*8), Y14, Y0 \
	VMASKMOVPD (DX)(BX*8), Y14, Y1 \
	VMASKMOVPD (SI)(BX*8), Y14, Y2

#define STOREMOMENTUM \
	VMOVUPD Y0, (DI)(BX*8) \
	VMOVUPD Y1, (DX)(BX*8)

#define LASTSTOREMOMENTUM \
	VMASKMOVPD Y0, Y14, (DI)(BX*8) \
	VMASKMOVPD Y1, Y14, (DX)(BX*8)

// d = FMA(decay, w, g); b = FMA(mu, b, fresh*d); w = FMA(-rate, b, w)
#define MOMENTUM \
	VFMADD231PD  Y0, Y13, Y2 \
	VMULPD       Y2, Y11, Y3 \
	VFMADD213PD  Y3, Y10, Y1 \
	VFNMADD231PD Y1, Y12, Y0

// func momentumStepAVX2(w, b, g []float64, mu, fresh, rate, decay float64)
TEXT ·momentumStepAVX2(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         b_base+24(FP), DX
	MOVQ         g_base+48(FP), SI
	VBROADCASTSD mu+72(FP), Y10
	VBROADCASTSD fresh+80(FP), Y11
	VBROADCASTSD rate+88(FP), Y12
	VBROADCASTSD decay+96(FP), Y13
	UPDATE(LOADMOMENTUM, MOMENTUM, STOREMOMENTUM, LASTLOADMOMENTUM, LASTSTOREMOMENTUM)
	RET

// As MOMENTUM, but w = FMA(-rate, FMA(mu, b, d), w).
#define NESTEROV \
	VFMADD231PD  Y0, Y13, Y2 \
	VMULPD       Y2, Y11, Y3 \
	VFMADD213PD  Y3, Y10, Y1 \
	VFMADD231PD  Y1, Y10, Y2 \
	VFNMADD231PD Y2, Y12, Y0

// func nesterovStepAVX2(w, b, g []float64, mu, fresh, rate, decay float64)
TEXT ·nesterovStepAVX2(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         b_base+24(FP), DX
	MOVQ         g_base+48(FP), SI
	VBROADCASTSD mu+72(FP), Y10
	VBROADCASTSD fresh+80(FP), Y11
	VBROADCASTSD rate+88(FP), Y12
	VBROADCASTSD decay+96(FP), Y13
	UPDATE(LOADMOMENTUM, NESTEROV, STOREMOMENTUM, LASTLOADMOMENTUM, LASTSTOREMOMENTUM)
	RET

#define LOADADAM \
	VMOVUPD (DI)(BX*8), Y0 \ // w
	VMOVUPD (DX)(BX*8), Y1 \ // m
	VMOVUPD (R8)(BX*8), Y2 \ // v
	VMOVUPD (SI)(BX*8), Y3   // g

#define LASTLOADADAM \
	VMASKMOVPD (DI)(BX*8), Y14, Y0 \
	VMASKMOVPD (DX)(BX*8), Y14, Y1 \
	VMASKMOVPD (R8)(BX*8), Y14, Y2 \
	VMASKMOVPD (SI)(BX*8), Y14, Y3

#define STOREADAM \
	VMOVUPD Y0, (DI)(BX*8) \
	VMOVUPD Y1, (DX)(BX*8) \
	VMOVUPD Y2, (R8)(BX*8)

#define LASTSTOREADAM \
	VMASKMOVPD Y0, Y14, (DI)(BX*8) \
	VMASKMOVPD Y1, Y14, (DX)(BX*8) \
	VMASKMOVPD Y2, Y14, (R8)(BX*8)

// m = FMA(beta1, m, rest1*g); v = FMA(beta2, v, rest2*g*g)
// w = FMA(-rate, m/FMA(Sqrt(v), root, epsilon), keep*w)
#define ADAM \
	VMULPD       Y3, Y7, Y4   \
	VFMADD213PD  Y4, Y6, Y1   \
	VMULPD       Y3, Y9, Y5   \
	VMULPD       Y3, Y5, Y5   \
	VFMADD213PD  Y5, Y8, Y2   \
	VSQRTPD      Y2, Y4       \
	VFMADD213PD  Y12, Y11, Y4 \
	VDIVPD       Y4, Y1, Y4   \
	VMULPD       Y0, Y13, Y0  \
	VFNMADD231PD Y4, Y10, Y0

// func adamStepAVX2(w, m, v, g []float64, a *adamNumbers)
TEXT ·adamStepAVX2(SB), NOSPLIT, $0-104
	MOVQ         w_base+0(FP), DI
	MOVQ         w_len+8(FP), CX
	MOVQ         m_base+24(FP), DX
	MOVQ         v_base+48(FP), R8
	MOVQ         g_base+72(FP), SI
	MOVQ         a+96(FP), AX
	VBROADCASTSD adamNumbers_beta1(AX), Y6
	VBROADCASTSD adamNumbers_rest1(AX), Y7
	VBROADCASTSD adamNumbers_beta2(AX), Y8
	VBROADCASTSD adamNumbers_rest2(AX), Y9
	VBROADCASTSD adamNumbers_rate(AX), Y10
	VBROADCASTSD adamNumbers_root(AX), Y11
	VBROADCASTSD adamNumbers_epsilon(AX), Y12
	VBROADCASTSD adamNumbers_keep(AX), Y13
	UPDATE(LOADADAM, ADAM, STOREADAM, LASTLOADADAM, LASTSTOREADAM)
	RET
