package nn

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// The .npy format (numpy.org, numpy.lib.format; NEP 1):
//
//	6 bytes       "\x93NUMPY"
//	2 bytes       the version: 1 0, 2 0 or 3 0
//	2 or 4 bytes  the length of the header, little-endian; 2 in version 1
//	the header    a Python dictionary of descr, the type of the elements,
//	              fortran_order and shape; padded with spaces, so that what
//	              follows begins at a multiple of 64, and ended by a newline
//	the elements  the last index varying fastest, or with fortran_order the first
const (
	npyMagic = "\x93NUMPY"

	// NumPy refuses longer headers too, unless it is told to trust them.
	maxNPYHeader = 10000

	// NumPy 2 has at most 64 dimensions, NumPy 1 half of them.
	maxNPYRank = 64
)

// ReadNPY reads an array from r in the .npy format of NumPy, all three versions
// of it. Elements may be of the types
//
//	b1 (False is 0, True 1)  u1 u2 u4 u8  i1 i2 i4 i8  f2 f4 f8
//
// in either byte order, and in C or Fortran order; they become float64, those
// of u8 and i8 beyond ±2⁵³ rounded. Elements of any other type are an error:
// complex numbers, text, dates, records, and Python objects, which lie in the file as a
// program that unpickling would run.
//
// ReadNPY reads the bytes of one array and no more, so that of arrays written
// one after another, as numpy.save does with an open file, the next can be read
// by the next call. If there is not a byte left, the error wraps [io.EOF]. The
// bytes may come from a stranger: whatever they are, ReadNPY allocates memory
// in proportion to their number.
func ReadNPY(r io.Reader) (Tensor, error) {
	t, err := readNPY(r, maxElements)
	if err != nil {
		return Tensor{}, fmt.Errorf("nn: ReadNPY: %w", err)
	}
	return t, nil
}

// ReadNPYFile reads the array of a .npy file. Bytes after it are an error; for a file of
// several arrays see [ReadNPY].
func ReadNPYFile(name string) (Tensor, error) {
	f, err := os.Open(name)
	if err != nil {
		return Tensor{}, fmt.Errorf("nn: ReadNPYFile: %w", err)
	}
	defer f.Close()
	t, err := readNPYEnd(bufio.NewReaderSize(f, 1<<16), maxElements)
	if err != nil {
		return Tensor{}, fmt.Errorf("nn: ReadNPYFile: %s: %w", name, noEOF(err))
	}
	return t, nil
}

// readNPYEnd is readNPY of all that r has.
func readNPYEnd(r io.Reader, limit int) (Tensor, error) {
	t, err := readNPY(r, limit)
	if err != nil {
		return t, err
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return Tensor{}, errors.New("there are bytes after the array")
	case err != io.EOF:
		return Tensor{}, err
	}
	return t, nil
}

// readNPY reads an array of at most limit elements.
func readNPY(r io.Reader, limit int) (Tensor, error) {
	h, err := readNPYHeader(r)
	if err == io.EOF {
		return Tensor{}, err
	} else if err != nil {
		return Tensor{}, fmt.Errorf("header: %w", err)
	}
	n, ok := volume(h.shape)
	if !ok {
		return Tensor{}, fmt.Errorf("header: the product of the shape %v is too large", h.shape)
	}
	if n > limit {
		return Tensor{}, fmt.Errorf("header: the shape %v has more than %d elements", h.shape, limit)
	}
	data, err := readNumbers(r, n, h.num, h.order)
	if err != nil {
		return Tensor{}, err
	}
	if h.fortran {
		data = fromFortran(data, h.shape)
	}
	return tensorOf(h.shape, data), nil
}

