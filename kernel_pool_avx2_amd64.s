//go:build !purego

#include "textflag.h"

// Windows of 2×2 side by side with AVX2, four at a time. The last four of a row may
// have been done in part.
//
//	SI, DX   rows 2i and 2i+1 of the plane    R9   two rows in bytes
//	DI       row i of y or dy                 R10  rows left
//	BX       row i of arg, or 0               R11  the j of the last four windows
//	CX       window j of the row              R13  place in the plane of window i, 0
//	Y15      1 in each lane                   Y12  0, 4, 2, 6: where windows begin
//	Y14      width of the plane                    when pairs are unpacked,
//	Y13      width + 1                             in this order: 0, 2, 1, 3

DATA begins<>+0(SB)/8, $0.0
DATA begins<>+8(SB)/8, $4.0
DATA begins<>+16(SB)/8, $2.0
DATA begins<>+24(SB)/8, $6.0
DATA begins<>+32(SB)/8, $1.0
GLOBL begins<>(SB), RODATA|NOPTR, $40

#define ARGS \
	MOVQ y+0(FP), DI;            \
	MOVQ arg+8(FP), BX;          \
	MOVQ x+16(FP), SI;           \
	MOVQ width+24(FP), R9;       \
	MOVQ h+32(FP), R10;          \
	MOVQ n+40(FP), R11;          \
	VMOVUPD begins<>(SB), Y12;   \
	VBROADCASTSD begins<>+32(SB), Y15; \
	VCVTSI2SDQ R9, X14, X14;     \
	VBROADCASTSD X14, Y14;       \
	VADDPD Y14, Y15, Y13;        \
	LEAQ (SI)(R9*8), DX;         \
	SHLQ $4, R9;                 \
	SUBQ $4, R11;                \
	XORQ R13, R13

// Y8 = places of windows j to j+3
#define PLACES \
	LEAQ (R13)(CX*2), AX;        \
	VCVTSI2SDQ AX, X8, X8;       \
	VBROADCASTSD X8, Y8;         \
	VADDPD Y12, Y8, Y8

// if v > best || v is NaN && best is not { best, at = v, place }
#define LARGER(v, place) \
	VCMPPD $0x16, Y4, v, Y6;     \
	VCMPPD $7, Y4, Y4, Y7;       \
	VANDPD Y7, Y6, Y6;           \
	VBLENDVPD Y6, v, Y4, Y4;     \
	VBLENDVPD Y6, place, Y5, Y5

// j = min(j+4, last), or on to the next row
#define NEXT(again) \
	CMPQ CX, R11;                \
	JEQ  next;                   \
	ADDQ $4, CX;                 \
	CMPQ CX, R11;                \
	CMOVQGT R11, CX;             \
	JMP  again

// One row of windows of any size, four at a time, that begin side by side or two
// columns apart.
//
//	SI   x where the first begins   R9   from behind a row of a window to the next
//	DI   y                          R10  rows, R12 columns of a window
//	BX   arg, or 0                  R11  the j of the last four windows
//	CX   window j                   R13  place of the first
//	AX   x                          R8, DX  rows, columns left
//	Y4   best, or sum               Y5   where in the window
//	Y9   place in the window        Y15  1 in each lane
//	Y14  from the end of a row to   Y12  0, 1, 2, 3, or as above: where windows
//	     the next                        begin

DATA sides<>+0(SB)/8, $0.0
DATA sides<>+8(SB)/8, $1.0
DATA sides<>+16(SB)/8, $2.0
DATA sides<>+24(SB)/8, $3.0
GLOBL sides<>(SB), RODATA|NOPTR, $32

#define SIDE1(y) VMOVUPD (AX), y
#define SIDE2(y) VMOVUPD (AX), y; VSHUFPD $10, 24(AX), y, y
#define KEEP(y)
#define TURN(y) VPERMPD $0xd8, y, y

#define MAXROW(SIDE, ORDER, stride) \
	MOVQ y+0(FP), DI;            \
	MOVQ arg+8(FP), BX;          \
	MOVQ x+16(FP), SI;           \
	MOVQ width+24(FP), R9;       \
	MOVQ h+32(FP), R10;          \
	MOVQ w+40(FP), R12;          \
	MOVQ n+48(FP), R11;          \
	MOVQ place+56(FP), R13;      \
	VBROADCASTSD begins<>+32(SB), Y15; \
	SUBQ R12, R9;                \
	VCVTSI2SDQ R9, X14, X14;     \
	VBROADCASTSD X14, Y14;       \
	SHLQ $3, R9;                 \
	SUBQ $4, R11;                \
	XORQ CX, CX;                 \
