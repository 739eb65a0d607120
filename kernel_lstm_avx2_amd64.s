//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// func lstmBackAVX2(z *float64, zs int, before, tc, dh, dc *float64, n int)
//
// lstmBack for n units, a positive multiple of 4, with gates zs apart.
//
//	SI, R8, R9   z, zs and 3·zs in bytes     Y15   1
//	BX           before                      Y0…3  i, f, g, o
//	DX, DI, R10  tc, dh, dc                  Y8    the gradient of c
TEXT ·lstmBackAVX2(SB), NOSPLIT, $0-56
	MOVQ    z+0(FP), SI
	MOVQ    zs+8(FP), R8
	MOVQ    before+16(FP), BX
	MOVQ    tc+24(FP), DX
	MOVQ    dh+32(FP), DI
	MOVQ    dc+40(FP), R10
	MOVQ    n+48(FP), CX
	SHLQ    $3, R8
	LEAQ    (R8)(R8*2), R9
	LEAQ    ·vectors(SB), AX
	VMOVUPD constants_one(AX), Y15
	PCALIGN $32

loop:
	VMOVUPD (SI), Y0
	VMOVUPD (SI)(R8*1), Y1
	VMOVUPD (SI)(R8*2), Y2
	VMOVUPD (SI)(R9*1), Y3
	VMOVUPD (DI), Y4
	VMOVUPD (DX), Y5

	// dc += dh·o·(1 − tc²)
	VMULPD       Y3, Y4, Y8
	VMOVAPD      Y15, Y9
	VFNMADD231PD Y5, Y5, Y9
	VMULPD       Y9, Y8, Y8
	VADDPD       (R10), Y8, Y8

	// do = dh·tc · o·(1 − o)
	VMULPD  Y5, Y4, Y6
	VSUBPD  Y3, Y15, Y7
	VMULPD  Y3, Y7, Y7
	VMULPD  Y7, Y6, Y6
	VMOVUPD Y6, (SI)(R9*1)

	// di = dc·g · i·(1 − i)
	VMULPD  Y2, Y8, Y9
	VSUBPD  Y0, Y15, Y10
	VMULPD  Y0, Y10, Y10
	VMULPD  Y10, Y9, Y9
	VMOVUPD Y9, (SI)

	// df = dc·before · f·(1 − f)
	VMULPD  (BX), Y8, Y11
	VSUBPD  Y1, Y15, Y12
	VMULPD  Y1, Y12, Y12
	VMULPD  Y12, Y11, Y11
	VMOVUPD Y11, (SI)(R8*1)

	// dg = dc·i · (1 − g²)
	VMULPD       Y0, Y8, Y13
	VMOVAPD      Y15, Y14
	VFNMADD231PD Y2, Y2, Y14
	VMULPD       Y14, Y13, Y13
	VMOVUPD      Y13, (SI)(R8*2)

	// dc = dc·f, dh = 0
	VMULPD  Y1, Y8, Y8
	VMOVUPD Y8, (R10)
	VXORPD  Y4, Y4, Y4
	VMOVUPD Y4, (DI)

	ADDQ $32, SI
	ADDQ $32, BX
	ADDQ $32, DX
	ADDQ $32, DI
	ADDQ $32, R10
	SUBQ $4, CX
	JG   loop
	VZEROUPPER
	RET
