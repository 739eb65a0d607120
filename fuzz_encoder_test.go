package nn

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzEncoder reads any file with any choices. What can be read has finite
// numbers and is the same in all ways there are to read it.
func FuzzEncoder(f *testing.F) {
	f.Add(passengers, "sex", "port", "survived", "name", uint8(1), ',', false)
	f.Add(passengers, "sex", "survived", "survived", "", uint8(2), ',', false)
	f.Add("1;a;?\n;b;2\n", "1", "1", "-1", "", uint8(2), ';', true)
	f.Add("a,,b\n1,2,x\n", "b", "b", "", "", uint8(0), rune(0), false)
	f.Fuzz(func(t *testing.T, in, text1, text2, target, skip string, missing uint8, comma rune, noHeader bool) {
		c := CSV{Target: target, Skip: []string{skip}, Categories: []string{text1, text2}, Missing: Missing(missing % 3), Comma: comma, NoHeader: noHeader}
		if skip == "none" {
			c.Skip = nil
		}
		d, e, err := c.FitRead(strings.NewReader(in))
		if err != nil {
			if _, err2 := c.Fit(strings.NewReader(in)); d != (Dataset{}) || e != nil || err2 == nil || err2.Error() != err.Error() {
				t.Errorf("FitRead: %v, Fit: %v", err, err2)
			}
			return
		}
		d.check("FitRead")
		if !finite(d.X, len(in)*len(in)+1) || !finite(d.Y, len(in)+1) || d.X.Cols != len(e.Names()) {
			t.Errorf("X is %d×%d with %d values, Y %d×%d", d.X.Rows, d.X.Cols, len(d.X.Data), d.Y.Rows, d.Y.Cols)
		}
		if _, err := json.Marshal(e); err != nil && strings.HasSuffix(err.Error(), "is not valid UTF-8") {
			return
		}
		sameEverywhere(t, "fuzz", c, in, d, e)
	})
}

// FuzzEncoderJSON: whatever the text, UnmarshalJSON returns an error or an
// encoder that is the same when it is saved and loaded again, and reads.
func FuzzEncoderJSON(f *testing.F) {
	for _, text := range []string{
		`{"columns":[{"name":"a","categories":["x","y"],"means":[0.5,0.5]},{"name":"b","means":[1]}],"target":{"name":"c","categories":["n"]},"missing":"mean","missing_values":["?"],"ignore_unknown":true,"comma":";","comment":"#"}`,
		`{"columns":[{"name":"0"},{"name":"1","categories":[]}],"target":{"name":"2"},"missing":"drop","missing_values":[],"fields":3}`,
		`{"columns":null,"missing":"error","missing_values":[]}`, `null`, `{}`, `[`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var e, again Encoder
		var err error
		if used, limit := allocated(func() { err = e.UnmarshalJSON(text) }), loadLimit(len(text)); used > limit {
			t.Errorf("%d bytes were allocated for %d, more than %d", used, len(text), limit)
		}
		if err != nil {
			return
		}
		a, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(a, &again); err != nil {
			t.Fatalf("%v of %s", err, a)
		}
		if b, err := json.Marshal(&again); err != nil || string(a) != string(b) {
			t.Errorf("%s saved again is %s, %v", a, b, err)
		}
		fields := make([]string, len(e.Fields()))
		for i := range fields {
			fields[i] = "1"
		}
		if x, err := e.Encode(fields...); err == nil && (x.Cols != len(e.Names()) || !finite(x, x.Cols+1)) {
			t.Errorf("a sample is %v", x)
		}
		if d, err := e.Read(strings.NewReader("a,b,c\nx,1,n\n")); err == nil {
			d.check("Read")
		}
	})
}
