package nn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

// rawTensors returns a file with the given header, padded to a multiple of 8, and data.
func rawTensors(header string, data int) []byte {
	for len(header)%8 != 0 {
		header += " "
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestTensorsRoundTrip(t *testing.T) {
	long := NewMatrix(100, 333) // many blocks
	for i := range long.Data {
		long.Data[i] = float64(i) / 7
	}
	odd := NewMatrix(2, 4, math.NaN(), math.Float64frombits(0x7ff0000000000001), math.Float64frombits(0xfff8dead0000beef),
		math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64)
	ts := []tensor{{"z", odd}, {"a.long", long}, {"", NewMatrix(1, 1, 3)}, {"empty", NewMatrix(0, 5)}, {"empty2", NewMatrix(5, 0)},
		{"\"\\/<&>\x00\x1f\t é 世界 \U0001F600 \u2028", NewMatrix(1, 2, 1, 2)}}
	meta := map[string]string{"k": "v", "nn": `{"x":"\n"}`, "": "", "é": "\U0001F600"}
	var b bytes.Buffer
	if err := writeTensors(&b, meta, ts); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(b.Bytes()),
		"bytes": iotest.OneByteReader(bytes.NewReader(b.Bytes())),
		"eof":   iotest.DataErrReader(bytes.NewReader(b.Bytes())),
	} {
		meta2, ts2, err := readTensors(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if fmt.Sprint(meta2) != fmt.Sprint(meta) {
			t.Errorf("%s: metadata %q, want %q", name, meta2, meta)
		}
		if len(ts2) != len(ts) {
			t.Errorf("%s: %d tensors, want %d", name, len(ts2), len(ts))
		}
		for _, x := range ts {
			m := ts2[x.name]
			if m == nil || m.Rows != x.m.Rows || m.Cols != x.m.Cols || !bitsEqual(m.Data, x.m.Data) {
				t.Errorf("%s: tensor %q differs", name, x.name)
			}
		}
	}

	// The order in which the tensors are given does not matter.
	ts[0], ts[3], ts[5] = ts[5], ts[0], ts[3]
	var c bytes.Buffer
	if err := writeTensors(&c, meta, ts); err != nil || !bytes.Equal(b.Bytes(), c.Bytes()) {
		t.Errorf("another order of tensors gives other bytes (%v)", err)
	}
	if n := binary.LittleEndian.Uint64(b.Bytes()); n%8 != 0 {
		t.Errorf("header of %d bytes", n)
	}
}

func bitsEqual(x, y []float64) bool {
	if len(x) != len(y) {
		return false
	}
	for i, v := range x {
		if math.Float64bits(v) != math.Float64bits(y[i]) {
			return false
		}
	}
	return true
}

// The bytes of a small file, written down from the format's description.
func TestTensorsBytes(t *testing.T) {
	header := `{"__metadata__":{"by":"nn"},"a":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[1,2],"data_offsets":[8,24]}}`
	want := "\x90\x00\x00\x00\x00\x00\x00\x00" + header + "     " + // 139 + 5 = 144 = 0x90
		"\x00\x00\x00\x00\x00\x00\xf0\x3f" + "\x00\x00\x00\x00\x00\x00\x00\xc0" + "\x00\x00\x00\x00\x00\x00\xe0\x3f"
	var b bytes.Buffer
	if err := writeTensors(&b, map[string]string{"by": "nn"}, []tensor{{"b", NewMatrix(1, 2, -2, 0.5)}, {"a", NewMatrix(1, 1, 1)}}); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got  %q\nwant %q", b.String(), want)
	}
}

func TestReadTensorsRank(t *testing.T) {
	for _, c := range []struct {
		shape      string
		rows, cols int
	}{
		{"[]", 1, 1}, {"[3]", 1, 3}, {"[0]", 1, 0}, {"[2,3]", 2, 3}, {"[2,3,4]", 6, 4}, {"[2,1,2,5]", 4, 5},
		{"[0,7]", 0, 7}, {"[7,0]", 7, 0}, {"[2,0,3]", 0, 3}, {"[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", 1, 2},
	} {
		n := 8 * c.rows * c.cols
		_, ts, err := readTensors(bytes.NewReader(rawTensors(fmt.Sprintf(`{"x":{"dtype":"F64","shape":%s,"data_offsets":[0,%d]}}`, c.shape, n), n)))
		if err != nil {
			t.Errorf("shape %s: %v", c.shape, err)
		} else if m := ts["x"]; m.Rows != c.rows || m.Cols != c.cols || len(m.Data) != c.rows*c.cols {
			t.Errorf("shape %s: %d×%d, want %d×%d", c.shape, m.Rows, m.Cols, c.rows, c.cols)
		}
	}
}

// Other writers order fields and tensors in other ways, and leave __metadata__ out.
func TestReadTensorsOthers(t *testing.T) {
	for _, header := range []string{
		`{}`,
		`{"__metadata__":{}}`,
		"{ \"a\" :\n{\"data_offsets\":[8,16],\"shape\":[1],\"dtype\":\"F64\"},\t\"b\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}",
		`{"a":{"dtype":"F64","shape":[0],"data_offsets":[8,8]},"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"c":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}`,
		`{"\ud83d\ude00\\ud83d\"":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"__metadata__":{"\u0061":"\ufffd"}}`,
	} {
		n := 16
		if !strings.Contains(header, "dtype") {
			n = 0
		}
		if _, _, err := readTensors(bytes.NewReader(rawTensors(header, n))); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestReadTensorsRejects(t *testing.T) {
	one := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"a":{"dtype":%s,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets)
	}
	two := func(a, b string) string {
		return fmt.Sprintf(`{"a":{"dtype":"F64","shape":[1],"data_offsets":%s},"b":{"dtype":"F64","shape":[1],"data_offsets":%s}}`, a, b)
	}
	size := func(n uint64, rest string) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, n), rest...)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "end before its length"},
		{"7 bytes", []byte("1234567"), "end before its length"},
		{"zip", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), "this is a zip archive"},
		{"length 0", size(0, "{}"), "length 0"},
		{"length too large", size(maxHeader+8, "{}"), "length 16777224; in a safetensors file it is"},
		{"length huge", size(1<<63, "{}"), "length 9223372036854775808"},
		{"length odd", size(2, "{}"), "length 2; a multiple of 8"},
		{"header cut", size(64, "{}"), "end after 2 of 64 bytes"},
		{"header large and cut", size(maxHeader, "{}"), "end after 2 of 16777216 bytes"},
		{"leading space", rawTensors(` {}`, 0), `begins with ' '`},
		{"array", rawTensors(`[]`, 0), `begins with '['`},
		{"trailing newline", rawTensors("{}\n", 0), `ends with '\n'`},
		{"two values", rawTensors("{} {}", 0), "not valid JSON"},
		{"cut JSON", rawTensors(`{"a":{}`, 0), "not valid JSON"},
		{"only a brace", size(8, "{       "), `ends with '{'`},
		{"comma", rawTensors(`{"a":1,}`, 0), "not valid JSON"},
		{"UTF-8", rawTensors("{\"__metadata__\":{\"\xff\":\"\"}}", 0), "not valid UTF-8"},
		{"surrogate", rawTensors(`{"__metadata__":{"a":"\ud800"}}`, 0), "surrogate"},
		{"surrogate low", rawTensors(`{"__metadata__":{"a":"\udc00\ud800"}}`, 0), "surrogate"},
		{"surrogate twice", rawTensors(`{"__metadata__":{"a":"\uD83D\uD83D"}}`, 0), "surrogate"},
		{"surrogate at end", rawTensors(`{"__metadata__":{"a\ud83d":""}}`, 0), "surrogate"},
		{"twice", rawTensors(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 8), `"a" occurs twice`},
		{"twice by escape", rawTensors(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"\u0061":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 8), `"a" occurs twice`},
		{"metadata twice", rawTensors(`{"__metadata__":{},"__metadata__":{}}`, 0), "occurs twice"},
		{"metadata key twice", rawTensors(`{"__metadata__":{"a":"1","a":"1"}}`, 0), `"a" occurs twice`},
		{"field twice", rawTensors(`{"a":{"dtype":"F64","dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 8), `"dtype" occurs twice`},
		{"deep", rawTensors(`{"a":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`}`, 0), "too deep"},
		{"deeper", rawTensors(`{"a":`+strings.Repeat("[", 50000)+strings.Repeat("]", 50000)+`}`, 0), "not valid JSON"},
		{"deep by one", rawTensors(one(`"F64"`, "[[1]]", "[0,8]"), 8), "too deep"},
		{"metadata null", rawTensors(`{"__metadata__":null}`, 0), "__metadata__: it is null, not an object"},
		{"metadata list", rawTensors(`{"__metadata__":["a"]}`, 0), "not an object"},
		{"metadata number", rawTensors(`{"__metadata__":{"a":1}}`, 0), `"a": it is 1, not a string`},
		{"metadata null string", rawTensors(`{"__metadata__":{"a":null}}`, 0), "it is null, not a string"},
		{"record null", rawTensors(`{"a":null}`, 0), `tensor "a": it is null`},
		{"record list", rawTensors(`{"a":["F64",[1],[0,8]]}`, 8), "not an object"},
		{"record number", rawTensors(`{"a":1e999}`, 0), "it is 1e999"},
		{"no dtype", rawTensors(`{"a":{"shape":[1],"data_offsets":[0,8]}}`, 8), "no dtype"},
		{"no shape", rawTensors(`{"a":{"dtype":"F64","data_offsets":[0,8]}}`, 8), "no shape"},
		{"no offsets", rawTensors(`{"a":{"dtype":"F64","shape":[1]}}`, 8), "no data_offsets"},
		{"case", rawTensors(`{"a":{"DType":"F64","shape":[1],"data_offsets":[0,8]}}`, 8), "no dtype"},
		{"field too many", rawTensors(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8],"x":1}}`, 8), "fields other than"},
		{"dtype", rawTensors(one(`"F65"`, "[1]", "[0,8]"), 8), `dtype is "F65"`},
		{"dtype F32", rawTensors(one(`"F32"`, "[2]", "[0,8]"), 8), `dtype is "F32"; only F64`},
		{"dtype case", rawTensors(one(`"f64"`, "[1]", "[0,8]"), 8), `dtype is "f64"`},
		{"dtype null", rawTensors(one(`null`, "[1]", "[0,8]"), 8), "dtype: it is null"},
		{"shape null", rawTensors(one(`"F64"`, "null", "[0,8]"), 8), "shape: it is null"},
		{"shape number", rawTensors(one(`"F64"`, "1", "[0,8]"), 8), "shape: it is 1"},
		{"shape negative", rawTensors(one(`"F64"`, "[-1,-1]", "[0,8]"), 8), "-1 is not an integer"},
		{"shape fraction", rawTensors(one(`"F64"`, "[1.0]", "[0,8]"), 8), "1.0 is not an integer"},
		{"shape exponent", rawTensors(one(`"F64"`, "[1e0]", "[0,8]"), 8), "1e0 is not an integer"},
		{"shape of null", rawTensors(one(`"F64"`, "[null,1]", "[0,0]"), 0), "null is not an integer"},
		{"shape of string", rawTensors(one(`"F64"`, `["1"]`, "[0,8]"), 8), "is not an integer"},
		{"shape overflow", rawTensors(one(`"F64"`, "[4294967296,4294967296]", "[0,0]"), 0), "product is too large"},
		{"shape overflow × 0", rawTensors(one(`"F64"`, "[4294967296,4294967296,0]", "[0,0]"), 0), "product is too large"},
		{"shape × 8 overflow", rawTensors(one(`"F64"`, "[2305843009213693952]", "[0,0]"), 0), "product is too large"},
		{"shape over 64 bits", rawTensors(one(`"F64"`, "[18446744073709551617]", "[0,8]"), 8), "not an integer"},
		{"0 × huge", rawTensors(one(`"F64"`, "[0,9223372036854775807]", "[0,0]"), 0), "product is too large"},
		{"offsets null", rawTensors(one(`"F64"`, "[1]", "null"), 8), "data_offsets: it is null"},
		{"offsets of one", rawTensors(one(`"F64"`, "[1]", "[8]"), 8), "data_offsets are [8]"},
		{"offsets of three", rawTensors(one(`"F64"`, "[1]", "[0,8,8]"), 8), "data_offsets are [0,8,8]"},
		{"offsets negative", rawTensors(one(`"F64"`, "[1]", "[-8,0]"), 8), "-8 is not an integer"},
		{"offsets backwards", rawTensors(one(`"F64"`, "[1]", "[8,0]"), 8), "begin ≤ end"},
		{"too few bytes", rawTensors(one(`"F64"`, "[2]", "[0,8]"), 8), "it has 8 bytes; its shape [2] needs 16"},
		{"too many bytes", rawTensors(one(`"F64"`, "[1]", "[0,16]"), 16), "it has 16 bytes; its shape [1] needs 8"},
		{"misaligned", rawTensors(one(`"F64"`, "[1]", "[4,12]"), 12), "hole after 0"},
		{"hole at the start", rawTensors(one(`"F64"`, "[1]", "[8,16]"), 16), "begins at 8 and leaves a hole after 0"},
		{"hole", rawTensors(two("[0,8]", "[16,24]"), 24), `tensor "b": it begins at 16 and leaves a hole after 8`},
		{"overlap", rawTensors(two("[0,8]", "[4,12]"), 12), `tensor "b": it begins at 4 and overlaps`},
		{"alias", rawTensors(two("[0,8]", "[0,8]"), 8), "overlaps"},
		{"tail", rawTensors(one(`"F64"`, "[1]", "[0,8]"), 9), "bytes after the last tensor"},
		{"tail only", rawTensors("{}", 1), "bytes after the last tensor"},
		{"data cut", rawTensors(one(`"F64"`, "[1]", "[0,8]"), 7), `tensor "a": the data end within its 1 values`},
		{"no data", rawTensors(one(`"F64"`, "[1]", "[0,8]"), 0), "the data end within"},
		{"huge and cut", rawTensors(one(`"F64"`, "[200000000]", "[0,1600000000]"), 100), "the data end within"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			used := allocated(func() { _, _, err = readTensors(bytes.NewReader(c.data)) })
			if limit := loadLimit(len(c.data)); used > limit {
				t.Errorf("%d bytes were allocated for %d, more than %d", used, len(c.data), limit)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want …%s…", err, c.want)
			}
			if e := FormatError(""); !errors.As(err, &e) || e == "" {
				t.Errorf("%v is not a FormatError", err)
			}
			if len(err.Error()) > 500 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}

			// ReadTensors is as strict but for what the format's own reader takes.
			used = allocated(func() { _, _, err = ReadTensors(bytes.NewReader(c.data)) })
			if limit := loadLimit(len(c.data)); used > limit {
				t.Errorf("ReadTensors: %d bytes were allocated for %d, more than %d", used, len(c.data), limit)
			}
			switch c.name {
			case "length odd", "leading space", "trailing newline", "metadata null", "record list", "field too many", "dtype F32":
				if err != nil {
					t.Errorf("ReadTensors: %v", err)
				}
			default:
				if e := FormatError(""); !errors.As(err, &e) || len(err.Error()) > 500 || !strings.HasPrefix(err.Error(), "nn: ReadTensors: ") {
					t.Errorf("ReadTensors: error %v, want a FormatError", err)
				}
			}
		})
	}
}

// Numbers take memory for themselves and not for their text.
func TestJSONNumbers(t *testing.T) {
	text := []byte("[ 1" + strings.Repeat(" ,\n0", 1<<16) + "\t]")
	if n := testing.AllocsPerRun(1, func() {
		if ns, err := numbers(text); err != nil || len(ns) != 1<<16+1 || ns[0] != 1 {
			t.Errorf("%d numbers, %v", len(ns), err)
		}
	}); n > 9 {
		t.Errorf("%v allocations", n)
	}
	for _, text := range []string{`["1,2"]`, "[[1,2]]", "[1,-1]", "[1.0]", "[9223372036854775808]", "{}", "null"} {
		if ns, err := numbers([]byte(text)); err == nil {
			t.Errorf("%s: %d and no error", text, ns)
		}
	}
}

// Every cut of a good file is an error.
func TestReadTensorsCut(t *testing.T) {
	var b bytes.Buffer
	if err := writeTensors(&b, map[string]string{"a": "b"}, []tensor{{"x", NewMatrix(2, 3)}, {"y", NewMatrix(0, 3)}, {"z", NewMatrix(1, 1)}}); err != nil {
		t.Fatal(err)
	}
	for n := range b.Len() {
		_, _, err := readTensors(bytes.NewReader(b.Bytes()[:n]))
		if e := FormatError(""); !errors.As(err, &e) {
			t.Errorf("the first %d bytes of %d: error %v, want a FormatError", n, b.Len(), err)
		}
	}
}

// An error of the reader or writer comes through, and is not a FormatError.
func TestTensorsIOErrors(t *testing.T) {
	fault := errors.New("fault")
	ts := []tensor{{"x", NewMatrix(10, 3000)}}
	var b bytes.Buffer
	if err := writeTensors(&b, nil, ts); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 50, 100, 200, 70000, b.Len()} {
		_, _, err := readTensors(io.MultiReader(bytes.NewReader(b.Bytes()[:n]), iotest.ErrReader(fault)))
		e := FormatError("")
		if !errors.Is(err, fault) || errors.As(err, &e) {
			t.Errorf("reader that fails after %d bytes: %v", n, err)
		}
	}
	for _, n := range []int{0, 50, 200, 70000, b.Len() - 1} {
		if err := writeTensors(&shortWriter{n, fault}, nil, ts); !errors.Is(err, fault) {
			t.Errorf("writer that fails after %d bytes: %v", n, err)
		}
	}
}

// A shortWriter fails after n bytes.
type shortWriter struct {
	n   int
	err error
}

func (w *shortWriter) Write(b []byte) (int, error) {
	if len(b) > w.n {
		return w.n, w.err
	}
	w.n -= len(b)
	return len(b), nil
}

func TestWriteTensorsRejects(t *testing.T) {
	m := NewMatrix(1, 1)
	for _, c := range []struct {
		meta map[string]string
		ts   []tensor
		want string
	}{
		{nil, []tensor{{"a", m}, {"b", m}, {"a", m}}, `two tensors are named "a"`},
		{nil, []tensor{{"\xff", m}}, "not valid UTF-8"},
		{map[string]string{"\xff": ""}, nil, "not valid UTF-8"},
		{map[string]string{"a": "\xff"}, nil, "not valid UTF-8"},
		{nil, []tensor{{"__metadata__", m}}, "can't be named"},
		{nil, []tensor{{"a", &Matrix{Rows: 2, Cols: 3}}}, "is 2×3 but has 0 values"},
		{map[string]string{"a": strings.Repeat("x", maxHeader)}, nil, "are the most"},
	} {
		var b bytes.Buffer
		err := writeTensors(&b, c.meta, c.ts)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want …%s…", err, c.want)
		}
		if b.Len() > 0 {
			t.Errorf("%v after %d bytes were written", err, b.Len())
		}
	}
}
