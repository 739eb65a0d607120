package nn

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// Files by numpy.savez, which writes zip64, and numpy.savez_compressed.
func TestReadNPZGolden(t *testing.T) {
	want := Tensors{
		"a":     NewTensor(NewMatrix(2, 3, 0, 1, 2, 3, 4, 5)),
		"b/c":   tensorOf(Shape{}, []float64{0.5}),
		"empty": NewTensor(NewMatrix(0, 7)),
		"T":     NewTensor(NewMatrix(3, 2, 0, 3, 1, 4, 2, 5)),
	}
	for _, name := range []string{"testdata/npy/saved.npz", "testdata/npy/compressed.npz"} {
		ts, err := ReadNPZFile(name)
		if err != nil || !sameTensors(ts, want) {
			t.Errorf("%s: %v, %v, want %v", name, ts, err, want)
		}
	}
}

func sameTensors(x, y Tensors) bool {
	return maps.EqualFunc(x, y, func(a, b Tensor) bool {
		return slices.Equal(a.Shape, b.Shape) && a.Rows == b.Rows && a.Cols == b.Cols && sameBits(a.Data, b.Data)
	})
}

// An entry of a zip file that is made to have any header.
type npzEntry struct {
	name   string
	data   []byte
	method uint16
	change func(h *zip.FileHeader)
}

func zipped(t testing.TB, entries ...npzEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		data := e.data
		if e.method == zip.Deflate {
			data = deflated(data)
		}
		h := &zip.FileHeader{Name: e.name, Method: e.method, CRC32: crc32.ChecksumIEEE(e.data),
			CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(e.data))}
		if e.change != nil {
			e.change(h)
		}
		w, err := z.CreateRaw(h)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// ones is a .npy file of n bytes with the value 1.
func ones(n int) []byte {
	return npy(fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}", n), bytes.Repeat([]byte{1}, n)...)
}

func TestReadNPZErrors(t *testing.T) {
	x := ones(3)
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, "zip: not a valid zip file; ReadNPY reads a .npy file"},
		{"a .npy file", x, "zip: not a valid zip file; ReadNPY reads a .npy file"},
		{"twice", zipped(t, npzEntry{name: "a.npy", data: x}, npzEntry{name: "a.npy", data: x}), `"a.npy" occurs twice`},
		{"no .npy", zipped(t, npzEntry{name: "a.npy", data: x}, npzEntry{name: "readme", data: x}), `"readme" is not a .npy file`},
		{"bad name", zipped(t, npzEntry{name: "\xff.npy", data: x}), `the name "\xff.npy" is not valid UTF-8`},
		{"encrypted", zipped(t, npzEntry{name: "a.npy", data: x, change: func(h *zip.FileHeader) { h.Flags |= 1 }}), `"a.npy" is encrypted`},
		{"method", zipped(t, npzEntry{name: "a.npy", data: x, method: 14}), `"a.npy": zip: unsupported compression algorithm`},
		{"empty", zipped(t, npzEntry{name: "a.npy"}), `"a.npy": unexpected EOF`},
		{"not an array", zipped(t, npzEntry{name: "a.npy", data: []byte("12345678")}), `"a.npy": header: the data begin with "123456", not with "\x93NUMPY"`},
		{"pickle", zipped(t, npzEntry{name: "a.npy", data: npy("{'descr': '|O', 'fortran_order': False, 'shape': ()}")}), `"a.npy": header: descr: the elements are of type "|O" (Python objects), which can't be read`},
		{"short", zipped(t, npzEntry{name: "a.npy", data: x[:len(x)-1]}), `"a.npy": 2 values of 3: unexpected EOF`},
		{"long", zipped(t, npzEntry{name: "a.npy", data: append(slices.Clone(x), 1)}), `"a.npy": there are bytes after the array`},
		{"checksum", zipped(t, npzEntry{name: "a.npy", data: x, change: func(h *zip.FileHeader) { h.CRC32++ }}), `"a.npy": zip: checksum error`},
		{"checksum deflated", zipped(t, npzEntry{name: "a.npy", data: x, method: zip.Deflate, change: func(h *zip.FileHeader) { h.CRC32 = 1 }}), `"a.npy": zip: checksum error`},
		{"checksum 0", zipped(t, npzEntry{name: "a.npy", data: x, change: func(h *zip.FileHeader) { h.CRC32 = 0 }}), `"a.npy": zip: checksum error`},
		{"size", zipped(t, npzEntry{name: "a.npy", data: x, change: func(h *zip.FileHeader) { h.UncompressedSize64++ }}), `"a.npy": unexpected EOF`},
		{"smaller size", zipped(t, npzEntry{name: "a.npy", data: x, method: zip.Deflate, change: func(h *zip.FileHeader) { h.UncompressedSize64-- }}), `"a.npy": 0 values of 3: zip: not a valid zip file`},
		{"deflate", zipped(t, npzEntry{name: "a.npy", data: x, change: func(h *zip.FileHeader) { h.Method = zip.Deflate }}), "unexpected EOF"},
		{"no data", zipped(t, npzEntry{name: "a.npy", data: x, change: func(h *zip.FileHeader) { h.CompressedSize64 = 1 << 62 }}), "zip: not a valid zip file"},
		{"huge size", zipped(t, npzEntry{name: "a.npy", data: x, change: func(h *zip.FileHeader) { h.CompressedSize64 = math.MaxUint64 - 9 }}), `"a.npy": its size is 18446744073709551606`},
		{"overlap", overlapping(t, 2), "the bytes of two entries overlap"},
	} {
		ts, err := ReadNPZ(bytes.NewReader(c.in), int64(len(c.in)))
		if err == nil || !strings.HasPrefix(err.Error(), "nn: ReadNPZ: ") || !strings.HasSuffix(err.Error(), c.want) || ts != nil {
			t.Errorf("%s: ReadNPZ = %v, %v, want %s", c.name, ts, err, c.want)
		}
	}
	if _, err := ReadNPZFile(filepath.Join(t.TempDir(), "x.npz")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ReadNPZFile of nothing: %v", err)
	}
}

