package nn

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
)

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		in   string
		rows int
		want []float64
	}{
		{"1,2\n3,4\n", 2, []float64{1, 2, 3, 4}},
		{"1,2\r\n3,4", 2, []float64{1, 2, 3, 4}},
		{"a,b\n1,2\n", 1, []float64{1, 2}},
		{"a,b\n", 0, nil},
		{"\ufeff1,2\n", 1, []float64{1, 2}},
		{"\ufeff\"a\",b\n1,2\n", 1, []float64{1, 2}},
		{"\n\n1\n\n2\n", 2, []float64{1, 2}},
		{"\"1\", \"2.5\", -3e2 \n", 1, []float64{1, 2.5, -300}},
		{"-0\n", 1, []float64{math.Copysign(0, -1)}},
		{"NaN,Inf\n1,2\n", 1, []float64{1, 2}}, // names, not numbers
		{"5e-324,1.7976931348623157e308,+.5,5.", 1, []float64{5e-324, math.MaxFloat64, 0.5, 5}},
		{"\"a\nb\",c\n1,2", 1, []float64{1, 2}},
	} {
		m, err := ReadCSV(strings.NewReader(c.in))
		if err != nil || m.Rows != c.rows || len(m.Data) != m.Rows*m.Cols || !slices.Equal(m.Data, c.want) {
			t.Errorf("ReadCSV(%q) = %v, %v, want %d rows of %v", c.in, m, err, c.rows, c.want)
		}
	}
}

func TestReadCSVErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "nn: ReadCSV: no lines: unexpected EOF"},
		{"\ufeff", "nn: ReadCSV: no lines: unexpected EOF"},
		{"1,2\n3,x\n", `nn: ReadCSV: line 2, column 2: "x" is not a number`},
		{"1,2\n3,\n", `nn: ReadCSV: line 2, column 2: a value is missing`},
		{"1,2\n3,  \n", `nn: ReadCSV: line 2, column 2: a value is missing`},
		{"1,b\n3,4\n", `nn: ReadCSV: line 1, column 2: "b" is not a number`},
		{"a\nNaN\n", `nn: ReadCSV: line 2, column 1: "NaN" is not a finite number`},
		{"a\n-inf\n", `nn: ReadCSV: line 2, column 1: "-inf" is not a finite number`},
		{"a\n1e999\n", `nn: ReadCSV: line 2, column 1: "1e999" is not a finite number`},
		{"1,2\n\n3\n", "nn: ReadCSV: line 3: wrong number of fields: 1, but 2 in the first line"},
		{"1,2\n3,4,5\n", "nn: ReadCSV: line 2: wrong number of fields: 3, but 2 in the first line"},
		{"1,2\n3,\"4\n", "nn: ReadCSV: line 2: extraneous or missing \" in quoted-field"},
		{"\"1\n", "nn: ReadCSV: line 1: extraneous or missing \" in quoted-field"},
		{"1\n" + strings.Repeat("y", 100), `nn: ReadCSV: line 2, column 1: "` + strings.Repeat("y", 40) + `" is not a number`},
	} {
		m, err := ReadCSV(strings.NewReader(c.in))
		if err == nil || err.Error() != c.want || m != nil {
			t.Errorf("ReadCSV(%q) = %v, %v, want %s", c.in, m, err, c.want)
		}
	}
	_, err := ReadCSV(strings.NewReader("1,2\n3\n"))
	if !errors.Is(err, csv.ErrFieldCount) {
		t.Errorf("%v is not csv.ErrFieldCount", err)
	}
	broken := errors.New("broken")
	for _, in := range []string{"", "1,2\n"} {
		_, err = ReadCSV(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %q: %v, want %v", in, err, broken)
		}
	}
}

