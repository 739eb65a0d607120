package nn

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf16"
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
// Here every tensor is F64. What is written is a function of what is given:
// metadata and tensors stand in the order of their names, and the
// header's length is a multiple of 8, so that the numbers are aligned.

const (
	// maxHeader is less than the 100 MB that the format allows. A tensor takes
	// about 100 bytes of it, so there is room for 160,000, and what a hostile
	// header costs while it is parsed stays small.
	maxHeader = 16 << 20

	metaKey = "__metadata__"
)

// A FormatError reports that data are not a network or checkpoint. Load and
// Resume return it wrapped, with the place; [errors.As] finds it.
type FormatError string

func (e FormatError) Error() string { return string(e) }

func badFormat(format string, args ...any) error {
	return FormatError(fmt.Sprintf(format, args...))
}

// A tensor is a matrix with a name.
type tensor struct {
	name string
	m    *Matrix
}

// writeTensors writes tensors and metadata in the safetensors format. No two
// tensors may have the same name.
func writeTensors(w io.Writer, meta map[string]string, ts []tensor) error {
	ts = slices.Clone(ts)
	slices.SortFunc(ts, func(a, b tensor) int { return cmp.Compare(a.name, b.name) })
	h, err := appendHeader(make([]byte, 8, 1024), meta, ts)
	if err != nil {
		return err
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	if len(h)-8 > maxHeader {
		return fmt.Errorf("the header would have %d bytes; %d are the most", len(h)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(h, uint64(len(h)-8))
	if _, err := w.Write(h); err != nil {
		return err
	}
	buf := make([]byte, 0, 1<<16)
	for _, t := range ts {
		for _, v := range t.m.Data {
			if len(buf) == cap(buf) {
				if _, err := w.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
		}
	}
	_, err = w.Write(buf)
	return err
}

func appendHeader(h []byte, meta map[string]string, ts []tensor) ([]byte, error) {
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
	at := 0
	for i, t := range ts {
		switch {
		case !utf8.ValidString(t.name):
			return nil, fmt.Errorf("tensor name %q is not valid UTF-8", t.name)
		case t.name == metaKey:
			return nil, fmt.Errorf("a tensor can't be named %q", t.name)
		case i > 0 && t.name == ts[i-1].name:
			return nil, fmt.Errorf("two tensors are named %q", t.name)
		case len(t.m.Data) != t.m.Rows*t.m.Cols:
			return nil, fmt.Errorf("tensor %q is %d×%d but has %d values", t.name, t.m.Rows, t.m.Cols, len(t.m.Data))
		}
		end := at + 8*len(t.m.Data)
		h = appendString(append(h, ','), t.name)
		h = fmt.Appendf(h, `:{"dtype":"F64","shape":[%d,%d],"data_offsets":[%d,%d]}`, t.m.Rows, t.m.Cols, at, end)
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
//
// Memory is allocated for bytes that have arrived, never for what
// the header promises. The error is a [FormatError] unless r fails.
func readTensors(r io.Reader) (meta map[string]string, ts map[string]*Matrix, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	h, err := readHeader(br)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	meta, recs, err := parseHeader(h)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	ts = make(map[string]*Matrix, len(recs))
	buf := make([]byte, 1<<16)
	for _, rec := range recs {
		m, err := readMatrix(br, rec.rows, rec.cols, buf)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %.80q: %w", rec.name, err)
		}
		ts[rec.name] = m
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

func readHeader(r io.Reader) ([]byte, error) {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, badFormat("the data end before its length")
	} else if err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(size[:])
	if n == 0 || n > maxHeader {
		return nil, badFormat("length %d; it must be from 1 to %d", n, maxHeader)
	}
	if n%8 != 0 {
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
	rows, cols int
	begin, end uint64
}

// parseHeader returns the metadata, and the tensors in order of their offsets.
func parseHeader(h []byte) (meta map[string]string, recs []record, err error) {
	if h[0] != '{' {
		return nil, nil, badFormat("it begins with %q, not with '{'", h[0])
	}
	h = bytes.TrimRight(h, " ")
	if h[len(h)-1] != '}' {
		return nil, nil, badFormat("it ends with %q, not with '}' and spaces", h[len(h)-1])
	}
	if err := checkJSON(h, 3); err != nil { // {"name":{"shape":[ is the deepest
		return nil, nil, err
	}
	head, err := object(h)
	if err != nil {
		return nil, nil, err
	}
	if text, ok := head[metaKey]; ok {
		if meta, err = parseMeta(text); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", metaKey, err)
		}
		delete(head, metaKey)
	}
	recs = make([]record, 0, len(head))
	for _, name := range slices.Sorted(maps.Keys(head)) {
		rec, err := parseRecord(name, head[name])
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

func parseRecord(name string, text []byte) (rec record, err error) {
	fields, err := object(text)
	if err != nil {
		return rec, err
	}
	for _, k := range []string{"dtype", "shape", "data_offsets"} {
		if fields[k] == nil {
			return rec, badFormat("no %s", k)
		}
	}
	if len(fields) != 3 {
		return rec, badFormat("it has fields other than dtype, shape, data_offsets")
	}
	dtype, err := stringOf(fields["dtype"])
	if err != nil {
		return rec, fmt.Errorf("dtype: %w", err)
	}
	if dtype != "F64" {
		return rec, badFormat("dtype is %.80q; only F64 can be read", dtype)
	}
	shape, err := numbers(fields["shape"])
	if err != nil {
		return rec, fmt.Errorf("shape: %w", err)
	}
	offsets, err := numbers(fields["data_offsets"])
	if err != nil {
		return rec, fmt.Errorf("data_offsets: %w", err)
	}

	// rows is the product of all dimensions but the last, size of all.
	rows, cols, size := uint64(1), uint64(1), uint64(1)
	for _, d := range shape {
		rows, cols = size, d
		if d > math.MaxInt/8 || d > 0 && size > math.MaxInt/8/d {
			return rec, badFormat("shape: its product is too large")
		}
		size *= d
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return rec, badFormat("data_offsets are %.80s; they must be [begin, end] with begin ≤ end", fields["data_offsets"])
	}
	if n := offsets[1] - offsets[0]; n != 8*size {
		return rec, badFormat("it has %d bytes; its shape %.80s needs %d", n, fields["shape"], 8*size)
	}
	return record{name, int(rows), int(cols), offsets[0], offsets[1]}, nil
}

// readMatrix reads a rows×cols matrix by way of buf.
func readMatrix(r io.Reader, rows, cols int, buf []byte) (*Matrix, error) {
	n := rows * cols
	data := make([]float64, 0, min(n, len(buf)/8))
	for len(data) < n {
		if len(data) == cap(data) { // as many values have arrived; trust in as many more
			data = append(make([]float64, 0, min(n, 2*len(data))), data...)
		}
		b := buf[:min(8*(cap(data)-len(data)), len(buf))]
		if _, err := io.ReadFull(r, b); err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, badFormat("the data end within its %d values", n)
		} else if err != nil {
			return nil, err
		}
		for ; len(b) > 0; b = b[8:] {
			data = append(data, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	}
	return &Matrix{rows, cols, data}, nil
}

// checkJSON returns an error unless text is one JSON value in valid UTF-8
// whose arrays and objects are nested at most depth deep, without a key that
// occurs twice in an object and without half a surrogate pair. The package
// encoding/json lets all of these pass, and takes the last key.
func checkJSON(text []byte, depth int) error {
	if !utf8.Valid(text) {
		return badFormat("it is not valid UTF-8")
	}
	if !json.Valid(text) {
		return badFormat("it is not valid JSON")
	}
	if halfPair(text) {
		return badFormat("it has half a surrogate pair")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return checkValue(d, depth)
}

// checkValue checks the next value of valid JSON, which has a next token
// wherever one is taken here.
func checkValue(d *json.Decoder, depth int) error {
	t, _ := d.Token()
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return badFormat("it is nested too deep")
	}
	var keys map[string]bool
	if open == '{' {
		keys = map[string]bool{}
	}
	for d.More() {
		if keys != nil {
			t, _ := d.Token()
			key, _ := t.(string)
			if keys[key] {
				return badFormat("%.80q occurs twice", key)
			}
			keys[key] = true
		}
		if err := checkValue(d, depth-1); err != nil {
			return err
		}
	}
	d.Token() // the closing bracket
	return nil
}

// halfPair reports whether a string in valid JSON has a \u escape that is half
// a surrogate pair. (Backslashes occur in strings only.)
func halfPair(text []byte) bool {
	unit := func(i int) rune { // of the escape at i, −1 if there is none
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return -1
		}
		v, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return rune(v)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if u := unit(i); utf16.IsSurrogate(u) {
			if utf16.DecodeRune(u, unit(i+6)) == unicode.ReplacementChar {
				return true
			}
			i += 6
		}
		i++ // over the escaped character
	}
	return false
}

// object returns the members of a JSON object.
func object(text []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if text[0] != '{' || json.Unmarshal(text, &m) != nil {
		return nil, badFormat("it is %.80s, not an object", text)
	}
	return m, nil
}

// stringOf returns the value of a JSON string.
func stringOf(text []byte) (s string, err error) {
	if text[0] != '"' || json.Unmarshal(text, &s) != nil {
		return "", badFormat("it is %.80s, not a string", text)
	}
	return s, nil
}

// numbers returns the elements of a JSON array of integers that are not negative.
func numbers(text []byte) ([]uint64, error) {
	var list []json.RawMessage
	if text[0] != '[' || json.Unmarshal(text, &list) != nil {
		return nil, badFormat("it is %.80s, not a list", text)
	}
	ns := make([]uint64, len(list))
	for i, v := range list {
		var err error
		if ns[i], err = strconv.ParseUint(string(v), 10, 63); err != nil {
			return nil, badFormat("%.80s is not an integer from 0 to 2⁶³−1", v)
		}
	}
	return ns, nil
}
