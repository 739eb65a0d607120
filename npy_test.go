package nn

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// npyGolden returns the elements that testdata/npy/make.py uses, by type.
func npyGolden(t *testing.T) map[string][]float64 {
	t.Helper()
	text, err := os.ReadFile("testdata/npy/expected.json")
	var digits map[string][]string
	if err == nil {
		err = json.Unmarshal(text, &digits)
	}
	golden := map[string][]float64{}
	for name, list := range digits {
		for _, s := range list {
			bits, e := strconv.ParseUint(s, 16, 64)
			err = errors.Join(err, e)
			golden[name] = append(golden[name], math.Float64frombits(bits))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return golden
}

// Arrays of every type, byte order, rank, order and version, as NumPy wrote
// them one after the other.
func TestReadNPYGolden(t *testing.T) {
	golden := npyGolden(t)
	f, err := os.Open("testdata/npy/arrays.npy.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	shapes := []Shape{{}, {1}, {5}, {0}, {2, 3}, {1, 4}, {3, 0}, {2, 3, 4}, {2, 1, 3, 2}}
	read := 0
	for _, name := range strings.Fields("b1 u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8") {
		for _, order := range "<>" {
			for _, shape := range shapes {
				for i := range 6 {
					x, err := ReadNPY(r)
					if err != nil {
						t.Fatalf("%c%s %v: %v", order, name, shape, err)
					}
					want := make([]float64, shape.Size())
					for k := range want {
						want[k] = golden[name][k%len(golden[name])]
					}
					rows, cols := 1, 1
					if len(shape) > 0 {
						rows, cols = shape[0], shape[1:].Size()
					}
					if !slices.Equal(x.Shape, shape) || x.Rows != rows || x.Cols != cols || !sameBits(x.Data, want) {
						t.Errorf("%c%s %v, fortran %v, version %d: %v, %d×%d, %v, want %v", order, name, shape, i > 2, i%3+1, x.Shape, x.Rows, x.Cols, x.Data, want)
					}
					read++
				}
			}
		}
	}
	if _, err := ReadNPY(r); read != 12*2*9*6 || !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after %d arrays: %v, want io.EOF", read, err)
	}
}

// npy returns a .npy file of version 1 with the given header and elements.
func npy(header string, data ...byte) []byte { return npyVersion(1, header, data...) }

func npyVersion(version byte, header string, data ...byte) []byte {
	b := append([]byte(npyMagic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(append(b, header...), data...)
}

// Headers as others than NumPy write them, each accepted by NumPy 1.24.
func TestReadNPYHeaders(t *testing.T) {
	for _, c := range []struct {
		version byte
		header  string
		shape   Shape
	}{
		{1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }         \n", Shape{2, 3}},
		{1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}", Shape{2, 3}},
		{1, `{"shape":(6,),"descr":"<u1","fortran_order":False}`, Shape{6}},
		{2, "{ \"shape\" : ( 1 , 2 , 3 , ) , 'descr' : 'u1' , \"fortran_order\" : False , }\n", Shape{1, 2, 3}},
		{3, "{'descr':'>u1','fortran_order':False,'shape':(6,\n)\n}\n\n", Shape{6}},
		{1, "{'descr': '=u1', 'fortran_order': False, 'shape': (3L, 2L), }\n", Shape{3, 2}},
		{2, "{'descr': '|u1', 'fortran_order': False, 'shape': (6L,), }\n", Shape{6}},
		{1, "{'descr': '|u1', 'fortran_order': True, 'shape': (6, 1), }\n", Shape{6, 1}},
		{1, "{'descr': '|u1', 'fortran_order': False, 'shape': (6, 1" + strings.Repeat(", 1", 30) + ")}", append(Shape{6, 1}, slices.Repeat(Shape{1}, 30)...)},
		{1, "{'descr': '|u1', 'fortran_order': False, 'shape': (6,)}" + strings.Repeat(" ", 9945), Shape{6}},
	} {
		x, err := ReadNPY(bytes.NewReader(npyVersion(c.version, c.header, 1, 2, 3, 4, 5, 6)))
		if err != nil || !slices.Equal(x.Shape, c.shape) || !slices.Equal(x.Data, []float64{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%.100q: %v, %v, want %v of 1 to 6", c.header, x.Shape, err, c.shape)
		}
	}
}

func TestReadNPYErrors(t *testing.T) {
	head := func(descr, order, shape string) string {
		return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n"
	}
	for _, c := range []struct {
		in   []byte
		want string
	}{
		{nil, "EOF"},
		{[]byte("PK\x03\x04 and more"), "header: this is a zip archive; ReadNPZ reads a .npz file"},
		{[]byte(npyMagic + "\x01\x01\x00\x00"), "header: version 1.1 of the format; only 1.0, 2.0 and 3.0 can be read"},
		{[]byte(npyMagic + "\x00\x00\x00\x00"), "header: version 0.0 of the format; only 1.0, 2.0 and 3.0 can be read"},
		{[]byte(npyMagic + "\x04\x00\x00\x00"), "header: version 4.0 of the format; only 1.0, 2.0 and 3.0 can be read"},
		{[]byte(npyMagic + "\x01\x00\x11\x27"), "header: its length is 10001; 10000 is the most"},
		{[]byte(npyMagic + "\x03\x00\xff\xff\xff\xff"), "header: its length is 4294967295; 10000 is the most"},
		{npy(""), "header: it ends where a dictionary should be"},
		{npy("[]"), `header: "[]" is found where a dictionary should be`},
		{npy("{}"), "header: it has no descr"},
		{npy("{,}"), `header: ",}" is found where a string should be`},
		{npy("{'descr': '<f8', 'shape': (), }"), "header: it has no fortran_order"},
		{npy("{'descr': '<f8', 'fortran_order': False}"), "header: it has no shape"},
		{npy("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': ()}"), `header: "descr" occurs twice`},
		{npy("{'descr': '<f8', 'more': 1, 'fortran_order': False, 'shape': ()}"), `header: "more" is not one of descr, fortran_order and shape`},
		{npy("{'descr': '<f8' 'fortran_order': False, 'shape': ()}"), `header: "'fortran_order': False, 'shape': ()}" is found where ',' or '}' should be`},
		{npy("{'descr': '<f8',, 'fortran_order': False, 'shape': ()}"), `header: ", 'fortran_order': False, 'shape': ()}" is found where a string should be`},
		{npy("{'descr' '<f8'}"), `header: "'<f8'}" is found where ':' should be`},
		{npy("{u'descr': '<f8'}"), `header: "u'descr': '<f8'}" is found where a string should be`},
		{npy("{'de\\x73cr': '<f8'}"), `header: the string "de\\x73cr" has a character '\\'`},
		{npy("{'descr\x00': '<f8'}"), `header: the string "descr\x00" has a character '\x00'`},
		{npy("{'descr"), `header: the string "'descr" does not end`},
		{npy(head("'<f8'", "False", "()") + "x"), `header: "x" is found where the end should be`},
		{npy(head("'<f8'", "False", "()") + "\x00"), `header: "\x00" is found where the end should be`},
		{npy(head("'<f8'", "false", "()")), `header: fortran_order: "false, 'shape': (), }\n" is found where True or False should be`},
		{npy(head("'<f8'", "0", "()")), `header: fortran_order: "0, 'shape': (), }\n" is found where True or False should be`},
		{npy(head("'<f8'", "Falsehood", "()")), `header: "hood, 'shape': (), }\n" is found where ',' or '}' should be`},
		{npy(head("'<f8'", "False", "2")), `header: shape: "2, }\n" is found where a tuple should be`},
		{npy(head("'<f8'", "False", "[2]")), `header: shape: "[2], }\n" is found where a tuple should be`},
		{npy(head("'<f8'", "False", "(2)")), "header: shape: (2) is not a tuple; (2,) is"},
		{npy(head("'<f8'", "False", "(2 3)")), `header: shape: "3), }\n" is found where ',' or ')' should be`},
		{npy(head("'<f8'", "False", "(2,,3)")), `header: shape: ",3), }\n" is found where a dimension should be`},
		{npy(head("'<f8'", "False", "(,)")), `header: shape: ",), }\n" is found where a dimension should be`},
		{npy(head("'<f8'", "False", "(-2, -3)")), `header: shape: the dimension -2 is negative`},
		{npy(head("'<f8'", "False", "(+2,)")), `header: shape: "+2,), }\n" is found where a dimension should be`},
		{npy(head("'<f8'", "False", "(02,)")), "header: shape: the dimension 02 begins with 0"},
		{npy(head("'<f8'", "False", "(2.0,)")), `header: shape: ".0,), }\n" is found where ',' or ')' should be`},
		{npy(head("'<f8'", "False", "(1_0,)")), `header: shape: "_0,), }\n" is found where ',' or ')' should be`},
		{npy(head("'<f8'", "False", "(0x2,)")), `header: shape: "x2,), }\n" is found where ',' or ')' should be`},
		{npyVersion(3, head("'<f8'", "False", "(2L,)")), `header: shape: "L,), }\n" is found where ',' or ')' should be`},
		{npy(head("'<f8'", "False", "(None,)")), `header: shape: "None,), }\n" is found where a dimension should be`},
		{npy(head("'<f8'", "False", "(99999999999999999999999,)")), "header: shape: the dimension 99999999999999999999999 is too large"},
		{npy(head("'<f8'", "False", "(4294967296, 4294967296)")), "is too large"},
		{npy(head("'<f8'", "False", "(0, 4294967296, 4294967296)")), "is too large"},
		{npy(head("'<f8'", "False", "("+strings.Repeat("1,", 65)+")")), "header: shape: more than 64 dimensions"},
		{npy(head("'|O'", "False", "(1,)")), `header: descr: the elements are of type "|O" (Python objects), which can't be read`},
		{npy(head("'<U5'", "False", "(1,)")), `header: descr: the elements are of type "<U5" (text), which can't be read`},
		{npy(head("'|S5'", "False", "(1,)")), `header: descr: the elements are of type "|S5" (text), which can't be read`},
		{npy(head("'<c16'", "False", "(1,)")), `header: descr: the elements are of type "<c16" (complex numbers), which can't be read`},
		{npy(head("'<M8[ns]'", "False", "(1,)")), `header: descr: the elements are of type "<M8[ns]" (times), which can't be read`},
		{npy(head("'|V8'", "False", "(1,)")), `header: descr: the elements are of type "|V8" (records), which can't be read`},
		{npy(head("'<f16'", "False", "(1,)")), `header: descr: the elements are of type "<f16", which can't be read`},
		{npy(head("''", "False", "(1,)")), `header: descr: the elements are of type "", which can't be read`},
		{npy(head("'f8'", "False", "(1,)")), `header: descr: the type "f8" does not tell its byte order`},
		{npy(head("'=i4'", "False", "(1,)")), `header: descr: the type "=i4" does not tell its byte order`},
		{npy(head("[('x', '<f8')]", "False", "(1,)")), `header: descr: the elements are records, which can't be read`},
		{npy(head("('<f8', (2,))", "False", "(1,)")), `header: descr: the elements are records, which can't be read`},
		{npy(head("f8", "False", "(1,)")), `header: descr: "f8, 'fortran_order': False, 'shape': (1," is found where a string should be`},
		{npy(head("'<f8'", "False", "(1000000000000,)"), 1, 2, 3), "0 values of 1000000000000: unexpected EOF"},
		{npy(head("'<f8'", "False", "(3,)"), make([]byte, 23)...), "2 values of 3: unexpected EOF"},
	} {
		if math.MaxInt < 1<<62 && strings.Contains(c.want, "1000000000000") {
			continue
		}
		x, err := ReadNPY(bytes.NewReader(c.in))
		if err == nil || !strings.HasPrefix(err.Error(), "nn: ReadNPY: ") || !strings.HasSuffix(err.Error(), c.want) || x.Matrix != nil {
			t.Errorf("ReadNPY(%.100q) = %v, %v, want %s", c.in, x, err, c.want)
		}
	}
}

// However a file is cut, the error says so; whatever r's own error is, it is passed on.
func TestReadNPYCut(t *testing.T) {
	broken := errors.New("broken")
	for version := byte(1); version <= 3; version++ {
		b := npyVersion(version, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3)}\n", make([]byte, 12)...)
		for k := range b {
			_, err := ReadNPY(bytes.NewReader(b[:k]))
			if want := noEOF(io.EOF); k > 0 && !errors.Is(err, want) || k == 0 && !errors.Is(err, io.EOF) {
				t.Errorf("version %d, %d bytes of %d: %v", version, k, len(b), err)
			}
			if _, err := ReadNPY(io.MultiReader(bytes.NewReader(b[:k]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
				t.Errorf("version %d, error after %d bytes: %v", version, k, err)
			}
		}
		r := bytes.NewReader(append(b, 7))
		if _, err := ReadNPY(iotest.OneByteReader(r)); err != nil || r.Len() != 1 {
			t.Errorf("version %d: %v, and %d bytes are left of 1", version, err, r.Len())
		}
	}
}

func TestReadNPYMemory(t *testing.T) {
	for _, header := range []string{
		"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000,)}",
		"{'descr': '|u1', 'fortran_order': True, 'shape': (16384, 16384)}",
	} {
		b := npy(header, make([]byte, 1000)...)
		if n := allocated(func() {
			if _, err := ReadNPY(bytes.NewReader(b)); err == nil {
				t.Error("no error")
			}
		}); n > 1<<18 {
			t.Errorf("%s: %d bytes allocated for %d", header, n, len(b))
		}
	}
}

// The bytes are those of numpy.save of NumPy 1.24; float32 rounds to nearest.
func TestWriteNPY(t *testing.T) {
	head := func(s string) string {
		return npyMagic + "\x01\x00v\x00" + s + strings.Repeat(" ", 117-len(s)) + "\n"
	}
	m := NewMatrix(2, 3, 0, 1, -2, 0.1, math.Inf(1), math.Pi)
	for _, c := range []struct {
		x    Tensor
		bits int
		want string
	}{
		{NewTensor(m), 64, head("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }") +
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0\x9a\x99\x99\x99\x99\x99\xb9\x3f\x00\x00\x00\x00\x00\x00\xf0\x7f\x18\x2d\x44\x54\xfb\x21\x09\x40"},
		{NewTensor(m, 6), 32, head("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }") +
			"\x00\x00\x00\x00\x00\x00\x80\x3f\x00\x00\x00\xc0\xcd\xcc\xcc\x3d\x00\x00\x80\x7f\xdb\x0f\x49\x40"},
		{tensorOf(Shape{}, []float64{math.Copysign(0, -1)}), 64, head("{'descr': '<f8', 'fortran_order': False, 'shape': (), }") + "\x00\x00\x00\x00\x00\x00\x00\x80"},
		{tensorOf(Shape{}, []float64{1e39}), 32, head("{'descr': '<f4', 'fortran_order': False, 'shape': (), }") + "\x00\x00\x80\x7f"},
		{tensorOf(Shape{}, []float64{math.Float64frombits(0xfff0123456789abc)}), 32, head("{'descr': '<f4', 'fortran_order': False, 'shape': (), }") + "\x00\x00\xc0\x7f"},
		{tensorOf(Shape{0, 1, 2}, nil), 64, head("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1, 2), }")},
	} {
		var b strings.Builder
		if err := WriteNPY(&b, c.x, c.bits); err != nil || b.String() != c.want {
			t.Errorf("WriteNPY of %v, %v in %d bits: %v\n%q\nwant\n%q", c.x.Shape, c.x.Data, c.bits, err, b.String(), c.want)
		}
	}

	// What is written is read again, also where a buffer ends.
	for _, shape := range []Shape{{}, {1}, {0}, {8191}, {8192}, {8193}, {3, 5461}, {2, 3, 4, 5}, slices.Repeat(Shape{1}, 64)} {
		x := tensorOf(shape, make([]float64, shape.Size()))
		for i := range x.Data {
			x.Data[i] = float64(i) / 3
		}
		for _, bits := range []int{32, 64} {
			var b bytes.Buffer
			err := WriteNPY(&b, x, bits)
			if (b.Len()-len(x.Data)*bits/8)%64 != 0 {
				t.Errorf("%v: the elements are not aligned", shape)
			}
			y, e := ReadNPY(&b)
			want := slices.Clone(x.Data)
			for i, v := range want {
				if bits == 32 {
					want[i] = float64(float32(v))
				}
			}
			if err = errors.Join(err, e); err != nil || !slices.Equal(y.Shape, shape) || !sameBits(y.Data, want) {
				t.Errorf("%v written in %d bits and read: %v, %v", shape, bits, y.Shape, err)
			}
		}
	}

	if err := WriteNPY(io.Discard, tensorOf(slices.Repeat(Shape{1}, 65), []float64{1}), 64); err == nil || err.Error() != "nn: WriteNPY: 65 dimensions; 64 are the most" {
		t.Errorf("65 dimensions: %v", err)
	}
	broken := errors.New("broken")
	for _, n := range []int{0, 128, 128 + 1<<16} {
		if err := WriteNPY(&brokenWriter{n, broken}, NewTensor(NewMatrix(100, 200)), 64); !errors.Is(err, broken) {
			t.Errorf("error after %d bytes: %v", n, err)
		}
	}
	wantPanic(t, "nn: WriteNPY: bits is 16; it must be 32 or 64", func() { WriteNPY(io.Discard, NewTensor(m), 16) })
	wantPanic(t, "nn: WriteNPY: the tensor has no matrix", func() { WriteNPY(io.Discard, Tensor{}, 64) })
	wantPanic(t, "nn: WriteNPY: the shape (3, 3) does not fit 6 values", func() { WriteNPY(io.Discard, Tensor{Shape{3, 3}, m}, 64) })
	wantPanic(t, "nn: WriteNPYFile: bits is 0; it must be 32 or 64", func() { WriteNPYFile(filepath.Join(t.TempDir(), "x"), NewTensor(m), 0) })
}

// A brokenWriter fails after n bytes.
type brokenWriter struct {
	n   int
	err error
}

func (w *brokenWriter) Write(b []byte) (int, error) {
	if len(b) > w.n {
		return 0, w.err
	}
	w.n -= len(b)
	return len(b), nil
}

func TestNPYFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.npy")
	x := NewTensor(NewMatrix(2, 3, 1, 2, 3, 4, 5, 6), 3, 1, 2)
	if err := WriteNPYFile(name, x, 64); err != nil {
		t.Fatal(err)
	}
	y, err := ReadNPYFile(name)
	if err != nil || !slices.Equal(y.Shape, x.Shape) || !slices.Equal(y.Data, x.Data) {
		t.Errorf("ReadNPYFile = %v, %v, want %v", y, err, x)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{nil, "unexpected EOF"},
		{b[:len(b)-1], "5 values of 6: unexpected EOF"},
		{append(b[:len(b):len(b)], 0), "there are bytes after the array"},
	} {
		if err := os.WriteFile(name, c.b, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadNPYFile(name); err == nil || err.Error() != fmt.Sprintf("nn: ReadNPYFile: %s: %s", name, c.want) {
			t.Errorf("ReadNPYFile = %v, want %s", err, c.want)
		}
	}
	if _, err := ReadNPYFile(name + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ReadNPYFile of nothing: %v", err)
	}
	// A file that can't be written whole stays as it is.
	if err := WriteNPYFile(name, tensorOf(slices.Repeat(Shape{1}, 65), []float64{1}), 64); err == nil {
		t.Error("no error for 65 dimensions")
	}
	if c, err := os.ReadFile(name); err != nil || len(c) != len(b)+1 {
		t.Errorf("the file has %d bytes, %v, want %d", len(c), err, len(b)+1)
	}
}

func BenchmarkReadNPY(b *testing.B) {
	var file bytes.Buffer
	if err := WriteNPY(&file, NewTensor(NewMatrix(1000, 784)), 64); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if _, err := ReadNPY(bufio.NewReader(bytes.NewReader(file.Bytes()))); err != nil {
			b.Fatal(err)
		}
	}
}
