package nn

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The safetensors format (github.com/huggingface/safetensors, README, Format):
//
//	8 bytes   n, the length of the header, little-endian
//	n bytes   the header: JSON that begins with {, padded with spaces at its end
//	the rest  the numbers of all tensors, little-endian, without gaps
//
// The header is an object with the key __metadata__ for an object of strings,
// and with the name of each tensor for {"dtype", "shape", "data_offsets"}. The
// offsets, [begin, end) in bytes, count from the end of the header; together
// the tensors cover the rest of the file, each byte once.
//
// What is written is a function of what is given: metadata and tensors stand in
// the order of their names, and the header's length is a multiple of 8, so that
// the numbers are aligned.
//
// Networks and checkpoints are written with every tensor F64, and read back
// with no more tolerance than that takes. [ReadTensors] reads what other programs
// write.

const (
	// maxHeader, of networks and checkpoints, is less than the 100 MB that the
	// format allows. A tensor takes about 100 bytes of it, so there is room for
	// 160,000, and what a hostile header costs while it is parsed stays small.
	maxHeader = 16 << 20

	maxForeignHeader = 100_000_000

	metaKey = "__metadata__"
)

// dtypes are the types of number that can be read.
var dtypes = map[string]number{
	"F64": numF64, "F32": numF32, "F16": numF16, "BF16": numBF16, "BOOL": numBool,
	"I8": numI8, "I16": numI16, "I32": numI32, "I64": numI64,
	"U8": numU8, "U16": numU16, "U32": numU32, "U64": numU64,
}

// A FormatError reports that data are not a network, a checkpoint or tensors.
// Load, Resume, ReadTensors and ReadTorch return it wrapped, with the place;
// [errors.As] finds it.
type FormatError string

func (e FormatError) Error() string { return string(e) }

func badFormat(format string, args ...any) error {
	return FormatError(fmt.Sprintf(format, args...))
}

// ReadTensors reads a file in the safetensors format, such as those that
// PyTorch's users exchange and those of [Network.Save]: all its tensors, and its
// metadata, nil if it has none. It reads up to the end of r.
//
// The numbers may be F64, F32, F16, BF16, integers of 8 to 64 bits, or BOOL, which
// becomes 0 and 1. Each becomes a float64: exactly, but for integers beyond ±2⁵³,
// which are rounded to the nearest.
//
// The data may come from a stranger: whatever they are, ReadTensors does not panic
// and allocates memory in proportion to their length. Its error is a
// [FormatError] unless r fails. Where the format's own implementation knows only
// the last of two tensors, metadata or fields of the same name, they are an error.
func ReadTensors(r io.Reader) (Tensors, map[string]string, error) {
	meta, ts, err := readSafetensors(r, false)
	if err != nil {
		return nil, nil, fmt.Errorf("nn: ReadTensors: %w", err)
	}
	return ts, meta, nil
}

// ReadTensorsFile is [ReadTensors] from a file.
func ReadTensorsFile(name string) (Tensors, map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("nn: ReadTensorsFile: %w", err)
	}
	defer f.Close()
	meta, ts, err := readSafetensors(f, false)
	if err != nil {
		return nil, nil, fmt.Errorf("nn: ReadTensorsFile: %s: %w", name, err)
	}
	return ts, meta, nil
}

// SaveOptions say how [Tensors] are written.
type SaveOptions struct {
	// Float32 writes F32, half as long and what PyTorch computes with, and not
	// F64. Values are rounded to the nearest.
	Float32 bool

	// Metadata is any text by name.
	Metadata map[string]string
}

// Save writes the tensors in the safetensors format, in the order of their names.
// Equal tensors give equal bytes. [ReadTensors] reads them, and so does
// safetensors.torch.load_file in Python.
//
// It returns an error if w does, if a name or the metadata are not UTF-8, or if a
// finite value is too large for a float32 that it should become. It panics if a
// tensor has not as many values as its shape says.
func (ts Tensors) Save(w io.Writer, o SaveOptions) error {
	if err := ts.save("Save", w, o); err != nil {
		return fmt.Errorf("nn: Save: %w", err)
	}
	return nil
}

