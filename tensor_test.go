package nn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
)

func TestNewTensor(t *testing.T) {
	m := NewMatrix(2, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	for _, c := range []struct {
		dims       []int
		shape      Shape
		rows, cols int
	}{
		{nil, Shape{2, 6}, 2, 6},
		{[]int{12}, Shape{12}, 12, 1},
		{[]int{3, 2, 2}, Shape{3, 2, 2}, 3, 4},
		{[]int{1, 12}, Shape{1, 12}, 1, 12},
	} {
		x := NewTensor(m, c.dims...)
		if !slices.Equal(x.Shape, c.shape) || x.Rows != c.rows || x.Cols != c.cols || &x.Data[0] != &m.Data[0] {
			t.Errorf("NewTensor(2×6, %v) = %v, %d×%d, want %v, %d×%d", c.dims, x.Shape, x.Rows, x.Cols, c.shape, c.rows, c.cols)
		}
	}
	if x := NewTensor(NewMatrix(0, 3)); x.Rows != 0 || x.Cols != 3 {
		t.Errorf("NewTensor(0×3) is %d×%d", x.Rows, x.Cols)
	}
	for _, dims := range [][]int{{5}, {-2, -6}, {math.MaxInt, math.MaxInt}, {0}} {
		wantPanic(t, "nn: NewTensor: a 2×6 matrix can't have the shape", func() { NewTensor(m, dims...) })
	}
}

// TestNumbers compares with values from NumPy 1.24 and the tables of IEEE 754.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		name string
		num  number
		b    []byte // big-endian
		want float64
	}{
		{"bool", numBool, []byte{2}, 1},
		{"bool", numBool, []byte{0}, 0},
		{"u8", numU8, []byte{255}, 255},
		{"i8", numI8, []byte{255}, -1},
		{"u16", numU16, []byte{0xff, 0xfe}, 65534},
		{"i16", numI16, []byte{0xff, 0xfe}, -2},
		{"u32", numU32, []byte{0xff, 0xff, 0xff, 0xfe}, 4294967294},
		{"i32", numI32, []byte{0xff, 0xff, 0xff, 0xfe}, -2},
		{"u64", numU64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1 << 64},
		{"i64", numI64, []byte{0x80, 0, 0, 0, 0, 0, 0, 0}, -1 << 63},
		{"i64", numI64, []byte{0, 0x20, 0, 0, 0, 0, 0, 1}, 1 << 53}, // tie, to even
		{"f16", numF16, []byte{0x3c, 0}, 1},
		{"f16", numF16, []byte{0x35, 0x55}, 0.333251953125},
		{"f16", numF16, []byte{0xfb, 0xff}, -65504},
		{"f16", numF16, []byte{0, 1}, 0x1p-24},
		{"f16", numF16, []byte{0x83, 0xff}, -1023 * 0x1p-24},
		{"f16", numF16, []byte{0x80, 0}, math.Copysign(0, -1)},
		{"f16", numF16, []byte{0xfc, 0}, math.Inf(-1)},
		{"f16", numF16, []byte{0x7e, 0}, math.NaN()},
		{"f16", numF16, []byte{0x7c, 1}, math.NaN()},
		{"bf16", numBF16, []byte{0xc0, 0x49}, -3.140625},
		{"f32", numF32, []byte{0x3d, 0xcc, 0xcc, 0xcd}, 0.100000001490116119384765625},
		{"f64", numF64, []byte{0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a}, 0.1},
	} {
		same := func(x float64) bool {
			return math.Float64bits(x) == math.Float64bits(c.want) || math.IsNaN(x) && math.IsNaN(c.want)
		}
		got, err := readNumbers(bytes.NewReader(c.b), 1, c.num, binary.BigEndian)
		if err != nil || !same(got[0]) {
			t.Errorf("%s % x big-endian is %v, %v, want %v", c.name, c.b, got, err, c.want)
		}
		slices.Reverse(c.b)
		got, err = readNumbers(bytes.NewReader(c.b), 1, c.num, binary.LittleEndian)
		if err != nil || !same(got[0]) {
			t.Errorf("%s % x little-endian is %v, %v, want %v", c.name, c.b, got, err, c.want)
		}
	}
}

func TestReadNumbers(t *testing.T) {
	for _, n := range []int{0, 1, 8191, 8192, 8193, 50001} {
		b := make([]byte, 2*n)
		for i := range n {
			binary.LittleEndian.PutUint16(b[2*i:], uint16(i))
		}
		got, err := readNumbers(bytes.NewReader(b), n, numU16, binary.LittleEndian)
		if err != nil || len(got) != n {
			t.Fatalf("%d numbers: %d, %v", n, len(got), err)
		}
		for i, v := range got {
			if v != float64(uint16(i)) {
				t.Fatalf("number %d of %d is %v", i, n, v)
			}
		}
	}
	// A promise of more values than memory costs what 100 bytes cost.
	if _, err := readNumbers(bytes.NewReader(make([]byte, 100)), maxElements, numF64, binary.LittleEndian); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("12 of maxElements values: error %v, want io.ErrUnexpectedEOF", err)
	}
}
