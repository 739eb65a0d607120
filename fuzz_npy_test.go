package nn

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
)

// FuzzReadNPY reads any bytes. What can be read is of consistent sizes, has
// taken memory in proportion, and is the same when it is written and read again.
func FuzzReadNPY(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var x Tensor
		var err error
		if used, limit := allocated(func() { x, err = ReadNPY(r) }), 1<<19+uint64(40*len(b)); used > limit {
			t.Errorf("%d bytes allocated for %d, more than %d", used, len(b), limit)
		}
		if err != nil {
			if x.Matrix != nil || x.Shape != nil {
				t.Errorf("ReadNPY: %v and %v", x, err)
			}
			return
		}
		if len(x.Data) > len(b)-r.Len() {
			t.Errorf("ReadNPY: %d values of %d bytes", len(x.Data), len(b)-r.Len())
		}
		checkTensor(t, x)
		var again bytes.Buffer
		if err := WriteNPY(&again, x, 64); err != nil {
			t.Fatal(err)
		}
		y, err := ReadNPY(&again)
		if err != nil || !sameTensors(Tensors{"": x}, Tensors{"": y}) {
			t.Errorf("written and read: %v, %v, want %v", y, err, x)
		}
	})
}

// FuzzReadNPZ is FuzzReadNPY of .npz files: of any bytes, and of a file whose
// checksum is right, with two entries of these bytes.
func FuzzReadNPZ(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte, name string, method uint16) {
		if len(b) > 1<<12 || len(name) > 1<<10 || strings.HasSuffix(name, "/") {
			return // more than 64 values per byte may be in so few; a folder has no data
		}
		tryReadNPZ(t, b)
		tryReadNPZ(t, zipped(t, npzEntry{name: name, data: b, method: method}, npzEntry{name: "2.npy", data: b, method: zip.Deflate}))
	})
}

func tryReadNPZ(t *testing.T, b []byte) {
	t.Helper()
	var ts Tensors
	var err error
	// Deflated values take up to 8·1032 bytes per byte, and again as they grow.
	if used, limit := allocated(func() { ts, err = ReadNPZ(bytes.NewReader(b), int64(len(b))) }), 1<<20+uint64(30000*len(b)); used > limit {
		t.Errorf("%d bytes allocated for %d, more than %d", used, len(b), limit)
	}
	if err != nil {
		if ts != nil {
			t.Errorf("ReadNPZ: %v and %v", ts, err)
		}
		return
	}
	n := 0
	for _, x := range ts {
		checkTensor(t, x)
		n += len(x.Data)
	}
	if n > 1100*len(b) {
		t.Errorf("ReadNPZ: %d values of %d bytes", n, len(b))
	}
	for name := range ts {
		if strings.Contains(name, "\x00") {
			return // Python would cut it
		}
	}
	var again bytes.Buffer
	if err := WriteNPZ(&again, ts, 64); err != nil {
		t.Fatal(err)
	}
	us, err := ReadNPZ(bytes.NewReader(again.Bytes()), int64(again.Len()))
	if err != nil || !sameTensors(ts, us) {
		t.Errorf("written and read: %v, %v, want %v", us, err, ts)
	}
	if err := WriteNPZ(io.Discard, ts, 32); err != nil {
		t.Error(err)
	}
}

func checkTensor(t *testing.T, x Tensor) {
	t.Helper()
	rows, cols := 1, 1
	for i, d := range x.Shape {
		if i == 0 {
			rows = d
		} else {
			cols *= d
		}
	}
	if x.Rows != rows || x.Cols != cols || rows < 0 || cols < 0 || len(x.Data) != rows*cols {
		t.Errorf("a tensor of the shape %v is %d×%d with %d values", x.Shape, x.Rows, x.Cols, len(x.Data))
	}
}