windows:                             \
	LEAQ (CX*stride), AX;        \
	LEAQ (SI)(AX*8), AX;         \
	MOVQ R10, R8;                \
	SIDE(Y4);                    \
	VXORPD Y5, Y5, Y5;           \
	VXORPD Y9, Y9, Y9;           \
row:                                 \
	MOVQ R12, DX;                \
column:                              \
	SIDE(Y0);                    \
	LARGER(Y0, Y9);              \
	VADDPD Y15, Y9, Y9;          \
	ADDQ $8, AX;                 \
	DECQ DX;                     \
	JNZ  column;                 \
	VADDPD Y14, Y9, Y9;          \
	ADDQ R9, AX;                 \
	DECQ R8;                     \
	JNZ  row;                    \
	ORDER(Y4);                   \
	VMOVUPD Y4, (DI)(CX*8);      \
	TESTQ BX, BX;                \
	JEQ  next;                   \
	LEAQ (R13)(CX*stride), AX;   \
	VCVTSI2SDQ AX, X8, X8;       \
	VBROADCASTSD X8, Y8;         \
	VADDPD Y12, Y8, Y8;          \
	VADDPD Y5, Y8, Y5;           \
	ORDER(Y5);                   \
	VMOVUPD Y5, (BX)(CX*8);      \
next:                                \
	CMPQ CX, R11;                \
	JEQ  done;                   \
	ADDQ $4, CX;                 \
	CMPQ CX, R11;                \
	CMOVQGT R11, CX;             \
	JMP  windows;                \
done:                                \
	VZEROUPPER;                  \
	RET

#define MEANROW(SIDE, ORDER, stride) \
	MOVQ y+0(FP), DI;            \
	MOVQ x+8(FP), SI;            \
	MOVQ width+16(FP), R9;       \
	MOVQ h+24(FP), R10;          \
	MOVQ w+32(FP), R12;          \
	MOVQ n+40(FP), R11;          \
	VBROADCASTSD size+48(FP), Y15; \
	SUBQ R12, R9;                \
	SHLQ $3, R9;                 \
	SUBQ $4, R11;                \
	XORQ CX, CX;                 \
windows:                             \
	LEAQ (CX*stride), AX;        \
	LEAQ (SI)(AX*8), AX;         \
	MOVQ R10, R8;                \
	VXORPD Y4, Y4, Y4;           \
row:                                 \
	MOVQ R12, DX;                \
column:                              \
	SIDE(Y0);                    \
	VADDPD Y0, Y4, Y4;           \
	ADDQ $8, AX;                 \
	DECQ DX;                     \
	JNZ  column;                 \
	ADDQ R9, AX;                 \
	DECQ R8;                     \
	JNZ  row;                    \
	VDIVPD Y15, Y4, Y4;          \
	ORDER(Y4);                   \
	VMOVUPD Y4, (DI)(CX*8);      \
	CMPQ CX, R11;                \
	JEQ  done;                   \
	ADDQ $4, CX;                 \
	CMPQ CX, R11;                \
	CMOVQGT R11, CX;             \
	JMP  windows;                \
done:                                \
	VZEROUPPER;                  \
	RET

// func maxPool2AVX2(y, arg, x *float64, width, h, n int)
TEXT ·maxPool2AVX2(SB), NOSPLIT, $0-48
	ARGS
row:
	XORQ CX, CX
windows:
	MOVQ CX, R12
	SHLQ $4, R12
	VMOVUPD (SI)(R12*1), Y0
	VMOVUPD 32(SI)(R12*1), Y1
	VMOVUPD (DX)(R12*1), Y2
	VMOVUPD 32(DX)(R12*1), Y3
	VUNPCKLPD Y1, Y0, Y4           // best = upper left
	VUNPCKHPD Y1, Y0, Y0           // upper right
	VUNPCKLPD Y3, Y2, Y1           // lower left
	VUNPCKHPD Y3, Y2, Y2           // lower right
	VXORPD Y5, Y5, Y5              // at = 0
	LARGER(Y0, Y15)
	LARGER(Y1, Y14)
	LARGER(Y2, Y13)
	VPERMPD $0xd8, Y4, Y4
	VMOVUPD Y4, (DI)(CX*8)         // y = best
	TESTQ BX, BX
	JEQ   done
	PLACES
	VADDPD Y5, Y8, Y5
	VPERMPD $0xd8, Y5, Y5
	VMOVUPD Y5, (BX)(CX*8)         // arg = place + at