func TestCSV(t *testing.T) {
	const flowers = "id;sepal;\"petal \";species\r\n a1;5.1;1.4;0\r\n\r\nb2;7.0;4.7;1\r\n# end\r\n"
	for _, c := range []struct {
		csv   CSV
		in    string
		x, y  []float64
		rows  int
		names string
	}{
		{CSV{Target: "species", Skip: []string{"id"}, Comma: ';', Comment: '#'}, flowers, []float64{5.1, 1.4, 7, 4.7}, []float64{0, 1}, 2, "[sepal petal]"},
		{CSV{Target: "petal", Skip: []string{"id", "sepal"}, Comma: ';', Comment: '#'}, flowers, []float64{0, 1}, []float64{1.4, 4.7}, 2, "[species]"},
		{CSV{}, "a,b\n1,2\n3,4\n", []float64{1, 2, 3, 4}, nil, 2, "[a b]"},
		{CSV{Target: "a"}, "a\n1\n2\n", nil, []float64{1, 2}, 2, "[]"},
		{CSV{Target: "b"}, "a,b\n", nil, nil, 0, "[a]"},
		{CSV{Target: "1"}, "0,1,2\n4,5,6\n", []float64{4, 6}, []float64{5}, 1, "[0 2]"},
		{CSV{Target: "2020"}, "year,2020\n4,5\n", []float64{4}, []float64{5}, 1, "[year]"},
		{CSV{Target: "0", NoHeader: true}, "1,2\n3,4\n", []float64{2, 4}, []float64{1, 3}, 2, "[]"},
		{CSV{Target: "-1", NoHeader: true, Skip: []string{"-3"}}, "x,2,3\ny,4,5\n", []float64{2, 4}, []float64{3, 5}, 2, "[]"},
		{CSV{Comma: '\t', Target: "b"}, "a\tb\n1\t2\n", []float64{1}, []float64{2}, 1, "[a]"},
		{CSV{Comma: ' ', NoHeader: true}, "1 2\n3 4\n", []float64{1, 2, 3, 4}, nil, 2, "[]"},
	} {
		d, names, err := c.csv.Read(strings.NewReader(c.in))
		if err != nil {
			t.Errorf("%+v.Read(%q): %v", c.csv, c.in, err)
			continue
		}
		if !slices.Equal(d.X.Data, c.x) || !slices.Equal(d.Y.Data, c.y) || fmt.Sprint(names) != c.names || d.Len() != c.rows {
			t.Errorf("%+v.Read(%q) = %v, %v, %v, want %v, %v, %s", c.csv, c.in, d.X.Data, d.Y.Data, names, c.x, c.y, c.names)
		}
		d.check("Read")
		if len(d.X.Data) != d.X.Rows*d.X.Cols || len(d.Y.Data) != d.Y.Rows*d.Y.Cols || c.csv.Target != "" && d.Y.Cols != 1 {
			t.Errorf("%+v.Read(%q): X %d×%d of %d, Y %d×%d of %d", c.csv, c.in, d.X.Rows, d.X.Cols, len(d.X.Data), d.Y.Rows, d.Y.Cols, len(d.Y.Data))
		}
	}
}

