package nn

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A Tensor is an array of any rank, as the files of NumPy, PyTorch and
// safetensors hold them. Its values, with the last dimension varying fastest,
// are the elements of a matrix that has a row for each index of the first
// dimension: a (60000, 28, 28) array is a 60000×784 matrix, a (10) array 10×1,
// and a single number, of shape (), 1×1.
type Tensor struct {
	Shape Shape // all dimensions, also the first; they may be 0
	*Matrix
}

// Tensors are arrays by name: what a file of weights holds.
type Tensors map[string]Tensor

// NewTensor returns a tensor of the elements of m, in order, with the given
// dimensions, or with m's own two if none are given. It shares m's memory. It
// panics if the product of the dimensions is not the number of elements.
func NewTensor(m *Matrix, dims ...int) Tensor {
	m.check("NewTensor")
	if len(dims) == 0 {
		dims = []int{m.Rows, m.Cols}
	}
	n, ok := volume(dims)
	if !ok || n != len(m.Data) {
		panic(fmt.Sprintf("nn: NewTensor: a %d×%d matrix can't have the shape %v", m.Rows, m.Cols, Shape(dims)))
	}
	return tensorOf(append(Shape{}, dims...), m.Data)
}

// check panics if t was made by hand and has not the values of its shape.
func (t Tensor) check(op, name string) {
	if n, ok := volume(t.Shape); !ok || t.Matrix == nil || n != len(t.Data) {
		have := 0
		if t.Matrix != nil {
			have = len(t.Data)
		}
		panic(fmt.Sprintf("nn: %s: tensor %q has the shape %v and %d values", op, name, t.Shape, have))
	}
}

// tensorOf returns a tensor of data, whose length is the shape's volume.
func tensorOf(shape Shape, data []float64) Tensor {
	rows, cols := 1, 1
	for i, d := range shape {
		if i == 0 {
			rows = d
		} else {
			cols *= d
		}
	}
	return Tensor{shape, &Matrix{rows, cols, data}}
}

// volume returns the product of the dimensions, and whether it is the length that a
// slice of values can have. The product of the dimensions that are not 0 is
// bounded too, so that rows and columns of an empty tensor are numbers as well.
func volume(dims []int) (int, bool) {
	n, empty := 1, false
	for _, d := range dims {
		if d == 0 {
			empty = true
			continue
		}
		if d < 0 || n > maxElements/d {
			return 0, false
		}
		n *= d
	}
	if empty {
		n = 0
	}
	return n, true
}

// A number is a type of number as files hold it. Each becomes a float64: exactly,
// but for integers beyond ±2⁵³, which are rounded to the nearest, ties to even.
type number struct {
	size   int // in bytes
	decode func(b []byte, order binary.ByteOrder) float64
}

var (
	numBool = number{1, func(b []byte, _ binary.ByteOrder) float64 {
		if b[0] != 0 {
			return 1
		}
		return 0
	}}
	numU8   = number{1, func(b []byte, _ binary.ByteOrder) float64 { return float64(b[0]) }}
	numI8   = number{1, func(b []byte, _ binary.ByteOrder) float64 { return float64(int8(b[0])) }}
	numU16  = number{2, func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint16(b)) }}
	numI16  = number{2, func(b []byte, o binary.ByteOrder) float64 { return float64(int16(o.Uint16(b))) }}
	numU32  = number{4, func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint32(b)) }}
	numI32  = number{4, func(b []byte, o binary.ByteOrder) float64 { return float64(int32(o.Uint32(b))) }}
	numU64  = number{8, func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint64(b)) }}
	numI64  = number{8, func(b []byte, o binary.ByteOrder) float64 { return float64(int64(o.Uint64(b))) }}
	numF16  = number{2, func(b []byte, o binary.ByteOrder) float64 { return float16(o.Uint16(b)) }}
	numBF16 = number{2, func(b []byte, o binary.ByteOrder) float64 {
		return float64(math.Float32frombits(uint32(o.Uint16(b)) << 16))
	}}
	numF32 = number{4, func(b []byte, o binary.ByteOrder) float64 { return float64(math.Float32frombits(o.Uint32(b))) }}
	numF64 = number{8, func(b []byte, o binary.ByteOrder) float64 { return math.Float64frombits(o.Uint64(b)) }}
)

// float16 returns the value of an IEEE 754 binary16: a sign, 5 bits of exponent
// with bias 15, 10 bits of fraction.
func float16(h uint16) float64 {
	sign, exp, frac := uint64(h>>15)<<63, uint64(h>>10&31), uint64(h&1023)
	switch exp {
	case 0: // subnormal: frac·2⁻²⁴
		return math.Float64frombits(sign | math.Float64bits(float64(frac)/(1<<24)))
	case 31: // infinity, or NaN
		return math.Float64frombits(sign | 2047<<52 | frac<<42)
	}
	return math.Float64frombits(sign | (exp-15+1023)<<52 | frac<<42)
}

// readNumbers reads n numbers of a type. Memory is allocated for bytes that
// have arrived, never for what a header promises. At an early end of r the error
// wraps io.ErrUnexpectedEOF.
func readNumbers(r io.Reader, n int, num number, order binary.ByteOrder) ([]float64, error) {
	buf := make([]byte, min(n, 8192)*num.size)
	data := make([]float64, 0, min(n, 8192))
	for len(data) < n {
		if len(data) == cap(data) { // as many values have arrived; trust in as many more
			data = append(make([]float64, 0, min(n, 2*len(data))), data...)
		}
		b := buf[:min(num.size*(cap(data)-len(data)), len(buf))]
		if got, err := io.ReadFull(r, b); err != nil {
			return nil, fmt.Errorf("%d values of %d: %w", len(data)+got/num.size, n, noEOF(err))
		}
		for ; len(b) > 0; b = b[num.size:] {
			data = append(data, num.decode(b, order))
		}
	}
	return data, nil
}
