package nn

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// ReadIDX reads an IDX file of bytes, the format of MNIST, gzipped or not: one
// row for each index of the first dimension, with the other dimensions, of at
// most four in all, in its columns, the last varying fastest. It refuses a file
// of more than 2³⁰ values; gzipped, one of 1 MB may hold so many.
func ReadIDX(r io.Reader) (*Matrix, error) {
	m, err := readIDX(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("nn: ReadIDX: %w", err)
	}
	return m, nil
}

// An IDX file is 0, 0, the type of its elements (8 for bytes), the number of
// dimensions; the dimensions, as big-endian uint32; the elements.
func readIDX(r *bufio.Reader) (*Matrix, error) {
	if magic, err := r.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		r = bufio.NewReader(z)
	}
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("header: %w", noEOF(err))
	}
	switch {
	case head[0] != 0 || head[1] != 0:
		return nil, fmt.Errorf("header % x is not that of an IDX file", head)
	case head[2] != 8:
		return nil, fmt.Errorf("elements are of type %#02x; only bytes, 0x08, can be read", head[2])
	case head[3] < 1 || head[3] > 4:
		return nil, fmt.Errorf("%d dimensions; only 1 to 4 can be read", head[3])
	}
	m := &Matrix{Cols: 1}
	for i := range int(head[3]) {
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, fmt.Errorf("dimensions: %w", noEOF(err))
		}
		n := uint64(binary.BigEndian.Uint32(b[:]))
		switch {
		case i > 0 && n == 0:
			return nil, fmt.Errorf("dimension %d is 0", i+1)
		case n > maxIDX || i > 0 && n > maxIDX/uint64(m.Cols):
			return nil, errors.New("the dimensions are too large")
		case i == 0:
			m.Rows = int(n)
		default:
			m.Cols *= int(n)
		}
	}
	if m.Rows > 0 && m.Cols > maxIDX/m.Rows {
		return nil, errors.New("the dimensions are too large")
	}
	// Memory grows with the bytes that are really there. One more than there
	// should be is asked for, so that gzip compares its checksum.
	total := m.Rows * m.Cols
	b, err := io.ReadAll(io.LimitReader(r, int64(total)+1))
	if err == nil && len(b) < total {
		err = io.ErrUnexpectedEOF
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%d elements of %d: %w", min(len(b), total), total, err)
	case len(b) > total:
		return nil, errors.New("there are bytes after the last element")
	}
	m.Data = make([]float64, total)
	for i, v := range b {
		m.Data[i] = float64(v)
	}
	return m, nil
}

// maxIDX is the most values that ReadIDX reads.
const maxIDX = min(1<<30, maxElements)

// maxElements is the most float64 values that a slice can hold.
const maxElements = math.MaxInt / 8

// noEOF returns err, or io.ErrUnexpectedEOF for the end of a file in the middle.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ReadMNIST reads MNIST, or a dataset in four files named and made like its
// own, such as Fashion-MNIST, from fsys, for example os.DirFS("data"):
//
//	train-images-idx3-ubyte  train-labels-idx1-ubyte
//	t10k-images-idx3-ubyte   t10k-labels-idx1-ubyte
//
// Files may be gzipped, with or without .gz added to their names. An image is a
// row of X, its pixels scaled to [0, 1]; targets are class indices.
func ReadMNIST(fsys fs.FS) (train, test Dataset, err error) {
	if train, err = readMNIST(fsys, "train"); err != nil {
		return Dataset{}, Dataset{}, fmt.Errorf("nn: ReadMNIST: %w", err)
	}
	test, err = readMNIST(fsys, "t10k")
	if err == nil && test.X.Cols != train.X.Cols {
		err = fmt.Errorf("images of t10k have %d pixels but those of train %d", test.X.Cols, train.X.Cols)
	}
	if err != nil {
		return Dataset{}, Dataset{}, fmt.Errorf("nn: ReadMNIST: %w", err)
	}
	return train, test, nil
}

// readMNIST reads the images and labels of one part.
func readMNIST(fsys fs.FS, part string) (d Dataset, err error) {
	if d.X, err = openIDX(fsys, part+"-images-idx3-ubyte"); err != nil {
		return d, err
	}
	if d.Y, err = openIDX(fsys, part+"-labels-idx1-ubyte"); err != nil {
		return d, err
	}
	if d.Y.Cols != 1 {
		return d, fmt.Errorf("%s: labels have %d bytes, want 1", part, d.Y.Cols)
	}
	if d.X.Rows != d.Y.Rows {
		return d, fmt.Errorf("%s: %d images but %d labels", part, d.X.Rows, d.Y.Rows)
	}
	for i, v := range d.X.Data {
		d.X.Data[i] = v / 255
	}
	return d, nil
}

// openIDX reads the file of the given name, or with .gz added to it.
func openIDX(fsys fs.FS, name string) (*Matrix, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if gz, e := fsys.Open(name + ".gz"); !errors.Is(e, fs.ErrNotExist) {
			f, err, name = gz, e, name+".gz"
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := readIDX(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}