func TestCSVErrors(t *testing.T) {
	for _, c := range []struct {
		csv      CSV
		in, want string
	}{
		{CSV{}, "", "nn: CSV: no lines: unexpected EOF"},
		{CSV{}, "a,b,a\n1,2,3\n", `nn: CSV: line 1, column 3: the name "a" is that of column 1 too`},
		{CSV{}, "a,,c\n1,2,3\n", `nn: CSV: line 1, column 2: the column has no name; "" in Skip leaves it out`},
		{CSV{}, "\n1.5,2\n3,4\n", `nn: CSV: line 2, column 1: the names of all columns are numbers; set NoHeader if the first line is a sample`},
		{CSV{Target: "c"}, "a,b\n1,2\n", `nn: CSV: there is no column "c"; there are "a", "b"`},
		{CSV{Target: "b"}, "a;b\n1;2\n", `nn: CSV: there is no column "b"; there are "a;b"`},
		{CSV{Target: "x"}, "a,b,c,d,e,f,g,h,i\n", `nn: CSV: there is no column "x"; there are "a", "b", "c", "d", "e", "f", "g", "h", …`},
		{CSV{Skip: []string{"0"}}, "a,b\n1,2\n", `nn: CSV: there is no column "0"; there are "a", "b"`},
		{CSV{Target: "2", NoHeader: true}, "1,2\n", `nn: CSV: column "2" is not one of the numbers 0 to 1`},
		{CSV{Target: "-3", NoHeader: true}, "1,2\n", `nn: CSV: column "-3" is not one of the numbers 0 to 1`},
		{CSV{Target: "a", NoHeader: true}, "1,2\n", `nn: CSV: column "a" is not one of the numbers 0 to 1`},
		{CSV{Target: "b"}, "a,b\n1,2\n3,red\n", `nn: CSV: line 3, column 2 (b): "red" is not a number; for text see Categories and Skip`},
		{CSV{Target: "b"}, "a,b\n1,2\n,red\n", `nn: CSV: line 3, column 1 (a): a value is missing; see Missing`},
		{CSV{}, "a,b\n1,\"2\n\",3\n", `nn: CSV: line 2: wrong number of fields: 3, but 2 in the first line`},
		{CSV{}, "a\n\"1\n2\"\n", `nn: CSV: line 2, column 1 (a): "1\n2" is not a number; for text see Categories and Skip`},
		{CSV{Comma: '"'}, "a\n1\n", "nn: CSV: csv: invalid field or comment delimiter"},
		{CSV{Comma: '\t'}, "a\tb\n\t1\n", `nn: CSV: line 2, column 1 (a): a value is missing; see Missing`},
	} {
		d, names, err := c.csv.Read(strings.NewReader(c.in))
		if err == nil || err.Error() != c.want || d != (Dataset{}) || names != nil {
			t.Errorf("%+v.Read(%q): %v, want %s", c.csv, c.in, err, c.want)
		}
	}
}

func TestCSVRows(t *testing.T) {
	var in strings.Builder
	in.WriteString("a,b,c\n")
	for i := range 25 {
		fmt.Fprintf(&in, "%d,%d,%d\n", i, i%3, -i)
	}
	how := CSV{Target: "b"}
	d, _, err := how.Read(strings.NewReader(in.String()))
	if err != nil || d.Len() != 25 {
		t.Fatal(d.Len(), err)
	}
	rows, err := how.Rows(strings.NewReader(in.String()))
	if err != nil || fmt.Sprint(rows.Names) != "[a c]" {
		t.Fatal(rows, err)
	}
	var x, y []float64
	for bx, by := range Stream(rows.All(), 7, 0, nil) {
		x, y = append(x, bx.Data...), append(y, by.Data...)
	}
	if rows.Err() != nil || !slices.Equal(x, d.X.Data) || !slices.Equal(y, d.Y.Data) {
		t.Errorf("streamed %v, %v, %v, want %v, %v", x, y, rows.Err(), d.X.Data, d.Y.Data)
	}

	// A loop that stops can go on; an error ends it and stays.
	rows, _ = how.Rows(strings.NewReader("a,b\n1,2\n3,4\n5,x\n6,7\n"))
	for x := range rows.All() {
		if x[0] != 1 {
			t.Errorf("first sample %v", x)
		}
		break
	}
	n := 0
	for range 2 {
		for x, y := range rows.All() {
			n++
			if x[0] != 3 || y[0] != 4 {
				t.Errorf("second sample %v, %v", x, y)
			}
		}
	}
	if want := `nn: CSV: line 4, column 2 (b): "x" is not a number; for text see Categories and Skip`; n != 1 || rows.Err() == nil || rows.Err().Error() != want {
		t.Errorf("%d samples, %v, want %s", n, rows.Err(), want)
	}
}