// readNPYHeader reads all that stands before the elements. Its error is io.EOF
// only if r is at its end.
func readNPYHeader(r io.Reader) (h npyHeader, err error) {
	var b [12]byte
	if _, err := io.ReadFull(r, b[:8]); err != nil {
		return h, err // io.EOF, io.ErrUnexpectedEOF, or r's own
	}
	if string(b[:4]) == "PK\x03\x04" {
		return h, errors.New("this is a zip archive; ReadNPZ reads a .npz file")
	}
	if string(b[:6]) != npyMagic {
		return h, fmt.Errorf("the data begin with %q, not with %q", b[:6], npyMagic)
	}
	major, minor := int(b[6]), int(b[7])
	if major < 1 || major > 3 || minor != 0 {
		return h, fmt.Errorf("version %d.%d of the format; only 1.0, 2.0 and 3.0 can be read", major, minor)
	}
	size := b[8:10]
	if major > 1 {
		size = b[8:12]
	}
	if _, err := io.ReadFull(r, size); err != nil {
		return h, noEOF(err)
	}
	n := binary.LittleEndian.Uint32(b[8:]) // in version 1, its upper bytes are 0
	if n > maxNPYHeader {
		return h, fmt.Errorf("its length is %d; %d is the most", n, maxNPYHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, noEOF(err)
	}
	return parseNPYHeader(string(text), major)
}

// fromFortran returns, with the last index varying fastest, the elements of data,
// in which the first does.
func fromFortran(data []float64, shape Shape) []float64 {
	if len(shape) < 2 || len(data) == 0 {
		return data
	}
	stride := make([]int, len(shape)) // of each index in data
	n := 1
	for i, d := range shape {
		stride[i] = n
		n *= d
	}
	z, index, at := make([]float64, len(data)), make([]int, len(shape)), 0
	for k := range z {
		z[k] = data[at]
		for i := len(shape) - 1; i >= 0; i-- { // count up, like an odometer
			at += stride[i]
			if index[i]++; index[i] < shape[i] {
				break
			}
			at -= stride[i] * shape[i]
			index[i] = 0
		}
	}
	return z
}

// WriteNPY writes t in the .npy format, for numpy.load, as float64 or float32:
// bits is 64 or 32. In 32 bits each value is rounded to the nearest, beyond the
// largest to infinity, as NumPy's astype does. Equal tensors give equal bytes.
//
// It returns an error if w does, or if t has more than 64 dimensions (NumPy 1
// takes 32). It panics if the shape of t does not fit its matrix, or bits is
// anything else.
func WriteNPY(w io.Writer, t Tensor, bits int) error {
	checkNPY("WriteNPY", t, bits)
	if err := writeNPY(w, t, bits); err != nil {
		return fmt.Errorf("nn: WriteNPY: %w", err)
	}
	return nil
}

// WriteNPYFile writes to a file like [WriteNPY]. The file is replaced only when
// all is written.
func WriteNPYFile(name string, t Tensor, bits int) error {
	checkNPY("WriteNPYFile", t, bits)
	if err := writeFile(name, func(w io.Writer) error { return writeNPY(w, t, bits) }); err != nil {
		return fmt.Errorf("nn: WriteNPYFile: %w", err)
	}
	return nil
}

func checkNPY(op string, t Tensor, bits int) {
	if bits != 32 && bits != 64 {
		panic(fmt.Sprintf("nn: %s: bits is %d; it must be 32 or 64", op, bits))
	}
	if t.Matrix == nil {
		panic("nn: " + op + ": the tensor has no matrix")
	}
	if n, ok := volume(t.Shape); !ok || n != len(t.Data) {
		panic(fmt.Sprintf("nn: %s: the shape %v does not fit %d values", op, t.Shape, len(t.Data)))
	}
}

func writeNPY(w io.Writer, t Tensor, bits int) error {
	if len(t.Shape) > maxNPYRank {
		return fmt.Errorf("%d dimensions; %d are the most", len(t.Shape), maxNPYRank)
	}
	if _, err := w.Write(npyHead(t.Shape, bits)); err != nil {
		return err
	}
	buf := make([]byte, 0, 1<<16)
	for _, v := range t.Data {
		if len(buf) == cap(buf) {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
		if bits == 64 {
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
		} else {
			buf = binary.LittleEndian.AppendUint32(buf, float32Bits(v))
		}
	}
	_, err := w.Write(buf)
	return err
}

// float32Bits returns the bits of the float32 nearest to v. Those of a NaN,
// which processors convert in different ways, are always the same.
func float32Bits(v float64) uint32 {
	if v != v {
		return 0x7fc00000
	}
	return math.Float32bits(float32(v))
}

// npyHead returns the bytes before the elements, of version 1.
func npyHead(shape Shape, bits int) []byte {
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = strconv.Itoa(d)
	}
	tuple := strings.Join(dims, ", ")
	if len(dims) == 1 {
		tuple += ","
	}
	b := fmt.Appendf(nil, "%s\x01\x00\x00\x00{'descr': '<f%d', 'fortran_order': False, 'shape': (%s), }", npyMagic, bits/8, tuple)
	for len(b)%64 != 63 {
		b = append(b, ' ')
	}
	b = append(b, '\n')
	binary.LittleEndian.PutUint16(b[8:], uint16(len(b)-10))
	return b
}
