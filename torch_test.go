package nn

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A zipEntry is an entry of a file that rawZip writes.
type zipEntry struct {
	name, data string
	method     uint16
	flags      uint16
	crc        uint32 // added to the right one
	more       int    // added to the size in the directory
	same       bool   // no bytes of its own: those of the entry before
}

// rawZip returns a zip archive, or what claims to be one.
func rawZip(entries ...zipEntry) []byte {
	var b, dir []byte
	put := binary.LittleEndian
	offset := 0
	for _, e := range entries {
		if !e.same {
			offset = len(b)
		}
		sum, size := crc32.ChecksumIEEE([]byte(e.data))+e.crc, uint32(len(e.data)+e.more)
		common := func(b []byte) []byte {
			b = put.AppendUint16(put.AppendUint16(put.AppendUint16(b, 20), e.flags), e.method)
			b = put.AppendUint32(put.AppendUint32(b, 0), sum)
			b = put.AppendUint32(put.AppendUint32(b, size), size)
			return put.AppendUint16(put.AppendUint16(b, uint16(len(e.name))), 0)
		}
		if !e.same {
			b = append(append(common(append(b, "PK\x03\x04"...)), e.name...), e.data...)
		}
		dir = common(append(dir, "PK\x01\x02\x14\x00"...))
		dir = append(dir, make([]byte, 10)...)
		dir = append(put.AppendUint32(dir, uint32(offset)), e.name...)
	}
	at := len(b)
	b = append(append(b, dir...), "PK\x05\x06\x00\x00\x00\x00"...)
	b = put.AppendUint16(put.AppendUint16(b, uint16(len(entries))), uint16(len(entries)))
	b = put.AppendUint32(put.AppendUint32(b, uint32(len(dir))), uint32(at))
	return append(b, 0, 0)
}

// torchZip returns a file as torch.save writes it, with storages 0, 1, ….
func torchZip(pickle string, storages ...string) []byte {
	entries := []zipEntry{{name: "x/data.pkl", data: pickle}, {name: "x/version", data: "3\n"}}
	for i, s := range storages {
		entries = append(entries, zipEntry{name: fmt.Sprintf("x/data/%d", i), data: s})
	}
	return rawZip(entries...)
}

// Pieces of pickles, by the opcodes in pickletools.
func pkInt(n int64) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}
func pkString(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}
func pkTuple(items ...string) string { return "(" + strings.Join(items, "") + "t" }
func pkInts(ns ...int64) string {
	var items []string
	for _, n := range ns {
		items = append(items, pkInt(n))
	}
	return pkTuple(items...)
}
func pkDict(items ...string) string { return "}(" + strings.Join(items, "") + "u" }
func pkStorage(kind, key string, n int64) string {
	return pkTuple(pkString("storage"), "ctorch\n"+kind+"Storage\n", pkString(key), pkString("cpu"), pkInt(n)) + "Q"
}
func pkTensor(storage string, offset int64, shape, strides []int64) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n" +
		pkTuple(storage, pkInt(offset), pkInts(shape...), pkInts(strides...), "\x89", "ccollections\nOrderedDict\n)R") + "R"
}

// readTorchBytes is ReadTorch of a file in memory.
func readTorchBytes(b []byte) (Tensors, error) { return ReadTorch(bytes.NewReader(b), int64(len(b))) }

