package nn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const passengers = `name,class,sex,age,port,survived
"Smith, J.",3,male,22,S,no
"Brown, ""Mo""",1,female,38,C,yes
Lee,3,female,,S,yes
"New
man",1, female ,35,NA,yes
Gray,3,male,30,S,no
`

// encoded is what one table becomes.
type encoded struct {
	names   string
	x       []float64
	y       []float64
	classes string
}

func TestEncoder(t *testing.T) {
	text := []string{"sex", "port", "survived"}
	for _, c := range []struct {
		name string
		csv  CSV
		in   string
		want encoded
	}{
		{"drop", CSV{Target: "survived", Skip: []string{"name"}, Categories: text, Missing: MissingDrop}, passengers,
			encoded{"[class sex=female sex=male age port=C port=S]", []float64{
				3, 0, 1, 22, 0, 1,
				1, 1, 0, 38, 1, 0,
				3, 0, 1, 30, 0, 1}, []float64{0, 1, 0}, "[no yes]"}},
		{"mean", CSV{Target: "survived", Skip: []string{"name"}, Categories: text, Missing: MissingMean}, passengers,
			encoded{"[class sex=female sex=male age port=C port=S]", []float64{
				3, 0, 1, 22, 0, 1,
				1, 1, 0, 38, 1, 0,
				3, 1, 0, 31.25, 0, 1,
				1, 1, 0, 35, 0.25, 0.75,
				3, 0, 1, 30, 0, 1}, []float64{0, 1, 1, 1, 0}, "[no yes]"}},
		{"skipped values may be missing", CSV{Target: "survived", Skip: []string{"name", "age", "port"}, Categories: []string{"sex", "survived"}}, passengers,
			encoded{"[class sex=female sex=male]", []float64{3, 0, 1, 1, 1, 0, 3, 1, 0, 1, 1, 0, 3, 0, 1}, []float64{0, 1, 1, 1, 0}, "[no yes]"}},
		{"other spellings", CSV{Target: "survived", Skip: []string{"name", "age"}, Categories: text, MissingValues: []string{"S", " "}, Missing: MissingDrop}, passengers,
			encoded{"[class sex=female port=C port=NA]", []float64{1, 1, 1, 0, 1, 1, 0, 1}, []float64{0, 0}, "[yes]"}},
		{"bytes and lines", CSV{Categories: []string{"é", "b"}, Comma: ';'}, "\ufeffé;b\r\nx;\"1;0\"\r\n\r\ny;\"1\r\n0\"\r\nx;1",
			encoded{"[é=x é=y b=1 b=1\n0 b=1;0]", []float64{1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0}, nil, "[]"}},
		{"tabs", CSV{Comma: '\t', Missing: MissingMean}, "a\tb\n\t1\n3\t \n", encoded{"[a b]", []float64{3, 1, 3, 1}, nil, "[]"}},
		{"numbers as text", CSV{Categories: []string{"a"}}, "a\n10\n9\n1.0\n1\n10\n", encoded{"[a=1 a=1.0 a=10 a=9]", []float64{
			0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0}, nil, "[]"}},
		{"one category", CSV{Categories: []string{"a"}, Target: "b"}, "b,a\n1,x\n2,x\n", encoded{"[a=x]", []float64{1, 1}, []float64{1, 2}, "[]"}},
		{"no names", CSV{NoHeader: true, Categories: []string{"1", "-1"}, Target: "-1", Skip: []string{"0"}}, "9,x,4,no\n8,y,5,yes\n",
			encoded{"[1=x 1=y 2]", []float64{1, 0, 4, 0, 1, 5}, []float64{0, 1}, "[no yes]"}},
		{"no lines", CSV{Categories: []string{"a"}, Target: "c"}, "a,b,c\n", encoded{"[b]", nil, nil, "[]"}},
		{"all dropped", CSV{Categories: []string{"a", "b"}, Target: "b", Missing: MissingDrop}, "a,b\nx,\n,y\n", encoded{"[]", nil, nil, "[]"}},
		{"every spelling", CSV{Missing: MissingMean}, "a\n7\n" + strings.Join(missingValues, "\n") + "\n\"\"\n\" NA \"\n", encoded{"[a]", slices.Repeat([]float64{7}, 22), nil, "[]"}},
		{"columns without names", CSV{Skip: []string{""}}, ",a,b,\n0,1,2,\n1,3,4,\n", encoded{"[a b]", []float64{1, 2, 3, 4}, nil, "[]"}},
		{"a skipped category", CSV{Skip: []string{"a"}, Categories: []string{"a"}}, "a,b\n1,2\n", encoded{"[b]", []float64{2}, nil, "[]"}},
	} {
		d, e, err := c.csv.FitRead(strings.NewReader(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := encoded{fmt.Sprint(e.Names()), d.X.Data, d.Y.Data, fmt.Sprint(e.Classes())}
		if got.names != c.want.names || !slices.Equal(got.x, c.want.x) || !slices.Equal(got.y, c.want.y) || got.classes != c.want.classes {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		d.check("FitRead")
		if d.X.Cols != len(e.Names()) || len(d.X.Data) != d.X.Rows*d.X.Cols || len(d.Y.Data) != d.Y.Rows*d.Y.Cols {
			t.Errorf("%s: X is %d×%d with %d values, Y %d×%d with %d", c.name, d.X.Rows, d.X.Cols, len(d.X.Data), d.Y.Rows, d.Y.Cols, len(d.Y.Data))
		}
		sameEverywhere(t, c.name, c.csv, c.in, d, e)
	}
}

// sameEverywhere checks that the file gives d, bit for bit, in all other ways there are
// to read it, also by an encoder that was saved.
func sameEverywhere(t *testing.T, name string, c CSV, in string, d Dataset, e *Encoder) {
	t.Helper()
	fitted, err := c.Fit(strings.NewReader(in))
	if err != nil {
		t.Errorf("%s: Fit: %v", name, err)
		return
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if other, err := json.Marshal(fitted); err != nil || !bytes.Equal(text, other) {
		t.Errorf("%s: Fit finds %s, %v, but FitRead %s", name, other, err, text)
	}
	var loaded Encoder
	if err := json.Unmarshal(text, &loaded); err != nil {
		t.Errorf("%s: %v\n%s", name, err, text)
		return
	}
	if again, err := json.Marshal(&loaded); err != nil || !bytes.Equal(text, again) {
		t.Errorf("%s: saved again it is %s, %v, not %s", name, again, err, text)
	}
	for _, e := range []*Encoder{fitted, &loaded} {
		z, err := e.Read(strings.NewReader(in))
		if err != nil || !sameDataset(z, d) {
			t.Errorf("%s: Encoder.Read = %v, %v, want %v", name, z, err, d)
		}
		rows, err := e.Rows(strings.NewReader(in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n := 0
		for x, y := range Stream(rows.All(), 1, 0, nil) {
			if n < d.Len() && (!sameBits(x.Data, d.X.Row(n)) || !sameBits(y.Data, d.Y.Row(n))) {
				t.Errorf("%s: sample %d is %v, %v, want %v, %v", name, n, x.Data, y.Data, d.X.Row(n), d.Y.Row(n))
			}
			n++
		}
		if rows.Err() != nil || n != d.Len() || !slices.Equal(rows.Names, e.Names()) {
			t.Errorf("%s: %d samples of %d, %v", name, n, d.Len(), rows.Err())
		}
	}
}

func sameDataset(a, b Dataset) bool {
	return a.X.Rows == b.X.Rows && a.X.Cols == b.X.Cols && a.Y.Rows == b.Y.Rows && a.Y.Cols == b.Y.Cols && sameBits(a.X.Data, b.X.Data) && sameBits(a.Y.Data, b.Y.Data)
}

// The mean of numbers is that of StandardScaler over the lines that have one.
func TestEncoderMean(t *testing.T) {
	rng := testRand()
	var in strings.Builder
	in.WriteString("a,b\n")
	there := new(Matrix)
	for range 1000 {
		if intN(rng, 3) == 0 {
			in.WriteString("?,1\n")
			continue
		}
		v := 1e6 * uniform(rng)
		fmt.Fprintf(&in, "%v,1\n", v)
		there.Data, there.Rows, there.Cols = append(there.Data, v), there.Rows+1, 1
	}
	e, err := CSV{Missing: MissingMean}.Fit(strings.NewReader(in.String()))
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.Encode("NA", "")
	if want := StandardScaler(there).Shift[0]; err != nil || x.Data[0] != want || x.Data[1] != 1 {
		t.Errorf("means are %v, %v, want %v and 1", x, err, want)
	}
}

// Other files: columns in another order, more of them, no target; and one line.
func TestEncoderOtherFiles(t *testing.T) {
	c := CSV{Target: "survived", Skip: []string{"name"}, Categories: []string{"sex", "port", "survived"}, Missing: MissingMean}
	e, err := c.Fit(strings.NewReader(passengers))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(e.Fields()); got != "[class sex age port]" {
		t.Errorf("fields are %s", got)
	}
	ignore := c
	ignore.IgnoreUnknown = true
	lenient, err := ignore.Fit(strings.NewReader(passengers))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		e    *Encoder
		in   string
		x, y []float64
		err  string
	}{
		{e, "port,age,more,sex,class,survived\nC,50,?,male,2,yes\n", []float64{2, 0, 1, 50, 1, 0}, []float64{1}, ""},
		{e, "port,age,sex,class\n?,,female,2\n", []float64{2, 1, 0, 31.25, 0.25, 0.75}, nil, ""},
		{e, "port,age,sex,class\n", nil, nil, ""},
		{e, "age,sex,class\n1,male,2\n", nil, nil, `nn: Encoder: there is no column "port"; there are "age", "sex", "class"`},
		{e, "port,age,sex,class\nC,1,male,2\nQ,50,male,2\n", nil, nil, `nn: Encoder: line 3, column 1 (port): unknown category: "Q" is not among the 2 that were fitted`},
		{e, "port,age,sex,class\nC,old,male,2\n", nil, nil, `nn: Encoder: line 2, column 2 (age): "old" is not a number`},
		{e, "port,age,sex,class,survived\nC,50,male,2,maybe\n", nil, nil, `nn: Encoder: line 2, column 5 (survived): unknown category: "maybe" is not among the 2 that were fitted`},
		{e, "port,age,sex,class,survived\nC,50,male,2,\n", nil, nil, `nn: Encoder: line 2, column 5 (survived): a value is missing`},
		{e, "port,age,sex,class\nC,50,male\n", nil, nil, `nn: Encoder: line 2: wrong number of fields: 3, but 4 in the first line`},
		{e, "", nil, nil, "nn: Encoder: no lines: unexpected EOF"},
		{lenient, "port,age,sex,class\nQ,50,male,2\n", []float64{2, 0, 1, 50, 0, 0}, nil, ""},
		{lenient, "port,age,sex,class,survived\nQ,50,male,2,maybe\n", nil, nil, `nn: Encoder: line 2, column 5 (survived): unknown category: "maybe" is not among the 2 that were fitted`},
	} {
		d, err := f.e.Read(strings.NewReader(f.in))
		if f.err != "" {
			if err == nil || err.Error() != f.err || d != (Dataset{}) {
				t.Errorf("%q: %v, want %s", f.in, err, f.err)
			}
			continue
		}
		if err != nil || !slices.Equal(d.X.Data, f.x) || !slices.Equal(d.Y.Data, f.y) || d.X.Cols != 6 {
			t.Errorf("%q: %v, %v, %v, want %v, %v", f.in, d.X, d.Y, err, f.x, f.y)
		}
		d.check("Read")
	}
	for _, f := range []struct {
		e      *Encoder
		fields []string
		x      []float64
		err    string
	}{
		{e, []string{"2", " male ", "50", "C"}, []float64{2, 0, 1, 50, 1, 0}, ""},
		{e, []string{"2", "NaN", "", "C"}, []float64{2, 0.6, 0.4, 31.25, 1, 0}, ""},
		{lenient, []string{"2", "other", "1", "C"}, []float64{2, 0, 0, 1, 1, 0}, ""},
		{e, []string{"2", "other", "1", "C"}, nil, `nn: Encode: field 2 (sex): unknown category: "other" is not among the 2 that were fitted`},
		{e, []string{"2", "male", "1e999", "C"}, nil, `nn: Encode: field 3 (age): "1e999" is not a finite number`},
		{e, []string{"2", "male"}, nil, `nn: Encode: 2 fields for a sample of 4: ["class" "sex" "age" "port"]`},
	} {
		x, err := f.e.Encode(f.fields...)
		if f.err != "" {
			if err == nil || err.Error() != f.err || x != nil {
				t.Errorf("Encode(%q): %v, want %s", f.fields, err, f.err)
			}
		} else if err != nil || x.Rows != 1 || !slices.Equal(x.Row(0), f.x) {
			t.Errorf("Encode(%q) = %v, %v, want %v", f.fields, x, err, f.x)
		}
	}
	plain, err := CSV{NoHeader: true, Missing: MissingDrop}.Fit(strings.NewReader("1,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Encode("1", ""); err == nil || err.Error() != "nn: Encode: field 2 (1): a value is missing" {
		t.Errorf("Encode: %v", err)
	}
	if _, err := plain.Read(strings.NewReader("1,2,3\n")); err == nil || err.Error() != "nn: Encoder: a line has 3 fields, but 2 where it was fitted" {
		t.Errorf("Read: %v", err)
	}
}

func TestEncoderErrors(t *testing.T) {
	var late, many, wide strings.Builder // text after many numbers; many categories
	late.WriteString("a,b\n")
	for i := range 100_000 {
		fmt.Fprintf(&late, "%d,1\n", i)
	}
	late.WriteString("red,1\n")
	many.WriteString("a\n")
	for i := range maxCategories + 1 {
		fmt.Fprintf(&many, "c%d\n", i)
	}
	wide.WriteString("a\n")
	for i := range 1<<15 + 1 {
		fmt.Fprintf(&wide, "c%d\n", i)
	}
	for _, c := range []struct {
		csv      CSV
		in, want string
	}{
		{CSV{}, late.String(), `nn: CSV: line 100002, column 1 (a): "red" is not a number; for text see Categories and Skip`},
		{CSV{Categories: []string{"a"}}, many.String(), `nn: CSV: line 65538, column 1 (a): "c65536" is one more category than 65536, the most that a column may have`},
		{CSV{Categories: []string{"a"}}, "a\n" + strings.Repeat("x", 1025), `nn: CSV: line 2, column 1 (a): the category "` + strings.Repeat("x", 40) + `"… has 1025 bytes; 1024 are the most`},
		{CSV{}, "a,b\n1,NA\n", `nn: CSV: line 2, column 2 (b): a value is missing; see Missing`},
		{CSV{Categories: []string{"b"}}, "a,b\n1,x\n1,\" \"\n", `nn: CSV: line 3, column 2 (b): a value is missing; see Missing`},
		{CSV{Target: "b", Missing: MissingMean}, "a,b\n1,\n", `nn: CSV: line 2, column 2 (b): a value is missing; see Missing`},
		{CSV{Missing: MissingMean}, "a,b\n1,\n2,NA\n", `nn: CSV: column 2 (b): there is no value to take the mean of`},
		{CSV{Missing: MissingMean, Categories: []string{"b"}}, "a,b\n1,\n2,NA\n", `nn: CSV: column 2 (b): there is no value to take the mean of`},
		{CSV{Missing: MissingMean}, "a\n", `nn: CSV: column 1 (a): there is no value to take the mean of`},
		{CSV{Missing: MissingMean}, "a\n1.7e308\n-1.7e308\n", `nn: CSV: column 1 (a): the numbers are too large for their mean to be a number`},
		{CSV{Missing: MissingDrop}, "a,b\n,x\n1,x\n", `nn: CSV: line 3, column 2 (b): "x" is not a number; for text see Categories and Skip`},
		{CSV{Categories: []string{"c"}}, "a,b\n1,2\n", `nn: CSV: there is no column "c"; there are "a", "b"`},
		{CSV{Categories: []string{"a"}}, "a,b,a\n1,2,3\n", `nn: CSV: line 1, column 3: the name "a" is that of column 1 too`},
		{CSV{Skip: []string{""}}, "a,b\n1,2\n", `nn: CSV: there is no column ""; there are "a", "b"`},
		{CSV{}, ",b\n1,2\n", `nn: CSV: line 1, column 1: the column has no name; "" in Skip leaves it out`},
		{CSV{Categories: []string{"a"}}, "a,b\nx,1\ny\n", `nn: CSV: line 3: wrong number of fields: 1, but 2 in the first line`},
		{CSV{Categories: []string{"a"}}, "a,b\nx,1\n\"y\n", `nn: CSV: line 3: extraneous or missing " in quoted-field`},
		{CSV{}, "", "nn: CSV: no lines: unexpected EOF"},
	} {
		d, e, err := c.csv.FitRead(strings.NewReader(c.in))
		if err == nil || err.Error() != c.want || d != (Dataset{}) || e != nil {
			t.Errorf("%+v.FitRead(%.40q): %v, want %s", c.csv, c.in, err, c.want)
		}
		if e, err := c.csv.Fit(strings.NewReader(c.in)); err == nil || err.Error() != c.want || e != nil {
			t.Errorf("%+v.Fit(%.40q): %v, want %s", c.csv, c.in, err, c.want)
		}
	}

	// One-hot columns of a file may be far larger than the file.
	c := CSV{Categories: []string{"a"}}
	want := ": 32769 samples of 32769 columns are more than 2³⁰ values; read them by Rows, or skip a column"
	if used := allocated(func() {
		if _, _, err := c.FitRead(strings.NewReader(wide.String())); err == nil || err.Error() != "nn: CSV"+want {
			t.Errorf("FitRead: %v, want %s", err, want)
		}
	}); used > 1<<25 {
		t.Errorf("%d bytes allocated for %d", used, wide.Len())
	}
	e, err := c.Fit(strings.NewReader(wide.String()))
	if err != nil {
		t.Fatal(err)
	}
	names := e.Names()
	if err := e.checkSize("Encoder", 1<<15+1); err == nil || err.Error() != "nn: Encoder"+want {
		t.Errorf("checkSize: %v, want %s", err, want)
	}
	rows, err := e.Rows(strings.NewReader(wide.String()))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for x := range rows.All() {
		if n++; n > 20 {
			break
		}
		if i, _ := slices.BinarySearch(names, fmt.Sprintf("a=c%d", n-1)); x[i] != 1 || len(x) != 1<<15+1 {
			t.Errorf("sample %d has %v at %d", n, x[i], i)
		}
	}

	wantPanic(t, "nn: CSV: Rows with Categories or MissingMean needs a fit", func() { c.Rows(strings.NewReader("a\n")) })
	wantPanic(t, "nn: CSV: Rows with Categories or MissingMean needs a fit", func() { CSV{Missing: MissingMean}.Rows(strings.NewReader("a\n")) })
	wantPanic(t, "nn: CSV: Missing is Missing(3)", func() { CSV{Missing: 3}.Read(strings.NewReader("a\n")) })
}

// A line of nothing but commas does not take memory by the gigabyte.
func TestCSVManyColumns(t *testing.T) {
	line := strings.Repeat("0,", maxColumns-1) + "0"
	m, err := ReadCSV(strings.NewReader(line))
	if err != nil || m.Rows != 1 || m.Cols != maxColumns {
		t.Errorf("%d columns: %v", maxColumns, err)
	}
	want := "262145 columns; 262144 are the most"
	for _, line := range []string{line + ",0", strings.Repeat(",", maxColumns)} {
		if _, err := ReadCSV(strings.NewReader(line)); err == nil || err.Error() != "nn: ReadCSV: "+want {
			t.Errorf("ReadCSV: %v, want %s", err, want)
		}
		if _, err := (CSV{NoHeader: true}).Rows(strings.NewReader(line)); err == nil || err.Error() != "nn: CSV: "+want {
			t.Errorf("Rows: %v, want %s", err, want)
		}
		if _, _, err := (CSV{}).FitRead(strings.NewReader(line)); err == nil || err.Error() != "nn: CSV: "+want {
			t.Errorf("FitRead: %v, want %s", err, want)
		}
	}
}

// Ten thousand categories, as a class and as columns.
func TestEncoderManyCategories(t *testing.T) {
	var in strings.Builder
	in.WriteString("a,b\n")
	const n = 10_000
	for i := range n {
		fmt.Fprintf(&in, "%d,c%d\n", i, (i*7919)%n)
	}
	d, e, err := CSV{Target: "b", Categories: []string{"b"}}.FitRead(strings.NewReader(in.String()))
	if err != nil {
		t.Fatal(err)
	}
	classes := e.Classes()
	if len(classes) != n || !slices.IsSorted(classes) {
		t.Fatalf("%d classes", len(classes))
	}
	for i, k := range d.Y.Data {
		if classes[int(k)] != fmt.Sprintf("c%d", (i*7919)%n) {
			t.Fatalf("line %d is of class %s", i, classes[int(k)])
		}
	}
	text, err := json.Marshal(e)
	var loaded Encoder
	if err == nil {
		err = json.Unmarshal(text, &loaded)
	}
	if err != nil || !slices.Equal(loaded.Classes(), classes) {
		t.Error(err)
	}
}

func TestEncoderJSON(t *testing.T) {
	e, err := CSV{Target: "b", Categories: []string{"a", "b"}, Missing: MissingMean, MissingValues: []string{"-"}, Comma: ';', Comment: '#', IgnoreUnknown: true}.Fit(strings.NewReader("a;b;c\nx;u;1\ny;v;2\nx;u;0.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(e)
	const want = `{"columns":[{"name":"a","categories":["x","y"],"means":[0.6666666666666666,0.3333333333333333]},{"name":"c","means":[1.1666666666666667]}],` +
		`"target":{"name":"b","categories":["u","v"]},"missing":"mean","missing_values":["-"],"ignore_unknown":true,"comma":";","comment":"#"}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v, want\n%s", text, err, want)
	}
	e, err = CSV{NoHeader: true, Target: "-1"}.Fit(strings.NewReader("1,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(e); err != nil || !strings.HasSuffix(string(text), `"fields":2}`) {
		t.Errorf("%s, %v", text, err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`{"columns"`, `{"columns"x`, "it is not valid JSON"},
		{`{"columns"`, `{"more":1,"columns"`, `json: unknown field "more"`},
		{`{"columns"`, `{"columns":[],"columns"`, `"columns" occurs twice`},
		{`"a"`, `"\ud800"`, "it has half a surrogate pair"},
		{`"a"`, `"b"`, `column "b": it occurs twice`},
		{`"a"`, `""`, `column "": that is not a name`},
		{`"a"`, `" a"`, `column " a": that is not a name`},
		{`"y"`, `"x"`, `column "a": the categories are not in increasing order: "x" follows "x"`},
		{`"y"`, `"-"`, `column "a": the categories are not in increasing order: "-" follows "x"`},
		{`"x"`, `"-"`, `column "a": "-" can't be a category`},
		{`"x"`, `""`, `column "a": "" can't be a category`},
		{`"y"`, `"y "`, `column "a": "y " can't be a category`},
		{`"y"`, `"` + strings.Repeat("y", 1025) + `"`, `column "a": "` + strings.Repeat("y", 40) + `" can't be a category`},
		{`,0.3333333333333333`, ``, `column "a": 1 means where 2 are needed`},
		{`["u","v"]`, `["u","v"],"means":[1,2]`, `column "b": 2 means where 0 are needed`},
		{`["x","y"],"means":[0.6666666666666666,0.3333333333333333]`, `[]`, `column "a": 0 means where 1 are needed`},
		{`"missing":"mean"`, `"missing":"men"`, `missing is "men"`},
		{`"missing":"mean"`, `"missing":"drop"`, `column "a": 2 means where 0 are needed`},
		{`["-"]`, `null`, "there are no missing_values"},
		{`";"`, `";;"`, `";;" is not one character`},
		{`";"`, `"\""`, `comma "\"", comment "#": csv: invalid field or comment delimiter`},
		{`"#"`, `";"`, `comma ";", comment ";": csv: invalid field or comment delimiter`},
		{`"comment":"#"`, `"comment":"#","fields":-1`, "fields is -1"},
		{`"comment":"#"`, `"comment":"#","fields":2`, `column "a": it is not one of the numbers 0 to 1`},
		{want, `null`, `missing is ""`},
		{want, `[]`, "json: cannot unmarshal array into Go value of type nn.encoderJSON"},
		{want, `{}`, `missing is ""`},
	} {
		changed := strings.Replace(want, c.old, c.new, 1)
		if changed == want {
			t.Fatalf("%s is not there", c.old)
		}
		var e Encoder
		err := e.UnmarshalJSON([]byte(changed))
		if err == nil || err.Error() != "nn: Encoder: "+c.want && !strings.HasPrefix(c.want, "json: cannot") || e.columns != nil {
			t.Errorf("%s for %s: %v, want %s", c.new, c.old, err, c.want)
		}
	}
	var many strings.Builder
	for i := range maxCategories + 1 {
		fmt.Fprintf(&many, `,"%06d"`, i)
	}
	var z Encoder
	if err := z.UnmarshalJSON([]byte(`{"columns":[{"name":"a","categories":[` + many.String()[1:] + `]}],"missing":"error","missing_values":[]}`)); err == nil || err.Error() != `nn: Encoder: column "a": 65537 categories; 65536 are the most` {
		t.Errorf("many categories: %v", err)
	}
	for _, in := range []string{"a,b\n\xff,1\n", "a\xff,b\n1,1\n"} {
		e, err := CSV{Skip: []string{"b"}, Categories: []string{in[:strings.Index(in, ",")]}}.Fit(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.MarshalJSON(); err == nil || !strings.HasSuffix(err.Error(), "is not valid UTF-8") {
			t.Errorf("%q: %v", in, err)
		}
	}
	if _, err := new(Encoder).Encode(); err != nil {
		t.Error(err)
	}
}

// Whole tables of random kinds, read in all ways.
func TestEncoderRandom(t *testing.T) {
	rng := testRand()
	for range 200 {
		in, c := randomCSV(rng)
		d, e, err := c.FitRead(strings.NewReader(in))
		if err != nil {
			t.Fatalf("%+v of\n%s: %v", c, in, err)
		}
		sameEverywhere(t, in, c, in, d, e)
		for _, v := range d.X.Data {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%v in X", v)
			}
		}
	}
}

// randomCSV returns a table that can be read as c says.
func randomCSV(rng *rand.Rand) (string, CSV) {
	c := CSV{Missing: Missing(1 + intN(rng, 2)), NoHeader: intN(rng, 3) == 0, Comma: []rune{0, ';', '\t'}[intN(rng, 3)]}
	comma := ","
	if c.Comma != 0 {
		comma = string(c.Comma)
	}
	cols := 1 + intN(rng, 5)
	text := make([]bool, cols)
	var names []string
	for j := range cols {
		name := fmt.Sprint(j)
		if !c.NoHeader {
			name = string(rune('a' + j))
		}
		if text[j] = intN(rng, 2) == 0; text[j] {
			c.Categories = append(c.Categories, name)
		}
		names = append(names, name)
	}
	target := intN(rng, cols+1)
	if target < cols {
		c.Target = names[target]
	}
	var lines []string
	if !c.NoHeader {
		lines = append(lines, strings.Join(names, comma))
	}
	for i := range 1 + intN(rng, 20) {
		var f []string
		for j := range cols {
			switch {
			case i > 0 && j != target && intN(rng, 5) == 0:
				f = append(f, "NA")
			case text[j]:
				f = append(f, fmt.Sprintf("%q", string(rune('p'+intN(rng, 6)))+comma))
			default:
				f = append(f, fmt.Sprint(normal(rng)))
			}
		}
		lines = append(lines, strings.Join(f, comma))
	}
	return strings.Join(lines, "\n"), c
}

// A line costs no memory, however many there are.
func TestEncoderAllocs(t *testing.T) {
	e, err := CSV{Categories: []string{"a"}, Missing: MissingMean}.Fit(strings.NewReader("a,b\nx,1\ny,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := e.Rows(io.MultiReader(strings.NewReader("a,b\n"), strings.NewReader(strings.Repeat("x,3\n,\n", 10_000))))
	if err != nil {
		t.Fatal(err)
	}
	rows.next()
	if n := testing.AllocsPerRun(1000, func() { rows.encode() }); n > 0 {
		t.Errorf("encode allocates %v times", n)
	}
}