// SaveFile is Save to a file, which it replaces only when all is written.
func (ts Tensors) SaveFile(name string, o SaveOptions) error {
	if err := writeFile(name, func(w io.Writer) error { return ts.save("SaveFile", w, o) }); err != nil {
		return fmt.Errorf("nn: SaveFile: %w", err)
	}
	return nil
}

func (ts Tensors) save(op string, w io.Writer, o SaveOptions) error {
	es := make([]entry, 0, len(ts))
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		t := ts[name]
		t.check(op, name)
		for _, v := range t.Data {
			if o.Float32 && math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0) {
				return fmt.Errorf("tensor %q: %v is too large for a float32", name, v)
			}
		}
		es = append(es, entry{name, t.Shape, t.Data})
	}
	return writeEntries(w, o.Metadata, es, o.Float32, maxForeignHeader)
}

// A tensor is a matrix with a name.
type tensor struct {
	name string
	m    *Matrix
}

// writeTensors writes matrices and metadata in the safetensors format. No two
// matrices may have the same name.
func writeTensors(w io.Writer, meta map[string]string, ts []tensor) error {
	es := make([]entry, len(ts))
	for i, t := range ts {
		if len(t.m.Data) != t.m.Rows*t.m.Cols {
			return fmt.Errorf("tensor %q is %d×%d but has %d values", t.name, t.m.Rows, t.m.Cols, len(t.m.Data))
		}
		es[i] = entry{t.name, Shape{t.m.Rows, t.m.Cols}, t.m.Data}
	}
	return writeEntries(w, meta, es, false, maxHeader)
}

// An entry is a tensor to be written.
type entry struct {
	name  string
	shape Shape
	data  []float64
}