// The pieces above make files that are right, in ways that torch 1.13 does not use.
func TestReadTorchMade(t *testing.T) {
	f64 := func(order binary.ByteOrder, vs ...float64) string {
		b := make([]byte, 8*len(vs))
		for i, v := range vs {
			order.PutUint64(b[8*i:], math.Float64bits(v))
		}
		return string(b)
	}
	six := f64(binary.LittleEndian, 0, 1, 2, 3, 4, 5)
	view := func(offset int64, shape, strides []int64) string {
		return pkTensor(pkStorage("Double", "0", 6), offset, shape, strides)
	}
	for _, c := range []struct {
		name   string
		pickle string
		want   string // names, shapes and values
	}{
		{"one", view(0, []int64{6}, []int64{1}), `map[:(6) [0 1 2 3 4 5]]`},
		{"list", "](" + view(1, []int64{2}, []int64{1}) + view(3, []int64{3}, []int64{1}) + "e", `map[0:(2) [1 2] 1:(3) [3 4 5]]`},
		{"append", "]" + view(5, nil, nil) + "a", `map[0:() [5]]`},
		{"setitem", "}" + pkString("a") + view(4, []int64{1}, []int64{1 << 20}) + "s", `map[a:(1) [4]]`},
		{"tuples", view(0, []int64{1}, []int64{1}) + "\x85" + view(1, []int64{1}, []int64{1}) + "\x86" + "N\x88\x89\x87", `map[]`},
		{"tuple1", view(2, []int64{1}, []int64{1}) + "\x85", `map[0:(1) [2]]`},
		{"tuple2", view(2, []int64{1}, []int64{1}) + view(3, []int64{1}, []int64{1}) + "\x86", `map[0:(1) [2] 1:(1) [3]]`},
		{"tuple3", "NN" + view(3, []int64{1}, []int64{1}) + "\x87", `map[2:(1) [3]]`},
		{"numbers", pkDict("K\xff", view(0, nil, nil), "M\xff\xff", view(1, nil, nil), "J\xff\xff\xff\xff", view(2, nil, nil), "\x8a\x00", view(3, nil, nil),
			"\x8a\x01\x80", view(4, nil, nil), "\x8a\x03\x00\x00\x01", view(5, nil, nil), "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80", "G\x3f\xf0\x00\x00\x00\x00\x00\x00"),
			`map[-1:() [2] -128:() [4] 0:() [3] 255:() [0] 65535:() [1] 65536:() [5]]`},
		{"memo", pkDict(pkString("a"), view(1, []int64{1}, []int64{1})+"r\x00\x01\x00\x00q\x00", pkString("b"), "h\x00", pkString("c"), "j\x00\x01\x00\x00"),
			`map[a:(1) [1] b:(1) [1] c:(1) [1]]`},
		{"nested", pkDict(pkString("a"), pkDict(pkString("b"), "]"+view(1, []int64{1}, []int64{1})+"a", pkString(""), view(0, nil, nil))), `map[a.:() [0] a.b.0:(1) [1]]`},
		{"transposed", view(0, []int64{3, 2}, []int64{1, 3}), `map[:(3, 2) [0 3 1 4 2 5]]`},
		{"overlapping", view(0, []int64{3, 3}, []int64{1, 1}), `map[:(3, 3) [0 1 2 1 2 3 2 3 4]]`},
		{"backwards by 0", view(5, []int64{2, 2, 1}, []int64{0, 0, 9}), `map[:(2, 2, 1) [5 5 5 5]]`},
		{"unit", view(1, []int64{1, 2, 1, 2}, []int64{7, 2, 9, 1}), `map[:(1, 2, 1, 2) [1 2 3 4]]`},
		{"nothing", view(9, []int64{2, 0}, []int64{4, 4}), `map[:(2, 0) []]`},
		{"metadata", "ccollections\nOrderedDict\n)R" + "(" + pkString("w") + view(0, nil, nil) + "u" + "}" + pkString("_metadata") + "}sb", `map[w:() [0]]`},
		{"storage alone", pkDict(pkString("a"), pkStorage("Double", "0", 6)), `map[]`},
	} {
		ts, err := readTorchBytes(torchZip("\x80\x02"+c.pickle+".", six))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := map[string]string{}
		for name, x := range ts {
			got[name] = fmt.Sprint(x.Shape, x.Data)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}

	// The byte order is that of the file, and other entries do not matter.
	pickle := "\x80\x02" + pkTensor(pkStorage("Double", "k", 2), 0, []int64{2}, []int64{1}) + "."
	for order, data := range map[string]string{"little": f64(binary.LittleEndian, 7, 8), "big": f64(binary.BigEndian, 7, 8)} {
		ts, err := readTorchBytes(rawZip(zipEntry{name: "a/data.pkl", data: pickle}, zipEntry{name: "a/byteorder", data: order},
			zipEntry{name: "a/data/k", data: data}, zipEntry{name: "b/data/k", data: "x"}, zipEntry{name: "a/.data/serialization_id", data: "1", method: 8}))
		if err != nil || !slices.Equal(ts[""].Data, []float64{7, 8}) {
			t.Errorf("%s-endian: %v, %v", order, ts, err)
		}
	}
}

func TestReadTorchRejects(t *testing.T) {
	deep := strings.Repeat("]", 100) + strings.Repeat("a", 99)
	one := pkTensor(pkStorage("Double", "0", 6), 0, []int64{6}, []int64{1})
	view := func(offset int64, shape, strides []int64) string {
		return pkTensor(pkStorage("Double", "0", 6), offset, shape, strides)
	}
	twins := "]" // each list has the one before twice
	for range 60 {
		twins = twins + "q\x00" + "]h\x00a" + "h\x00a"
	}
	long := pkString(strings.Repeat("x", 100_000))
	var names strings.Builder // 10,000 tensors below one long key
	names.WriteString("}" + long + "}(")
	for i := range 10_000 {
		names.WriteString(pkInt(int64(i)) + "h\x07")
	}
	names.WriteString("us")
	var strided strings.Builder // each view is a copy of half the storage
	strided.WriteString("]" + pkStorage("Byte", "0", 200_000) + "q\x01a" + "(")
	for range 2000 {
		strided.WriteString(pkTensor("h\x01", 0, []int64{100_000}, []int64{2}))
	}
	strided.WriteString("e")
	pickled := func(p string, storages ...string) []byte { return torchZip("\x80\x02"+p+".", storages...) }
	six := strings.Repeat("\x00", 48)
	with := func(e zipEntry) []byte { // with a data.pkl that needs storage 0
		return rawZip(zipEntry{name: "x/data.pkl", data: "\x80\x02" + one + "."}, e)
	}
	var flate bytes.Buffer
	z := zip.NewWriter(&flate)
	w, err := z.Create("x/data.pkl")
	if err != nil {
		t.Fatal(err)
	}
	w.Write(bytes.Repeat([]byte("]"), 1<<20))
	z.Close()
	aliases := []zipEntry{{name: "x/data.pkl", data: "\x80\x02]("}, {name: "x/data/0", data: strings.Repeat("\x00", 100_000)}}
	for i := range 1000 {
		aliases[0].data += pkTensor(pkStorage("Byte", fmt.Sprint(i), 100_000), 0, []int64{100_000}, []int64{1})
		if i > 0 {
			aliases = append(aliases, zipEntry{name: fmt.Sprintf("x/data/%d", i), data: aliases[1].data, same: true})
		}
	}
	aliases[0].data += "e."

	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "zip: not a valid zip file"},
		{"safetensors", []byte("\x40\x00\x00\x00\x00\x00\x00\x00{}"), "ReadTensors reads a safetensors file"},
		{"text", []byte("hello"), "zip: not a valid zip file"},
		{"legacy", []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), "before PyTorch 1.6"},
		{"cut", torchZip(one)[:300], "zip: not a valid zip file"},
		{"no data.pkl", rawZip(zipEntry{name: "a/b", data: "c"}), "no data.pkl"},
		{"data.pkl elsewhere", rawZip(zipEntry{name: "data.pkl"}, zipEntry{name: "a/b/data.pkl"}), "no data.pkl"},
		{"two", rawZip(zipEntry{name: "a/data.pkl"}, zipEntry{name: "b/data.pkl"}), "more than one data.pkl"},
		{"twice", rawZip(zipEntry{name: "a/data.pkl"}, zipEntry{name: "a/data/0"}, zipEntry{name: "a/data/0"}), `the entry "data/0" twice`},
		{"TorchScript", rawZip(zipEntry{name: "a/data.pkl"}, zipEntry{name: "a/constants.pkl"}), "TorchScript"},
		{"compressed", flate.Bytes(), `"data.pkl" is compressed`},
		{"compressed storage", with(zipEntry{name: "x/data/0", data: six, method: 8}), `"data/0" is compressed`},
		{"encrypted", with(zipEntry{name: "x/data/0", data: six, flags: 1}), "encrypted"},
		{"checksum", with(zipEntry{name: "x/data/0", data: six, crc: 1}), "checksum"},
		{"checksum of pickle", rawZip(zipEntry{name: "x/data.pkl", data: "\x80\x02N.", crc: 1}), "checksum"},
		{"size beyond the file", with(zipEntry{name: "x/data/0", data: six, more: 1 << 30}), "more than the file has left"},
		{"entries over each other", rawZip(aliases...), "more than the file has left"},
		{"no storage", pickled(one), `"data/0" is missing`},
		{"short storage", pickled(one, six[1:]), "it has 47 bytes; 6 elements of 8"},
		{"long storage", pickled(one, six+"x"), "it has 49 bytes; 6 elements of 8"},
		{"byte order", rawZip(zipEntry{name: "x/data.pkl"}, zipEntry{name: "x/byteorder", data: "middle"}), `byte order is "middle"`},

		{"empty pickle", torchZip(""), "ends too early"},
		{"no stop", torchZip("\x80\x02"), "ends too early"},
		{"nothing", torchZip("\x80\x02."), "more from its stack"},
		{"protocol", torchZip("\x80\x04N."), "protocol 4"},
		{"opcode", pickled("\x93"), "operation 0x93"},
		{"instance", pickled("(i__main__\nNet\n"), "operation 0x69"},
		{"code", pickled("cos\nsystem\n" + pkTuple(pkString("true")) + "R"), `"os.system"`},
		{"builtins", pickled("cbuiltins\neval\n"), `"builtins.eval"`},
		{"model", pickled("c__main__\nNet\n)R"), `it needs "__main__.Net", which is not known; save model.state_dict()`},
		{"long name", pickled("c" + strings.Repeat("a", 1000) + "\n" + strings.Repeat("b", 1000) + "\n"), "is not known"},
		{"complex", pickled(pkTensor(pkStorage("ComplexFloat", "0", 6), 0, []int64{6}, []int64{1})), `"torch.ComplexFloatStorage"`},
		{"quantized", pickled("ctorch._utils\n_rebuild_qtensor\n"), `"torch._utils._rebuild_qtensor"`},
		{"global cut", pickled("ctorch\n"), "ends too early"},
		{"global cut before", pickled("ctorch"), "ends too early"},
		{"underflow", pickled("\x86"), "more from its stack"},
		{"underflow of mark", pickled("N(\x85"), "more from its stack"},
		{"tuple without mark", pickled("Nt"), "a mark where there is none"},
		{"append to nothing", pickled("Na"), "more from its stack"},
		{"append to tuple", pickled(")Na"), "can't take them"},
		{"append to dict", pickled("}Na"), "can't take them"},
		{"set item of list", pickled("]NNs"), "can't take them"},
		{"set items, odd", pickled("}(Nu"), "can't take them"},
		{"memo not set", pickled("h\x05"), "memo 5, which was not set"},
		{"memo of nothing", pickled("q\x05"), "more from its stack"},
		{"stop within a mark", pickled("N("), "more from its stack"},
		{"long integer", pickled("\x8a\xff" + strings.Repeat("\x00", 255)), "an integer of 255 bytes"},
		{"long integer cut", torchZip("\x80\x02\x8a\x08\x00"), "ends too early"},
		{"float cut", torchZip("\x80\x02G\x00"), "ends too early"},
		{"string of 4 GB", pickled("X\xff\xff\xff\xffabc"), "ends too early"},
		{"string", pickled("X\x01\x00\x00\x00\xff"), "not valid UTF-8"},
		{"call of a number", pickled("K\x01)R"), "calls what is no function"},
		{"call with a list", pickled("ctorch\nSize\n]R"), "calls what is no function"},
		{"call of a storage", pickled("ctorch\nFloatStorage\n)R"), "arguments of an unknown kind"},
		{"attributes", pickled("K\x01}b"), "attributes of what has none"},
		{"ordered dict of items", pickled("ccollections\nOrderedDict\n]\x85R"), "arguments of an unknown kind"},
		{"parameter of nothing", pickled("ctorch._utils\n_rebuild_parameter\nN\x88N\x87R"), "arguments of an unknown kind"},
		{"tensor of nothing", pickled("ctorch._utils\n_rebuild_tensor_v2\n)R"), "arguments of an unknown kind"},
		{"tensor of None", pickled("ctorch._utils\n_rebuild_tensor_v2\n" + pkTuple("N", "N", "N", "N", "N", "N") + "R"), "arguments of an unknown kind"},
		{"persistent number", pickled("K\x01Q"), "other than a storage"},
		{"persistent tuple", pickled(pkTuple("N", "N", "N", "N", "N") + "Q"), "other than a storage"},
		{"storage of None", pickled(pkTuple(pkString("storage"), "N", "N", "N", "N") + "Q"), "storage of an unknown kind"},
		{"storage of a dict", pickled(pkTuple(pkString("storage"), "ccollections\nOrderedDict\n", pkString("0"), pkString("cpu"), pkInt(1)) + "Q"), "storage of an unknown kind"},
		{"storage of −1", pickled(pkStorage("Double", "0", -1)), "storage of an unknown kind"},
		{"storage of two types", pickled(pkStorage("Double", "0", 6)+pkStorage("Float", "0", 6)+"\x86", six), "in two kinds"},
		{"storage of two lengths", pickled(pkStorage("Double", "0", 6)+pkStorage("Double", "0", 5)+"\x86", six), "in two kinds"},

		{"offset", pickled(view(1, []int64{6}, []int64{1}), six), "beyond the end"},
		{"offset of a number", pickled(view(6, nil, nil), six), "beyond the end"},
		{"offset −1", pickled(view(-1, []int64{1}, []int64{1}), six), "arguments of an unknown kind"},
		{"shape −1", pickled(view(0, []int64{-1}, []int64{1}), six), "arguments of an unknown kind"},
		{"stride −1", pickled(view(5, []int64{2}, []int64{-1}), six), "arguments of an unknown kind"},
		{"shape of 64 bits", pickled(view(0, []int64{math.MaxInt64}, []int64{1}), six), "arguments of an unknown kind"},
		{"stride", pickled(view(0, []int64{2, 2}, []int64{5, 1}), six), "beyond the end"},
		{"stride by overflow", pickled(view(0, []int64{1 << 20, 1 << 20}, []int64{1 << 44, 1 << 44}), six), "beyond the end"},
		{"strides by overflow", pickled(view(0, []int64{1<<8 + 1, 1<<8 + 1}, []int64{1 << 56, 1 << 56}), six), "beyond the end"},
		{"volume", pickled(view(0, []int64{1 << 40, 1 << 40}, []int64{0, 0}), six), "its shape (1099511627776, 1099511627776) is too large"},
		{"volume × 0", pickled(view(0, []int64{1 << 40, 1 << 40, 0}, []int64{0, 0, 0}), six), "is too large"},
		{"expanded", pickled(view(0, []int64{1 << 40}, []int64{0}), six), "many times larger than the file"},
		{"rank", pickled(view(0, make([]int64, 65), make([]int64, 65)), six), "arguments of an unknown kind"},
		{"strides for another rank", pickled(view(0, []int64{1}, []int64{1, 1}), six), "arguments of an unknown kind"},
		{"strided views", pickled(strided.String(), strings.Repeat("x", 200_000)), "many times larger than the file"},

		{"deep", pickled(deep), "nested too deep"},
		{"itself", pickled("]q\x00h\x00a"), "nested too deep"},
		{"itself twice", pickled("]q\x00(h\x00h\x00e"), "nested too deep"},
		{"twins", pickled(twins), "many times larger than the file"},
		{"long names", pickled(names.String()), "memo 7"},
		{"names", pickled("]"+one+"q\x07a"+strings.ReplaceAll(names.String(), "us", "usa"), six), "many times larger than the file"},
		{"same name", pickled(pkDict(pkString("a"), one, pkString("a"), one), six), `two tensors of the name "a"`},
		{"same name by dots", pickled(pkDict(pkString("a.b"), one, pkString("a"), pkDict(pkString("b"), one)), six), `two tensors of the name "a.b"`},
		{"same name by number", pickled(pkDict("K\x01", one, pkString("1"), one), six), `two tensors of the name "1"`},
		{"key", pickled(pkDict(")", one), six), "neither text nor a whole number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			used := allocated(func() { _, err = readTorchBytes(c.data) })
			if limit := torchLimit(len(c.data)); used > limit {
				t.Errorf("%d bytes were allocated for %d, more than %d", used, len(c.data), limit)
			}
			if maxElements < 1<<40 && (strings.Contains(c.name, "overflow") || strings.Contains(c.name, "volume") || c.name == "expanded") {
				c.want = "arguments of an unknown kind" // on machines of 32 bits
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want …%s…", err, c.want)
			}
			if e := FormatError(""); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "nn: ReadTorch: ") || len(err.Error()) > 500 {
				t.Errorf("%v is not a FormatError of ReadTorch", err)
			}
		})
	}
}

