package nn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
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

// rawFile returns a file with the given header, as it is, and data.
func rawFile(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// One number of each type; the bytes are those of IEEE 754 and two's complement.
func TestReadTensorsTypes(t *testing.T) {
	for dtype, c := range map[string]struct {
		data string
		want float64
	}{
		"F64": {"\x9a\x99\x99\x99\x99\x99\xb9\x3f", 0.1}, "F32": {"\x00\x00\x20\xc0", -2.5}, "F16": {"\x00\xc1", -2.5}, "BF16": {"\x20\xc0", -2.5},
		"BOOL": {"\x01", 1}, "U8": {"\xff", 255}, "I8": {"\xff", -1}, "U16": {"\xfe\xff", 65534}, "I16": {"\xfe\xff", -2},
		"U32": {"\xfe\xff\xff\xff", 4294967294}, "I32": {"\xfe\xff\xff\xff", -2},
		"U64": {"\x00\x00\x00\x00\x00\x00\x00\x80", 1 << 63}, "I64": {"\xff\xff\xff\xff\xff\xff\xff\xff", -1},
	} {
		header := fmt.Sprintf(`{"x":{"dtype":%q,"shape":[1,1,1],"data_offsets":[0,%d]}}`, dtype, len(c.data))
		ts, meta, err := ReadTensors(bytes.NewReader(rawFile(header, c.data)))
		if x := ts["x"]; err != nil || meta != nil || !slices.Equal(x.Shape, Shape{1, 1, 1}) || x.Data[0] != c.want {
			t.Errorf("%s %q: %v, metadata %v, error %v, want %v", dtype, c.data, x, meta, err, c.want)
		}
	}
	for _, dtype := range []string{"F8_E4M3", "C64", "f32", ""} {
		_, _, err := ReadTensors(bytes.NewReader(rawFile(fmt.Sprintf(`{"x":{"dtype":%q,"shape":[],"data_offsets":[0,1]}}`, dtype), "\x00")))
		if want := fmt.Sprintf(`nn: ReadTensors: header: tensor "x": dtype is %q; F64, F32,`, dtype); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("dtype %q: error %v, want %s…", dtype, err, want)
		}
	}
}