// idx returns an IDX file of bytes 0, 1, 2, … with the given dimensions.
func idx(dims ...uint32) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	n := 1
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
		n *= int(d)
	}
	for i := range n {
		b = append(b, byte(i))
	}
	return b
}

func gzipped(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(b)
	w.Close()
	return z.Bytes()
}

func TestReadIDX(t *testing.T) {
	for _, c := range []struct {
		dims       []uint32
		rows, cols int
	}{
		{[]uint32{0}, 0, 1},
		{[]uint32{5}, 5, 1},
		{[]uint32{1, 1}, 1, 1},
		{[]uint32{0, 28, 28}, 0, 784},
		{[]uint32{3, 5, 7}, 3, 35},
		{[]uint32{2, 3, 4, 5}, 2, 60},
		{[]uint32{300, 28, 28}, 300, 784},
	} {
		for _, b := range [][]byte{idx(c.dims...), gzipped(idx(c.dims...))} {
			m, err := ReadIDX(iotest.OneByteReader(bytes.NewReader(b)))
			if err != nil {
				t.Errorf("ReadIDX of %v: %v", c.dims, err)
				continue
			}
			if m.Rows != c.rows || m.Cols != c.cols || len(m.Data) != c.rows*c.cols {
				t.Errorf("ReadIDX of %v is %d×%d", c.dims, m.Rows, m.Cols)
			}
			for i, v := range m.Data {
				if v != float64(byte(i)) {
					t.Errorf("ReadIDX of %v: element %d = %v, want %d", c.dims, i, v, byte(i))
					break
				}
			}
		}
	}
}

func TestReadIDXErrors(t *testing.T) {
	good := idx(3, 2)
	zipped := gzipped(good)
	wrongSum := slices.Clone(zipped)
	wrongSum[len(wrongSum)-6]++
	const most = math.MaxUint32
	head := func(dims ...uint32) []byte {
		b := []byte{0, 0, 8, byte(len(dims))}
		for _, d := range dims {
			b = binary.BigEndian.AppendUint32(b, d)
		}
		return b
	}
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "header: unexpected EOF"},
		{"short header", good[:3], "header: unexpected EOF"},
		{"short dimensions", good[:9], "dimensions: unexpected EOF"},
		{"no dimensions left", good[:8], "dimensions: unexpected EOF"},
		{"no elements", good[:12], "0 elements of 6: unexpected EOF"},
		{"short", good[:17], "5 elements of 6: unexpected EOF"},
		{"trailing", append(slices.Clone(good), 0), "there are bytes after the last element"},
		{"magic", append([]byte{1}, good[1:]...), "header 01 00 08 02 is not that of an IDX file"},
		{"floats", append([]byte{0, 0, 0x0d}, good[3:]...), "elements are of type 0x0d; only bytes, 0x08, can be read"},
		{"0 dimensions", []byte{0, 0, 8, 0}, "0 dimensions; only 1 to 4 can be read"},
		{"5 dimensions", idx(1, 1, 1, 1, 1), "5 dimensions; only 1 to 4 can be read"},
		{"dimension 0", idx(3, 0, 2), "dimension 2 is 0"},
		{"overflow", head(most, most, most, most), "the dimensions are too large"},
		{"overflow of columns", head(0, most, most, most), "the dimensions are too large"},
		{"more than 2³⁰", head(1<<15, 1<<15+1), "the dimensions are too large"},
		{"overflow in all", head(1<<31, 1<<30), "the dimensions are too large"},
		{"not there", head(1<<14, 1<<14), "0 elements of 268435456: unexpected EOF"},
		{"far more than there", head(1<<31, 1<<20), "the dimensions are too large"},
		{"gzip cut", zipped[:len(zipped)-9], "unexpected EOF"},
		{"gzip's sum", wrongSum, "gzip: invalid checksum"},
		{"gzip trailing", gzipped(append(slices.Clone(good), 1)), "there are bytes after the last element"},
		{"after gzip", append(slices.Clone(zipped), 1, 2, 3), "unexpected EOF"},
		{"gzip header", []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9}, "gzip: invalid header"},
	} {
		if c.name == "not there" && math.MaxInt < 1<<62 {
			continue
		}
		m, err := ReadIDX(bytes.NewReader(c.in))
		if err == nil || !strings.HasPrefix(err.Error(), "nn: ReadIDX: ") || !strings.HasSuffix(err.Error(), c.want) || m != nil {
			t.Errorf("%s: ReadIDX = %v, %v, want %s", c.name, m, err, c.want)
		}
	}
	broken := errors.New("broken")
	for k := range len(good) + 1 {
		r := io.MultiReader(bytes.NewReader(good[:k]), iotest.ErrReader(broken))
		if _, err := ReadIDX(r); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v, want %v", k, err, broken)
		}
	}
}