// torchLimit is the most that ReadTorch may allocate for n bytes.
func torchLimit(n int) uint64 { return 16<<20 + 300*uint64(n) }

// Every cut of a good file, and most bytes that change, are errors.
func TestReadTorchDamage(t *testing.T) {
	good, err := os.ReadFile("testdata/exchange/mlp.pt")
	if err != nil {
		t.Fatal(err)
	}
	want, err := readTorchBytes(good)
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := readTorchBytes(good[:n]); err == nil {
			t.Errorf("the first %d bytes of %d: no error", n, len(good))
		}
		b := slices.Clone(good)
		b[n] ^= 1
		ts, err := readTorchBytes(b)
		if e := FormatError(""); err != nil && !errors.As(err, &e) {
			t.Errorf("byte %d changed: %v", n, err)
		}
		if err != nil {
			continue
		}
		// What nobody reads, such as a time, may change; the values may not.
		for name, w := range want {
			if x := ts[name]; !slices.Equal(x.Shape, w.Shape) || !bitsEqual(x.Data, w.Data) {
				t.Errorf("byte %d changed: another %q and no error", n, name)
			}
		}
	}
}

// A faultyReader fails where it is read at n or beyond.
type faultyReader struct {
	io.ReaderAt
	n   int64
	err error
}