// writeEntries writes tensors as F64, or as F32.
func writeEntries(w io.Writer, meta map[string]string, es []entry, f32 bool, limit int) error {
	slices.SortFunc(es, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	h, err := appendHeader(make([]byte, 8, 1024), meta, es, f32)
	if err != nil {
		return err
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	if len(h)-8 > limit {
		return fmt.Errorf("the header would have %d bytes; %d are the most", len(h)-8, limit)
	}
	binary.LittleEndian.PutUint64(h, uint64(len(h)-8))
	if _, err := w.Write(h); err != nil {
		return err
	}
	buf := make([]byte, 0, 1<<16)
	for _, e := range es {
		for _, v := range e.data {
			if len(buf)+8 > cap(buf) {
				if _, err := w.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
			if f32 {
				buf = binary.LittleEndian.AppendUint32(buf, float32Bits(v))
			} else {
				buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
			}
		}
	}
	_, err = w.Write(buf)
	return err
}

func appendHeader(h []byte, meta map[string]string, es []entry, f32 bool) ([]byte, error) {
	h = append(h, `{"`+metaKey+`":{`...)
	for i, k := range slices.Sorted(maps.Keys(meta)) {
		if !utf8.ValidString(k) || !utf8.ValidString(meta[k]) {
			return nil, fmt.Errorf("metadata %q is not valid UTF-8", k)
		}
		if i > 0 {
			h = append(h, ',')
		}
		h = append(appendString(h, k), ':')
		h = appendString(h, meta[k])
	}
	h = append(h, '}')
	dtype, size, at := "F64", 8, 0
	if f32 {
		dtype, size = "F32", 4
	}
	for i, e := range es {
		switch {
		case !utf8.ValidString(e.name):
			return nil, fmt.Errorf("tensor name %q is not valid UTF-8", e.name)
		case e.name == metaKey:
			return nil, fmt.Errorf("a tensor can't be named %q", e.name)
		case i > 0 && e.name == es[i-1].name:
			return nil, fmt.Errorf("two tensors are named %q", e.name)
		}
		end := at + size*len(e.data)
		h = appendString(append(h, ','), e.name)
		h = fmt.Appendf(h, `:{"dtype":"%s","shape":[`, dtype)
		for k, d := range e.shape {
			if k > 0 {
				h = append(h, ',')
			}
			h = strconv.AppendInt(h, int64(d), 10)
		}
		h = fmt.Appendf(h, `],"data_offsets":[%d,%d]}`, at, end)
		at = end
	}
	return append(h, '}'), nil
}

// appendString appends s as a JSON string. It escapes only what must be
// escaped, which encoding/json does not promise to do in the same way forever.
func appendString(h []byte, s string) []byte {
	h = append(h, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			h = append(h, '\\', c)
		case c < ' ':
			h = fmt.Appendf(h, `\u%04x`, c)
		default:
			h = append(h, c)
		}
	}
	return append(h, '"')
}

// readTensors reads what writeTensors writes, up to the end of r. A tensor of
// another rank than 2 becomes a matrix whose columns are the last dimension; one
// of rank 0 is 1×1, one of rank 1 a row.
func readTensors(r io.Reader) (meta map[string]string, ms map[string]*Matrix, err error) {
	meta, ts, err := readSafetensors(r, true)
	if err != nil {
		return nil, nil, err
	}
	ms = make(map[string]*Matrix, len(ts))
	for name, t := range ts {
		rows, cols := 1, 1
		for _, d := range t.Shape {
			rows, cols = rows*cols, d
		}
		ms[name] = &Matrix{rows, cols, t.Data}
	}
	return meta, ms, nil
}

// readSafetensors reads a file up to the end of r: any that follows the format,
// or, if native is set, one such as writeTensors writes.
//
// Memory is allocated for bytes that have arrived, never for what
// the header promises. The error is a [FormatError] unless r fails.
func readSafetensors(r io.Reader, native bool) (meta map[string]string, ts Tensors, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	h, err := readHeader(br, native)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	meta, recs, err := parseHeader(h, native)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	ts = make(Tensors, len(recs))
	for _, rec := range recs {
		n, _ := volume(rec.shape)
		data, err := readNumbers(br, n, rec.num, binary.LittleEndian)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = badFormat("the data end within its %d values", n)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %.80q: %w", rec.name, err)
		}
		ts[rec.name] = tensorOf(rec.shape, data)
	}
	switch _, err := br.ReadByte(); err {
	case io.EOF:
		return meta, ts, nil
	case nil:
		return nil, nil, badFormat("there are bytes after the last tensor")
	default:
		return nil, nil, err
	}
}

func readHeader(r io.Reader, native bool) ([]byte, error) {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, badFormat("the data end before its length")
	} else if err != nil {
		return nil, err
	}
	if string(size[:4]) == "PK\x03\x04" {
		return nil, badFormat("this is a zip archive; ReadTorch reads what torch.save wrote, and ReadNPZ what NumPy did")
	}
	n, limit := binary.LittleEndian.Uint64(size[:]), uint64(maxForeignHeader)
	if native {
		limit = maxHeader
	}
	if n == 0 || n > limit {
		return nil, badFormat("length %d; in a safetensors file it is from 1 to %d", n, limit)
	}
	if native && n%8 != 0 {
		return nil, badFormat("length %d; a multiple of 8 is needed for the numbers to be aligned", n)
	}
	h, err := io.ReadAll(io.LimitReader(r, int64(n))) // grows as bytes arrive
	if err != nil {
		return nil, err
	}
	if uint64(len(h)) < n {
		return nil, badFormat("the data end after %d of %d bytes", len(h), n)
	}
	return h, nil
}

// A record is a tensor as the header declares it.
type record struct {
	name       string
	num        number
	shape      Shape
	begin, end uint64
}

