package nn

import (
	"bytes"
	"math"
	"slices"
	"testing"
)

// FuzzReadCSV reads any bytes in all ways there are. What can be read must be of
// consistent sizes and the same read at once and row by row.
func FuzzReadCSV(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte, target, skip string, comma rune, noHeader bool) {
		if m, err := ReadCSV(bytes.NewReader(b)); err == nil && !finite(m, len(b)) {
			t.Errorf("ReadCSV: %d×%d with %d elements", m.Rows, m.Cols, len(m.Data))
		}
		c := CSV{Target: target, Comma: comma, NoHeader: noHeader}
		if skip != "" {
			c.Skip = []string{skip}
		}
		d, names, err := c.Read(bytes.NewReader(b))
		rows, err2 := c.Rows(bytes.NewReader(b))
		if err2 != nil {
			if err == nil || err.Error() != err2.Error() {
				t.Errorf("Read: %v but Rows: %v", err, err2)
			}
			return
		}
		var x, y []float64
		n := 0
		for u, v := range rows.All() {
			x, y = append(x, u...), append(y, v...)
			n++
		}
		if err != nil {
			if rows.Err() == nil || err.Error() != rows.Err().Error() {
				t.Errorf("Read: %v but Err: %v", err, rows.Err())
			}
			return
		}
		d.check("Read")
		if !finite(d.X, len(b)) || !finite(d.Y, len(b)) || !noHeader && len(names) != d.X.Cols || noHeader && names != nil {
			t.Errorf("Read: X %d×%d with %d elements, Y %d×%d with %d, names %q", d.X.Rows, d.X.Cols, len(d.X.Data), d.Y.Rows, d.Y.Cols, len(d.Y.Data), names)
		}
		if n != d.Len() || !slices.Equal(x, d.X.Data) || !slices.Equal(y, d.Y.Data) {
			t.Errorf("Read: %d samples, All: %d", d.Len(), n)
		}
	})
}

// finite reports whether m has as many elements as it says, all finite, and
// no more than the given number of bytes can hold.
func finite(m *Matrix, bytes int) bool {
	for _, v := range m.Data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return m.Rows >= 0 && m.Cols >= 0 && len(m.Data) == m.Rows*m.Cols && m.Rows <= bytes && len(m.Data) <= bytes
}

// FuzzReadIDX reads any bytes. What can be read must be of consistent sizes and
// consist of bytes.
func FuzzReadIDX(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return // gzip can make a thousand times as much of it
		}
		m, err := ReadIDX(bytes.NewReader(b))
		if err != nil {
			if m != nil {
				t.Errorf("ReadIDX: a matrix and %v", err)
			}
			return
		}
		if m.Rows < 0 || m.Cols < 1 || len(m.Data) != m.Rows*m.Cols || len(m.Data) > 1100*len(b) {
			t.Errorf("ReadIDX of %d bytes: %d×%d with %d elements", len(b), m.Rows, m.Cols, len(m.Data))
		}
		for _, v := range m.Data {
			if v != float64(uint8(v)) {
				t.Fatalf("ReadIDX: element %v is not a byte", v)
			}
		}
	})
}