func (r faultyReader) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > r.n && at <= r.n {
		return 0, r.err
	}
	return r.ReaderAt.ReadAt(b, at)
}

func TestReadTorchIOErrors(t *testing.T) {
	good, err := os.ReadFile("testdata/exchange/mlp.pt")
	if err != nil {
		t.Fatal(err)
	}
	fault := errors.New("fault")
	for n := int64(0); n < int64(len(good)); n += 50 {
		_, err := ReadTorch(faultyReader{bytes.NewReader(good), n, fault}, int64(len(good)))
		if e := FormatError(""); err != nil && (!errors.Is(err, fault) || errors.As(err, &e)) {
			t.Errorf("reader that fails at %d: %v", n, err)
		}
		if n == 0 && err == nil {
			t.Error("a reader that fails at 0: no error")
		}
	}
	for _, size := range []int64{0, 10, int64(len(good)) + 1000, math.MaxInt64} {
		_, err := ReadTorch(bytes.NewReader(good), size)
		if e := FormatError(""); !errors.As(err, &e) && err != nil || err == nil && size < int64(len(good)) {
			t.Errorf("size %d for %d: %v", size, len(good), err)
		}
	}
	wantPanic(t, "nn: ReadTorch: size is -1", func() { ReadTorch(bytes.NewReader(good), -1) })
	file := filepath.Join(t.TempDir(), "x.pt")
	if err := os.WriteFile(file, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTorchFile(file); err == nil || !strings.HasPrefix(err.Error(), "nn: ReadTorchFile: "+file) {
		t.Errorf("a file of one byte: %v", err)
	}
}

// FuzzReadTorch: whatever the bytes, ReadTorch does not panic, allocates in
// proportion to their number, and returns a FormatError or tensors that can be saved.
func FuzzReadTorch(f *testing.F) {
	for _, name := range []string{"types", "mlp", "alone"} {
		b, err := os.ReadFile("testdata/exchange/" + name + ".pt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(torchZip("\x80\x02"+pkTensor(pkStorage("Byte", "0", 3), 1, []int64{2}, []int64{1})+".", "abc"))
	f.Add(rawZip(zipEntry{name: "a/data.pkl", data: "\x80\x02N."}, zipEntry{name: "a/byteorder", data: "big"}))
	f.Fuzz(tryTorch)
}

// FuzzReadTorchPickle is FuzzReadTorch with an archive that is right around any
// pickle and storage.
func FuzzReadTorchPickle(f *testing.F) {
	for _, name := range []string{"types", "mlp", "alone"} {
		z, err := zip.OpenReader("testdata/exchange/" + name + ".pt")
		if err != nil {
			f.Fatal(err)
		}
		r, err := z.Open(name + "/data.pkl")
		if err != nil {
			f.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			f.Fatal(err)
		}
		z.Close()
		f.Add(b, []byte("12345678"))
	}
	view := pkTensor(pkStorage("Half", "0", 6), 1, []int64{2, 2}, []int64{1, 2})
	f.Add([]byte("\x80\x02"+pkDict(pkString("a"), view+"q\x00", pkString("b"), "](h\x00h\x00e")+"."), []byte("123456789012"))
	f.Add([]byte("\x80\x02"+view+"."), []byte("123456789012"))
	f.Add([]byte("\x80\x02]q\x00h\x00a."), []byte{})
	f.Add([]byte("\x80\x02"+pkTensor(pkStorage("Byte", "0", 2), 0, []int64{1 << 40}, []int64{0})+"."), []byte("12"))
	f.Fuzz(func(t *testing.T, pickle, storage []byte) { tryTorch(t, torchZip(string(pickle), string(storage))) })
}

func tryTorch(t *testing.T, data []byte) {
	var ts Tensors
	var err error
	if used, limit := allocated(func() { ts, err = readTorchBytes(data) }), torchLimit(len(data)); used > limit {
		t.Errorf("%d bytes were allocated for %d, more than %d", used, len(data), limit)
	}
	if err != nil {
		if e := FormatError(""); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "nn: ReadTorch: ") {
			t.Errorf("error %v is not a FormatError of ReadTorch", err)
		}
		return
	}
	delete(ts, metaKey) // the one name that safetensors have no room for
	if err := ts.Save(io.Discard, SaveOptions{}); err != nil {
		t.Error(err)
	}
}