// Memory is bounded by what was read, not by what the header says.
func TestReadIDXMemory(t *testing.T) {
	b := append([]byte{0, 0, 8, 3, 0, 1, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0}, make([]byte, 1000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ReadIDX(bytes.NewReader(b)); err == nil {
		t.Fatal("no error")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated for a file of %d", n, len(b))
	}
}

func TestReadMNIST(t *testing.T) {
	labels := func(v ...byte) []byte {
		return append([]byte{0, 0, 8, 1, 0, 0, 0, byte(len(v))}, v...)
	}
	files := func() fstest.MapFS {
		return fstest.MapFS{
			"train-images-idx3-ubyte":   {Data: idx(3, 10, 10)},
			"train-labels-idx1-ubyte":   {Data: gzipped(labels(7, 0, 9))}, // gzipped in spite of its name
			"t10k-images-idx3-ubyte.gz": {Data: gzipped(idx(2, 10, 10))},
			"t10k-labels-idx1-ubyte.gz": {Data: gzipped(labels(1, 2))},
		}
	}
	train, test, err := ReadMNIST(files())
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 3 || test.Len() != 2 || train.X.Cols != 100 || test.Y.Cols != 1 {
		t.Errorf("%d×%d and %d samples", train.Len(), train.X.Cols, test.Len())
	}
	if !slices.Equal(train.Y.Data, []float64{7, 0, 9}) || !slices.Equal(test.Y.Data, []float64{1, 2}) {
		t.Errorf("labels %v and %v", train.Y.Data, test.Y.Data)
	}
	for i, v := range train.X.Data {
		if want := float64(byte(i)) / 255; v != want {
			t.Errorf("pixel %d = %v, want %v", i, v, want)
			break
		}
	}
	for _, c := range []struct {
		change func(f fstest.MapFS)
		want   string
	}{
		{func(f fstest.MapFS) { delete(f, "train-images-idx3-ubyte") }, "open train-images-idx3-ubyte: file does not exist"},
		{func(f fstest.MapFS) { delete(f, "t10k-labels-idx1-ubyte.gz") }, "open t10k-labels-idx1-ubyte: file does not exist"},
		{func(f fstest.MapFS) { f["train-labels-idx1-ubyte"].Data = labels(1, 2) }, "train: 3 images but 2 labels"},
		{func(f fstest.MapFS) { f["train-labels-idx1-ubyte"].Data = idx(3, 2) }, "train: labels have 2 bytes, want 1"},
		{func(f fstest.MapFS) { f["t10k-images-idx3-ubyte.gz"].Data = idx(2, 5) }, "images of t10k have 5 pixels but those of train 100"},
		{func(f fstest.MapFS) { f["t10k-images-idx3-ubyte.gz"].Data = nil }, "t10k-images-idx3-ubyte.gz: header: unexpected EOF"},
	} {
		f := files()
		c.change(f)
		train, test, err := ReadMNIST(f)
		if err == nil || err.Error() != "nn: ReadMNIST: "+c.want || train != (Dataset{}) || test != (Dataset{}) {
			t.Errorf("ReadMNIST: %v, want %s", err, c.want)
		}
	}
	if _, _, err := ReadMNIST(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadMNIST of nothing: %v", err)
	}
}

func TestScaler(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 7, 100} {
		x := NewMatrix(n, 3)
		for i := range n {
			x.Set(i, 0, float64(1e6*uniform(rng)))
			x.Set(i, 1, 0.1) // constant, and its plain mean rounds
			x.Set(i, 2, float64(1e-6*uniform(rng))+1)
		}
		orig := x.Clone()
		s := StandardScaler(x)
		if s.Shift[1] != 0.1 || s.Scale[1] != 1 {
			t.Errorf("n = %d: constant column: shift %v, scale %v, want 0.1 and 1", n, s.Shift[1], s.Scale[1])
		}
		s.Apply(x)
		for j := range 3 {
			mean, variance := 0.0, 0.0
			for i := range n {
				mean += x.At(i, j) / float64(n)
				variance += x.At(i, j) * x.At(i, j) / float64(n)
			}
			want := 1.0
			if j == 1 || n == 1 {
				want = 0
			}
			if math.Abs(mean) > 1e-9 || math.Abs(variance-want) > 1e-9 {
				t.Errorf("n = %d: column %d has mean %v and variance %v, want 0 and %v", n, j, mean, variance, want)
			}
		}
		b, err := json.Marshal(s)
		var loaded Scaler
		if err == nil {
			err = json.Unmarshal(b, &loaded)
		}
		if err != nil || !slices.Equal(loaded.Shift, s.Shift) || !slices.Equal(loaded.Scale, s.Scale) {
			t.Errorf("Scaler as JSON: %s, %v", b, err)
		}
		loaded.Invert(x)
		for i, v := range x.Data {
			if math.Abs(v-orig.Data[i]) > 1e-15*math.Abs(orig.Data[i])*4 {
				t.Errorf("Invert: %v, want %v", v, orig.Data[i])
				break
			}
		}
		for _, r := range [][2]float64{{0, 1}, {-1, 1}, {2, 5}} {
			x := orig.Clone()
			MinMax(x, r[0], r[1])
			for j := range 3 {
				lo, hi := math.Inf(1), math.Inf(-1)
				for i := range n {
					lo, hi = min(lo, x.At(i, j)), max(hi, x.At(i, j))
				}
				want := r[1]
				if j == 1 || n == 1 {
					want = r[0]
				}
				if math.Abs(lo-r[0]) > 1e-9 || math.Abs(hi-want) > 1e-9 {
					t.Errorf("n = %d: MinMax(%v): column %d from %v to %v", n, r, j, lo, hi)
				}
			}
		}
	}
	x := NewMatrix(3, 2, 1, 5, math.NaN(), 6, 3, 7)
	MinMax(x, 0, 1)
	if x.At(0, 0) == x.At(0, 0) || x.At(0, 1) != 0 || x.At(2, 1) != 1 {
		t.Errorf("MinMax with a NaN in column 0: %v", x.Data)
	}
	for _, c := range []struct {
		want string
		f    func()
	}{
		{"nn: StandardScaler: x has no rows", func() { Standardize(NewMatrix(0, 2)) }},
		{"nn: MinMaxScaler: x is 0×2, lo is 0 and hi is 1", func() { MinMax(NewMatrix(0, 2), 0, 1) }},
		{"nn: MinMaxScaler: x is 3×2, lo is 1 and hi is 1", func() { MinMax(x, 1, 1) }},
		{"nn: Scaler.Apply: x is 2×3 but there are 2 shifts and 2 scales", func() { Standardize(NewMatrix(4, 2))(NewMatrix(2, 3)) }},
		{"nn: Scaler.Invert: x is 2×3 but there are 0 shifts and 0 scales", func() { Scaler{}.Invert(NewMatrix(2, 3)) }},
	} {
		dataPanics(t, c.want, c.f)
	}
}
