package nn

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A .npz file is a zip archive of .npy files. What zip files can do that
// these have no need of is refused: archives of entries that share their bytes
// or of entries that are inflated to far more than any array would be.

// ReadNPZ reads all arrays of a .npz file of the given size, compressed
// or not, as numpy.savez and numpy.savez_compressed write it. The names are those of the
// archive without their .npy: "weight", "layer1/weight". For what an array may
// be see [ReadNPY]; one that can't be read, or an entry that is not a .npy
// file, is an error.
//
// The file may come from a stranger: whatever it is, ReadNPZ allocates memory
// in proportion to its size, or 2 GB if that is more: it refuses files that
// hold, compressed, more than 64 values per byte of the file and more than 2²⁷
// in all.
func ReadNPZ(r io.ReaderAt, size int64) (Tensors, error) {
	ts, err := readNPZ(r, size)
	if err != nil {
		return nil, fmt.Errorf("nn: ReadNPZ: %w", err)
	}
	return ts, nil
}

// ReadNPZFile reads a .npz file like [ReadNPZ].
func ReadNPZFile(name string) (Tensors, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("nn: ReadNPZFile: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("nn: ReadNPZFile: %w", err)
	}
	ts, err := readNPZ(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("nn: ReadNPZFile: %s: %w", name, err)
	}
	return ts, nil
}

// maxNPZ and maxNPZRatio bound the number of values in a .npz file.
const (
	maxNPZ      = 1 << 27
	maxNPZRatio = 64 // per byte of the file
)

func readNPZ(r io.ReaderAt, size int64) (Tensors, error) {
	z, err := zip.NewReader(r, size)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("%w; ReadNPY reads a .npy file", err)
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are no paths here
		return nil, err
	}
	if err := checkApart(z.File); err != nil {
		return nil, err
	}
	limit := maxNPZ
	if size > maxNPZ/maxNPZRatio {
		limit = maxNPZRatio * int(min(size, maxElements/maxNPZRatio))
	}
	ts := make(Tensors)
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue // a directory
		}
		name, ok := strings.CutSuffix(f.Name, ".npy")
		switch _, seen := ts[name]; {
		case !ok:
			return nil, fmt.Errorf("%.80q is not a .npy file", f.Name)
		case !utf8.ValidString(name):
			return nil, fmt.Errorf("the name %.80q is not valid UTF-8", f.Name)
		case seen:
			return nil, fmt.Errorf("%.80q occurs twice", f.Name)
		case f.Flags&1 != 0:
			return nil, fmt.Errorf("%.80q is encrypted", f.Name)
		}
		t, err := readNPZEntry(f, limit)
		if err != nil {
			return nil, fmt.Errorf("%.80q: %w", f.Name, err)
		}
		ts[name] = t
		limit -= len(t.Data)
	}
	return ts, nil
}

// checkApart returns an error if the bytes of two entries overlap, for then a
// small file could hold any number of large arrays.
func checkApart(files []*zip.File) error {
	type span struct{ lo, hi int64 }
	spans := make([]span, len(files))
	for i, f := range files {
		lo, err := f.DataOffset()
		if err != nil {
			return fmt.Errorf("%.80q: %w", f.Name, noEOF(err))
		}
		n := int64(f.CompressedSize64)
		if n < 0 || lo+n < lo {
			return fmt.Errorf("%.80q: its size is %d", f.Name, f.CompressedSize64)
		}
		spans[i] = span{lo, lo + n}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi)) })
	for i, s := range spans[min(1, len(spans)):] {
		if s.lo < spans[i].hi {
			return errors.New("the bytes of two entries overlap")
		}
	}
	return nil
}

func readNPZEntry(f *zip.File, limit int) (Tensor, error) {
	r, err := f.Open()
	if err != nil {
		return Tensor{}, err
	}
	defer r.Close()
	// Package zip skips the checksum if it is 0, and compares only at the end
	// of the entry, to which readNPYEnd reads.
	sum := crc32.NewIEEE()
	t, err := readNPYEnd(io.TeeReader(r, sum), limit)
	switch {
	case err != nil:
		return Tensor{}, noEOF(err)
	case sum.Sum32() != f.CRC32:
		return Tensor{}, zip.ErrChecksum
	}
	return t, nil
}

// WriteNPZ writes the tensors as a .npz file, not compressed, for numpy.load, as
// float64 or float32; see [WriteNPY]. Equal tensors give equal bytes.
//
// It returns an error if w does, or if a tensor has more than 64 dimensions or a name
// that is not valid UTF-8, has a zero byte or more than 65,531 bytes. It panics like WriteNPY.
func WriteNPZ(w io.Writer, ts Tensors, bits int) error {
	checkNPZ("WriteNPZ", ts, bits)
	if err := writeNPZ(w, ts, bits); err != nil {
		return fmt.Errorf("nn: WriteNPZ: %w", err)
	}
	return nil
}

// WriteNPZFile writes to a file like [WriteNPZ]. The file is replaced only when
// all is written.
func WriteNPZFile(name string, ts Tensors, bits int) error {
	checkNPZ("WriteNPZFile", ts, bits)
	if err := writeFile(name, func(w io.Writer) error { return writeNPZ(w, ts, bits) }); err != nil {
		return fmt.Errorf("nn: WriteNPZFile: %w", err)
	}
	return nil
}

func checkNPZ(op string, ts Tensors, bits int) {
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		checkNPY(fmt.Sprintf("%s: tensor %q", op, name), ts[name], bits)
	}
}

func writeNPZ(w io.Writer, ts Tensors, bits int) error {
	z := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		if !utf8.ValidString(name) || strings.Contains(name, "\x00") { // Python cuts a name at a zero byte
			return fmt.Errorf("the name %q is not valid", name)
		}
		e, err := z.CreateHeader(&zip.FileHeader{
			Name:     name + ".npy",
			Method:   zip.Store,
			Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), // the first that zip files can state
		})
		if err == nil {
			err = writeNPY(e, ts[name], bits)
		}
		if err != nil {
			return fmt.Errorf("%.80q: %w", name, err)
		}
	}
	return z.Close()
}