// What writers in the wild, and the format's own reader, take for valid.
func TestReadTensorsForeign(t *testing.T) {
	a, b := "\x00\x00\x80\x3f", "\x00\x00\x00\x40" // 1, 2
	for _, header := range []string{
		// Neither the length nor the numbers are aligned, and the order is any.
		`{"b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]},"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`,
		`{"__metadata__":null,"u":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}}` + "   ",
		"\n\t {\"u\":[\"U8\",[],[0,1]],\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5],\"more\":{\"x\":[[[[1]]]]}},\n\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}\r\n",
		`{"0":{"dtype":"F64","shape":[0],"data_offsets":[9,9]},"u":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"1":{"dtype":"F64","shape":[3,0],"data_offsets":[1,1]},` +
			`"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}}`,
	} {
		ts, _, err := ReadTensors(iotest.OneByteReader(bytes.NewReader(rawFile(header, "\x07"+a+b))))
		if err != nil || ts["a"].Data[0] != 1 || ts["b"].Data[0] != 2 || ts["u"].Data[0] != 7 {
			t.Errorf("%s: %v, %v", header, ts, err)
		}
		if _, _, err := readTensors(bytes.NewReader(rawFile(header, "\x07"+a+b))); err == nil {
			t.Errorf("%s: Load would accept it", header)
		}
	}
	ts, _, err := ReadTensors(strings.NewReader("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	if err != nil || len(ts) != 0 {
		t.Errorf("no tensors: %v, %v", ts, err)
	}
}

func TestSaveTensors(t *testing.T) {
	ts := Tensors{
		"b":  NewTensor(NewMatrix(2, 6, 0.1, math.NaN(), math.Inf(-1), math.MaxFloat32, 1e-45, 0.5, 1, 2, 3, 4, 5, 6), 3, 2, 2),
		"":   NewTensor(NewMatrix(1, 1, 1), 1),
		"a":  {nil, NewMatrix(1, 1, 0.1)},
		"e":  NewTensor(NewMatrix(0, 3), 2, 0, 3),
		"\n": NewTensor(NewMatrix(70, 1000)),
	}
	for i := range ts["\n"].Data {
		ts["\n"].Data[i] = float64(i) / 3
	}
	meta := map[string]string{"format": "pt", "é": "\x00"}
	for _, f32 := range []bool{false, true} {
		var b bytes.Buffer
		if err := ts.Save(&b, SaveOptions{Float32: f32, Metadata: meta}); err != nil {
			t.Fatal(err)
		}
		size := 8 // of a number
		if f32 {
			size = 4
		}
		header := binary.LittleEndian.Uint64(b.Bytes())
		if want := 8 + int(header) + size*(12+1+1+70000); header%8 != 0 || b.Len() != want {
			t.Errorf("Float32 %v: a header of %d in %d bytes, want %d", f32, header, b.Len(), want)
		}
		got, meta2, err := ReadTensors(bytes.NewReader(b.Bytes()))
		if err != nil || len(got) != len(ts) || !maps.Equal(meta, meta2) {
			t.Fatalf("Float32 %v: %d tensors, metadata %q, error %v", f32, len(got), meta2, err)
		}
		for name, w := range ts {
			g := got[name]
			if !slices.Equal(g.Shape, w.Shape) || g.Rows != w.Rows && len(g.Shape) > 2 {
				t.Errorf("Float32 %v: %q has shape %v, want %v", f32, name, g.Shape, w.Shape)
			}
			for i, v := range w.Data {
				if f32 {
					v = float64(float32(v))
				}
				if x := g.Data[i]; math.Float64bits(x) != math.Float64bits(v) && !(x != x && v != v) {
					t.Errorf("Float32 %v: %q[%d] is %v, want %v", f32, name, i, x, v)
				}
			}
		}
		file := filepath.Join(t.TempDir(), "x.safetensors")
		if err := ts.SaveFile(file, SaveOptions{Float32: f32, Metadata: meta}); err != nil {
			t.Fatal(err)
		}
		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, b.Bytes()) {
			t.Errorf("Float32 %v: SaveFile writes other bytes than Save (%v)", f32, err)
		}
		if got, _, err := ReadTensorsFile(file); err != nil || len(got) != len(ts) {
			t.Errorf("Float32 %v: ReadTensorsFile: %d tensors, %v", f32, len(got), err)
		}
	}
}

// A NaN becomes the same bits on every processor, as in WriteNPY.
func TestSaveTensorsNaN(t *testing.T) {
	var b bytes.Buffer
	m := NewMatrix(1, 2, math.Float64frombits(0xfff8000000000000), math.Float64frombits(0x7ff8123456789abc))
	if err := (Tensors{"x": NewTensor(m)}).Save(&b, SaveOptions{Float32: true}); err != nil {
		t.Fatal(err)
	}
	if want := []byte{0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f}; !bytes.HasSuffix(b.Bytes(), want) {
		t.Errorf("NaN as float32 ends with % x, want % x", b.Bytes()[b.Len()-8:], want)
	}
}

