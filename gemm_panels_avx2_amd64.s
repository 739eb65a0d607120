//go:build !purego

#include "textflag.h"

// Panels, four rows of all panels at a time: rows may lie so far apart that their lines
// do not stay in the cache until the next panel comes, so each is read to its end.
//
//	BX   dst at p         DI  dst at p, t       R8, R9  lds, 3·lds
//	SI   src at p         DX  src at p, t       R10     a panel
//	R11  rows left        CX  panels left

#define PANELS(width) \
	MOVQ dst+0(FP), BX;     \
	MOVQ src+8(FP), SI;     \
	MOVQ lds+16(FP), R8;    \
	MOVQ rows+24(FP), R11;  \
	SHLQ $3, R8;            \
	LEAQ (R8)(R8*2), R9;    \
	IMUL3Q $width, R11, R10

#define FIRST MOVQ BX, DI; MOVQ SI, DX; MOVQ panels+32(FP), CX

#define LOAD(n) \
	VMOVUPD n(DX), Y0;         \
	VMOVUPD n(DX)(R8*1), Y1;   \
	VMOVUPD n(DX)(R8*2), Y2;   \
	VMOVUPD n(DX)(R9*1), Y3

#define STORE(n, width) \
	VMOVUPD Y0, n(DI);             \
	VMOVUPD Y1, (n+width)(DI);     \
	VMOVUPD Y2, (n+2*width)(DI);   \
	VMOVUPD Y3, (n+3*width)(DI)

// func copy4AVX2(dst, src *float64, lds, rows, panels int)
TEXT ·copy4AVX2(SB), NOSPLIT, $0-40
	PANELS(32)
	JMP  check
rows:
	FIRST
panel:
	LOAD(0)
	STORE(0, 32)
	ADDQ $32, DX
	ADDQ R10, DI
	DECQ CX
	JNZ  panel
	LEAQ (SI)(R8*4), SI
	ADDQ $128, BX
check:
	SUBQ $4, R11
	JGE  rows
	ADDQ $4, R11
	JZ   done
row: // the last rows, one by one
	FIRST
one:
	VMOVUPD (DX), Y0
	VMOVUPD Y0, (DI)
	ADDQ $32, DX
	ADDQ R10, DI
	DECQ CX
	JNZ  one
	ADDQ R8, SI
	ADDQ $32, BX
	DECQ R11
	JNZ  row
done:
	VZEROUPPER
	RET

// func copy12AVX2(dst, src *float64, lds, rows, panels int)
TEXT ·copy12AVX2(SB), NOSPLIT, $0-40
	PANELS(96)
	JMP  check
rows:
	FIRST
panel:
	LOAD(0)
	STORE(0, 96)
	LOAD(32)
	STORE(32, 96)
	LOAD(64)
	STORE(64, 96)
	ADDQ $96, DX
	ADDQ R10, DI
	DECQ CX
	JNZ  panel
	LEAQ (SI)(R8*4), SI
	ADDQ $384, BX
check:
	SUBQ $4, R11
	JGE  rows
	ADDQ $4, R11
	JZ   done
row: // the last rows, one by one
	FIRST
one:
	VMOVUPD (DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	ADDQ $96, DX
	ADDQ R10, DI
	DECQ CX
	JNZ  one
	ADDQ R8, SI
	ADDQ $96, BX
	DECQ R11
	JNZ  row
done:
	VZEROUPPER
	RET