// overlapping returns a zip file in which n names share the bytes of one array:
// the directory says so, and the array's own header is there once.
func overlapping(t testing.TB, n int) []byte {
	b := zipped(t, npzEntry{name: "a.npy", data: ones(1000), method: zip.Deflate})
	dir := bytes.Index(b, []byte("PK\x01\x02"))
	end := bytes.Index(b, []byte("PK\x05\x06"))
	record := b[dir:end]
	all := slices.Clone(b[:dir])
	for i := range n {
		r := slices.Clone(record)
		r[46] = 'a' + byte(i) // the name
		all = append(all, r...)
	}
	tail := slices.Clone(b[end:])
	for _, at := range []int{8, 10} {
		binary.LittleEndian.PutUint16(tail[at:], uint16(n))
	}
	binary.LittleEndian.PutUint32(tail[12:], uint32(len(all)-dir))
	return append(all, tail...)
}

// Every cut and every flipped byte is found, or changes nothing that is read.
func TestReadNPZDamage(t *testing.T) {
	for _, name := range []string{"testdata/npy/saved.npz", "testdata/npy/compressed.npz"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := ReadNPZ(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for k := range b {
			if ts, err := ReadNPZ(bytes.NewReader(b[:k]), int64(k)); err == nil {
				t.Errorf("%s: the first %d bytes of %d are %v", name, k, len(b), ts)
			}
			c := slices.Clone(b)
			c[k] ^= 1 << (k % 8)
			ts, err := ReadNPZ(bytes.NewReader(c), int64(len(c)))
			if err == nil && len(ts) == len(want) {
				for name, x := range ts { // one may have another name
					y, ok := want[name]
					if ok && !sameTensors(Tensors{"": x}, Tensors{"": y}) {
						t.Errorf("byte %d flipped: %q is %v, want %v", k, name, x, y)
					}
				}
			}
		}
		broken := errors.New("broken")
		if _, err := ReadNPZ(brokenReaderAt{bytes.NewReader(b), 40, broken}, int64(len(b))); !errors.Is(err, broken) {
			t.Errorf("%s: %v, want %v", name, err, broken)
		}
	}
}

// A brokenReaderAt fails where it is to read byte at.
type brokenReaderAt struct {
	r   io.ReaderAt
	at  int64
	err error
}

func (r brokenReaderAt) ReadAt(b []byte, off int64) (int, error) {
	if off <= r.at && r.at < off+int64(len(b)) {
		return 0, r.err
	}
	return r.r.ReadAt(b, off)
}

// Small files can't take much memory, nor much time; large arrays that deflate
// well can be read.
func TestReadNPZBombs(t *testing.T) {
	bomb := func(n int) []byte { // zeros, made in portions
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, _ := z.Create("a.npy")
		fmt.Fprintf(w, "%s", npy(fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}", n)))
		io.Copy(w, io.LimitReader(iotest.DataErrReader(zeros{}), int64(n)))
		z.Close()
		return b.Bytes()
	}
	b := bomb(1 << 24)
	ts, err := ReadNPZ(bytes.NewReader(b), int64(len(b)))
	if err != nil || ts["a"].Rows != 1<<24 {
		t.Errorf("%d zeros in %d bytes: %v", 1<<24, len(b), err)
	}

	huge := zipped(t, npzEntry{name: "a.npy", data: ones(10)},
		npzEntry{name: "b.npy", data: npy(fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}", maxNPZ-9))})
	many := make([]npzEntry, 1000)
	for i := range many {
		many[i] = npzEntry{name: fmt.Sprintf("%d.npy", i), data: npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1000, 100)}")}
	}
	for _, c := range []struct {
		in   []byte
		want string
	}{
		{huge, fmt.Sprintf(`"b.npy": header: the shape (%d) has more than %d elements`, maxNPZ-9, maxNPZ-10)},
		{zipped(t, many...), `"0.npy": 0 values of 100000: unexpected EOF`},
		{overlapping(t, 20), "the bytes of two entries overlap"},
	} {
		used := allocated(func() { _, err = ReadNPZ(bytes.NewReader(c.in), int64(len(c.in))) })
		if err == nil || err.Error() != "nn: ReadNPZ: "+c.want || used > 1<<20+20*uint64(len(c.in)) {
			t.Errorf("%d bytes allocated for %d: %v, want %s", used, len(c.in), err, c.want)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestWriteNPZ(t *testing.T) {
	ts := Tensors{
		"":        tensorOf(Shape{}, []float64{math.NaN()}),
		"b":       NewTensor(NewMatrix(1, 3, 0.1, math.Inf(-1), math.Copysign(0, -1))),
		"a/b.npy": NewTensor(NewMatrix(2, 2, 1, 2, 3, 4), 4),
		"é/":      tensorOf(Shape{0, 3}, nil),
	}
	for _, bits := range []int{32, 64} {
		var b, again bytes.Buffer
		if err := errors.Join(WriteNPZ(&b, ts, bits), WriteNPZ(&again, maps.Clone(ts), bits)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Error("the same tensors give other bytes")
		}
		want := maps.Clone(ts)
		if bits == 32 {
			want["b"] = NewTensor(NewMatrix(1, 3, float64(float32(0.1)), math.Inf(-1), math.Copysign(0, -1)))
		}
		got, err := ReadNPZ(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || !sameTensors(got, want) {
			t.Errorf("%d bits: %v, %v, want %v", bits, got, err, want)
		}
		z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range z.File {
			names = append(names, f.Name)
			if y, m, d := f.Modified.Date(); y != 1980 || m != 1 || d != 1 || f.Method != zip.Store {
				t.Errorf("%s: of %v, method %d", f.Name, f.Modified, f.Method)
			}
		}
		if fmt.Sprint(names) != "[.npy a/b.npy.npy b.npy é/.npy]" {
			t.Errorf("names are %q", names)
		}
		broken := errors.New("broken")
		for _, n := range []int{0, 100, 500, b.Len() - 1} {
			if err := WriteNPZ(&brokenWriter{n, broken}, ts, bits); !errors.Is(err, broken) {
				t.Errorf("error after %d bytes: %v", n, err)
			}
		}
	}
	var b bytes.Buffer
	if err := WriteNPZ(&b, nil, 64); err != nil {
		t.Error(err)
	}
	if got, err := ReadNPZ(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil || len(got) != 0 {
		t.Errorf("no tensors: %v, %v", got, err)
	}
	one := NewTensor(NewMatrix(1, 1))
	for _, c := range []struct {
		ts   Tensors
		want string
	}{
		{Tensors{"\xff": one}, `the name "\xff" is not valid`},
		{Tensors{"a\x00": one}, `the name "a\x00" is not valid`},
		{Tensors{strings.Repeat("x", 65532): one}, `"` + strings.Repeat("x", 80) + `": zip: FileHeader.Name too long`},
		{Tensors{"a": tensorOf(slices.Repeat(Shape{1}, 65), []float64{1})}, `"a": 65 dimensions; 64 are the most`},
	} {
		if err := WriteNPZ(io.Discard, c.ts, 64); err == nil || err.Error() != "nn: WriteNPZ: "+c.want {
			t.Errorf("WriteNPZ: %v, want %s", err, c.want)
		}
	}
	wantPanic(t, `nn: WriteNPZ: tensor "a": the tensor has no matrix`, func() { WriteNPZ(io.Discard, Tensors{"a": {}}, 64) })
	wantPanic(t, `nn: WriteNPZ: tensor "a": bits is 8; it must be 32 or 64`, func() { WriteNPZ(io.Discard, Tensors{"a": one}, 8) })

	name := filepath.Join(t.TempDir(), "x.npz")
	if err := WriteNPZFile(name, ts, 64); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadNPZFile(name); err != nil || !sameTensors(got, ts) {
		t.Errorf("ReadNPZFile = %v, %v, want %v", got, err, ts)
	}
	if err := WriteNPZFile(name, Tensors{"\xff": one}, 64); err == nil || !strings.HasPrefix(err.Error(), "nn: WriteNPZFile: ") {
		t.Errorf("WriteNPZFile: %v", err)
	}
	if got, err := ReadNPZFile(name); err != nil || !sameTensors(got, ts) {
		t.Errorf("the file was changed: %v, %v", got, err)
	}
	if err := os.WriteFile(name, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadNPZFile(name); err == nil || err.Error() != "nn: ReadNPZFile: "+name+": zip: not a valid zip file; ReadNPY reads a .npy file" {
		t.Errorf("ReadNPZFile: %v", err)
	}
}

// Directories are passed over.
func TestReadNPZDirectory(t *testing.T) {
	b := zipped(t, npzEntry{name: "layer/"}, npzEntry{name: "layer/w.npy", data: ones(2)}, npzEntry{name: "../w.npy", data: ones(1)})
	ts, err := ReadNPZ(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(ts) != 2 || ts["layer/w"].Rows != 2 || ts["../w"].Rows != 1 {
		t.Errorf("ReadNPZ = %v, %v", ts, err)
	}
}