done:
	NEXT(windows)
next:
	MOVQ n+40(FP), AX
	LEAQ (DI)(AX*8), DI
	LEAQ (BX)(AX*8), AX
	TESTQ BX, BX
	CMOVQNE AX, BX
	ADDQ R9, SI
	ADDQ R9, DX
	MOVQ width+24(FP), AX
	LEAQ (R13)(AX*2), R13
	DECQ R10
	JNZ  row
	VZEROUPPER
	RET

// v = dy where the window's largest is at this place, else 0
#define HERE(place, v) \
	VADDPD place, Y8, v;         \
	VCMPPD $0, v, Y5, v;         \
	VANDPD Y4, v, v

// func maxPool2BackAVX2(y, arg, x *float64, width, h, n int)
TEXT ·maxPool2BackAVX2(SB), NOSPLIT, $0-48
	ARGS
	VXORPD Y11, Y11, Y11
row:
	XORQ CX, CX
windows:
	PLACES
	VPERMPD $0xd8, (DI)(CX*8), Y4
	VPERMPD $0xd8, (BX)(CX*8), Y5
	VADDPD Y11, Y4, Y4             // 0 + dy
	HERE(Y11, Y0)                  // upper left
	HERE(Y15, Y1)                  // upper right
	HERE(Y14, Y2)                  // lower left
	HERE(Y13, Y3)                  // lower right
	MOVQ CX, R12
	SHLQ $4, R12
	VUNPCKLPD Y1, Y0, Y6
	VUNPCKHPD Y1, Y0, Y7
	VMOVUPD Y6, (SI)(R12*1)
	VMOVUPD Y7, 32(SI)(R12*1)
	VUNPCKLPD Y3, Y2, Y6
	VUNPCKHPD Y3, Y2, Y7
	VMOVUPD Y6, (DX)(R12*1)
	VMOVUPD Y7, 32(DX)(R12*1)
	NEXT(windows)
next:
	MOVQ n+40(FP), AX
	LEAQ (DI)(AX*8), DI
	LEAQ (BX)(AX*8), BX
	ADDQ R9, SI
	ADDQ R9, DX
	MOVQ width+24(FP), AX
	LEAQ (R13)(AX*2), R13
	DECQ R10
	JNZ  row
	VZEROUPPER
	RET

// func maxRow1AVX2(y, arg, x *float64, width, h, w, n, place int)
TEXT ·maxRow1AVX2(SB), NOSPLIT, $0-64
	VMOVUPD sides<>(SB), Y12
	MAXROW(SIDE1, KEEP, 1)

// func maxRow2AVX2(y, arg, x *float64, width, h, w, n, place int)
TEXT ·maxRow2AVX2(SB), NOSPLIT, $0-64
	VMOVUPD begins<>(SB), Y12
	MAXROW(SIDE2, TURN, 2)

// func meanRow1AVX2(y, x *float64, width, h, w, n int, size float64)
TEXT ·meanRow1AVX2(SB), NOSPLIT, $0-56
	MEANROW(SIDE1, KEEP, 1)

// func meanRow2AVX2(y, x *float64, width, h, w, n int, size float64)
TEXT ·meanRow2AVX2(SB), NOSPLIT, $0-56
	MEANROW(SIDE2, TURN, 2)

// func meanPairsAVX2(dx, dy *float64, width, n int, size float64)
//
//	SI, DX  two rows of dx    DI  dy    CX, R11  j and the last
TEXT ·meanPairsAVX2(SB), NOSPLIT, $0-40
	MOVQ dx+0(FP), SI
	MOVQ dy+8(FP), DI
	MOVQ width+16(FP), AX
	MOVQ n+24(FP), R11
	VBROADCASTSD size+32(FP), Y15
	VXORPD Y14, Y14, Y14
	LEAQ (SI)(AX*8), DX
	SUBQ $4, R11
	XORQ CX, CX
windows:
	VMOVUPD (DI)(CX*8), Y0
	VDIVPD Y15, Y0, Y0
	VADDPD Y14, Y0, Y0             // 0 + dy/size
	VPERMPD $0x50, Y0, Y1          // each twice
	VPERMPD $0xfa, Y0, Y2
	MOVQ CX, AX
	SHLQ $4, AX
	VMOVUPD Y1, (SI)(AX*1)
	VMOVUPD Y2, 32(SI)(AX*1)
	VMOVUPD Y1, (DX)(AX*1)
	VMOVUPD Y2, 32(DX)(AX*1)
	NEXT(windows)
next:
	VZEROUPPER
	RET