// parseHeader returns the metadata, and the tensors in order of their offsets.
//
// What the format's own implementation tolerates is an error only if native is
// set: white space around the header, fields that nobody knows, null for
// __metadata__, and a list of the three fields of a tensor.
func parseHeader(h []byte, native bool) (meta map[string]string, recs []record, err error) {
	depth := 3 // {"name":{"shape":[ is the deepest
	if !native {
		depth = 100
		if h = bytes.Trim(h, " \t\r\n"); len(h) == 0 {
			return nil, nil, badFormat("it is nothing but white space")
		}
	}
	if h[0] != '{' {
		return nil, nil, badFormat("it begins with %q, not with '{'", h[0])
	}
	h = bytes.TrimRight(h, " ")
	if h[len(h)-1] != '}' {
		return nil, nil, badFormat("it ends with %q, not with '}' and spaces", h[len(h)-1])
	}
	if err := checkJSON(h, depth); err != nil {
		return nil, nil, err
	}
	head, err := object(h)
	if err != nil {
		return nil, nil, err
	}
	if text, ok := head[metaKey]; ok {
		if native || string(text) != "null" {
			meta, err = parseMeta(text)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", metaKey, err)
		}
		delete(head, metaKey)
	}
	recs = make([]record, 0, len(head))
	for _, name := range slices.Sorted(maps.Keys(head)) {
		rec, err := parseRecord(name, head[name], native)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %.80q: %w", name, err)
		}
		recs = append(recs, rec)
	}
	slices.SortFunc(recs, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	at := uint64(0)
	for _, rec := range recs {
		if rec.begin < at {
			return nil, nil, badFormat("tensor %.80q: it begins at %d and overlaps the one before, which ends at %d", rec.name, rec.begin, at)
		}
		if rec.begin > at {
			return nil, nil, badFormat("tensor %.80q: it begins at %d and leaves a hole after %d", rec.name, rec.begin, at)
		}
		at = rec.end
	}
	return meta, recs, nil
}

func parseMeta(text []byte) (map[string]string, error) {
	entries, err := object(text)
	if err != nil {
		return nil, err
	}
	meta := make(map[string]string, len(entries))
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		if meta[k], err = stringOf(entries[k]); err != nil {
			return nil, fmt.Errorf("%.80q: %w", k, err)
		}
	}
	return meta, nil
}

func parseRecord(name string, text []byte, native bool) (rec record, err error) {
	var fields map[string]json.RawMessage
	var list []json.RawMessage
	if !native && text[0] == '[' && json.Unmarshal(text, &list) == nil && len(list) == 3 {
		fields = map[string]json.RawMessage{"dtype": list[0], "shape": list[1], "data_offsets": list[2]}
	} else if fields, err = object(text); err != nil {
		return rec, err
	}
	for _, k := range []string{"dtype", "shape", "data_offsets"} {
		if fields[k] == nil {
			return rec, badFormat("no %s", k)
		}
	}
	if native && len(fields) != 3 {
		return rec, badFormat("it has fields other than dtype, shape, data_offsets")
	}
	dtype, err := stringOf(fields["dtype"])
	if err != nil {
		return rec, fmt.Errorf("dtype: %w", err)
	}
	num, ok := dtypes[dtype]
	switch {
	case native && dtype != "F64":
		return rec, badFormat("dtype is %.80q; only F64 can be read here; for weights of other programs see ReadTensors and Network.Import", dtype)
	case !ok:
		return rec, badFormat("dtype is %.80q; F64, F32, F16, BF16, integers and BOOL can be read", dtype)
	}
	dims, err := numbers(fields["shape"])
	if err != nil {
		return rec, fmt.Errorf("shape: %w", err)
	}
	offsets, err := numbers(fields["data_offsets"])
	if err != nil {
		return rec, fmt.Errorf("data_offsets: %w", err)
	}
	shape := make(Shape, len(dims))
	for i, d := range dims {
		shape[i] = int(min(d, math.MaxInt))
	}
	n, ok := volume(shape)
	if !ok {
		return rec, badFormat("shape: its product is too large")
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return rec, badFormat("data_offsets are %.80s; they must be [begin, end] with begin ≤ end", fields["data_offsets"])
	}
	need := uint64(n) * uint64(num.size)
	if have := offsets[1] - offsets[0]; have != need {
		return rec, badFormat("it has %d bytes; its shape %.80s needs %d", have, fields["shape"], need)
	}
	return record{name, num, shape, offsets[0], offsets[1]}, nil
}