// What can't be written is an error before the first byte, and a file stays as it is.
func TestSaveTensorsErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	for _, c := range []struct {
		name string
		o    SaveOptions
		v    float64
		want string
	}{
		{"x", SaveOptions{Float32: true}, 1e39, `tensor "x": 1e+39 is too large for a float32`},
		{"x", SaveOptions{Float32: true}, -3.4028236e38, `is too large for a float32`},
		{"\xff", SaveOptions{}, 0, "not valid UTF-8"},
		{"__metadata__", SaveOptions{}, 0, "can't be named"},
		{"x", SaveOptions{Metadata: map[string]string{"a": "\xff"}}, 0, "not valid UTF-8"},
	} {
		ts := Tensors{"a": NewTensor(NewMatrix(1, 1)), c.name: NewTensor(NewMatrix(1, 1, c.v))}
		var b bytes.Buffer
		err := ts.Save(&b, c.o)
		if err == nil || !strings.HasPrefix(err.Error(), "nn: Save: ") || !strings.Contains(err.Error(), c.want) || b.Len() > 0 {
			t.Errorf("%q: error %v after %d bytes, want …%s…", c.name, err, b.Len(), c.want)
		}
		if err := os.WriteFile(file, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
		err = ts.SaveFile(file, c.o)
		if have, _ := os.ReadFile(file); err == nil || !strings.Contains(err.Error(), "nn: SaveFile: ") || string(have) != "old" {
			t.Errorf("%q: SaveFile: error %v, and the file is %q", c.name, err, have)
		}
	}
	bad := Tensors{"x": {Shape{7}, NewMatrix(2, 3)}}
	wantPanic(t, `nn: Save: tensor "x" has the shape (7) and 6 values`, func() { bad.Save(io.Discard, SaveOptions{}) })
	wantPanic(t, `nn: SaveFile: tensor "x" has the shape (7) and 6 values`, func() { bad.SaveFile(file, SaveOptions{}) })
	if list, err := filepath.Glob(file + "*"); err != nil || len(list) != 1 {
		t.Errorf("after a panic there are the files %q (%v)", list, err)
	}
	fault := errors.New("fault")
	if err := (Tensors{"x": NewTensor(NewMatrix(9, 9))}).Save(&shortWriter{50, fault}, SaveOptions{}); !errors.Is(err, fault) {
		t.Errorf("a writer that fails: %v", err)
	}
	_, _, err := ReadTensors(io.MultiReader(strings.NewReader("\x02\x00\x00\x00\x00\x00\x00\x00{"), iotest.ErrReader(fault)))
	if e := FormatError(""); !errors.Is(err, fault) || errors.As(err, &e) {
		t.Errorf("a reader that fails: %v", err)
	}
	for _, err := range []error{
		func() error { _, _, err := ReadTensorsFile(file + "absent"); return err }(),
		func() error { _, err := ReadTorchFile(file + "absent"); return err }(),
	} {
		if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "nn: ReadT") {
			t.Errorf("a file that does not exist: %v", err)
		}
	}
	_, _, err = ReadTensorsFile(file)
	if e := FormatError(""); !errors.As(err, &e) || !strings.Contains(err.Error(), file) {
		t.Errorf("a file of 3 bytes: %v", err)
	}
}

// FuzzReadTensors: whatever the bytes, ReadTensors does not panic, allocates in
// proportion to their number, and returns a FormatError or tensors that are the
// same when saved and read again. What Load takes it takes too.
func FuzzReadTensors(f *testing.F) {
	for _, name := range []string{"types", "mlp"} {
		b, err := os.ReadFile("testdata/exchange/" + name + ".safetensors")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(bytes.Replace(b, []byte("F32"), []byte("F16"), 1))
		f.Add(bytes.Replace(b, []byte(`[0, `), []byte(`[8, `), 1))
	}
	f.Add(saved(f, fuzzNetworks()[1]))
	f.Add(rawFile(`{"__metadata__":null,"u":["U8",[],[0,1]],"b":{"x":[1],"dtype":"BF16","shape":[1],"data_offsets":[1,3]}}`+"\n", "abc"))
	f.Add(rawFile(`{"a":{"dtype":"BOOL","shape":[9223372036854775807,0],"data_offsets":[0,0]}}`, ""))
	f.Add(rawFile(` {"a":{"dtype":"I64","shape":[1,1,1,1,1,1,1],"data_offsets":[0,8]}}`, "12345678"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var ts Tensors
		var meta map[string]string
		var err error
		if used, limit := allocated(func() { ts, meta, err = ReadTensors(bytes.NewReader(data)) }), loadLimit(len(data)); used > limit {
			t.Errorf("%d bytes were allocated for %d, more than %d", used, len(data), limit)
		}
		if err != nil {
			if e := FormatError(""); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "nn: ReadTensors: ") {
				t.Errorf("error %v is not a FormatError of ReadTensors", err)
			}
			if _, _, err := readTensors(bytes.NewReader(data)); err == nil {
				t.Error("Load would accept it")
			}
			return
		}
		var b bytes.Buffer
		if err := ts.Save(&b, SaveOptions{Metadata: meta}); err != nil {
			t.Fatal(err)
		}
		again, meta2, err := ReadTensors(bytes.NewReader(b.Bytes()))
		if err != nil || len(again) != len(ts) || !maps.Equal(meta, meta2) {
			t.Fatalf("saved and read again: %d tensors of %d, metadata %q of %q, %v", len(again), len(ts), meta2, meta, err)
		}
		for name, x := range ts {
			if y := again[name]; !slices.Equal(x.Shape, y.Shape) || !bitsEqual(x.Data, y.Data) {
				t.Errorf("saved and read again, %q differs", name)
			}
		}
	})
}
