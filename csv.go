package nn

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// CSV says how to read a dataset from a file of comma-separated values, with a
// sample in each line and the names of the columns in the first:
//
//	data, names, err := nn.CSV{Target: "species"}.Read(file)
//
// Quoted fields, both kinds of line ends, empty lines and a byte order mark are
// read as they should be (RFC 4180). Every value must be a finite number, as
// [strconv.ParseFloat] reads it; spaces around it are skipped. What else
// stands in a file, such as text or a missing value, is an error, which
// names line and column, both counted from 1.
type CSV struct {
	// Target is the column of targets: its name or, if the file has no names,
	// its number, from 0, with −1 for the last. If it is empty, targets have
	// no columns.
	Target   string
	Skip     []string // columns to leave out, given like Target; they may hold anything
	Comma    rune     // what separates fields; 0 means ','
	Comment  rune     // lines that begin with it are skipped; 0 means none
	NoHeader bool     // the first line is a sample
}

// Read reads the whole file. It returns the samples and the names of the
// columns of X, or nil if the file has none. The targets have one column; to
// make class indices of them see [ClassIndices].
func (c CSV) Read(r io.Reader) (d Dataset, names []string, err error) {
	rows, err := c.Rows(r)
	if err != nil {
		return Dataset{}, nil, err
	}
	d, err = rows.read()
	if err != nil {
		return Dataset{}, nil, err
	}
	return d, rows.Names, nil
}

// ReadCSV reads comma-separated numbers. A first line without any number is
// taken for the names of the columns and skipped. For more see [CSV].
func ReadCSV(r io.Reader) (*Matrix, error) {
	rows, err := CSV{NoHeader: true}.rows("ReadCSV", r)
	if err != nil {
		return nil, err
	}
	rows.pending = slices.ContainsFunc(rows.fields, isNumber)
	d, err := rows.read()
	if err != nil {
		return nil, err
	}
	return d.X, nil
}

// CSVRows reads the samples of a file one by one, for data that do not fit in
// memory; see [Stream].
type CSVRows struct {
	Names []string // of the columns of a sample; nil if the file has none

	op      string
	csv     *csv.Reader
	fields  []string // of the line
	pending bool     // the line is yet to be read as a sample
	header  []string
	target  int    // its column, or −1
	skip    []bool // by column
	x, y    []float64
	err     error
}

// Rows reads the names of the columns and returns a reader of the samples.
func (c CSV) Rows(r io.Reader) (*CSVRows, error) { return c.rows("CSV", r) }

func (c CSV) rows(op string, r io.Reader) (*CSVRows, error) {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		b.Discard(3)
	}
	s := &CSVRows{op: op, csv: csv.NewReader(b), target: -1}
	s.csv.Comment = c.Comment
	if c.Comma != 0 {
		s.csv.Comma = c.Comma
	}
	s.csv.TrimLeadingSpace = !unicode.IsSpace(s.csv.Comma)
	s.csv.FieldsPerRecord = -1
	s.csv.ReuseRecord = true
	var err error
	if s.fields, err = s.csv.Read(); err == io.EOF {
		return nil, fmt.Errorf("nn: %s: no lines: %w", op, io.ErrUnexpectedEOF)
	} else if err != nil {
		return nil, s.readError(err)
	}
	s.pending = c.NoHeader
	if !c.NoHeader {
		if s.header, err = s.readHeader(); err != nil {
			return nil, err
		}
	}
	s.skip = make([]bool, len(s.fields))
	for _, name := range c.Skip {
		j, err := s.column(name)
		if err != nil {
			return nil, err
		}
		s.skip[j] = true
	}
	if c.Target != "" {
		if s.target, err = s.column(c.Target); err != nil {
			return nil, err
		}
	}
	for j, name := range s.header {
		if !s.skip[j] && j != s.target {
			s.Names = append(s.Names, name)
		}
	}
	return s, nil
}

// readHeader returns the fields as the names of the columns.
func (s *CSVRows) readHeader() ([]string, error) {
	header := make([]string, len(s.fields))
	seen := make(map[string]int, len(s.fields))
	numbers, counting := true, true
	for j, f := range s.fields {
		name := strings.TrimSpace(f)
		if name == "" {
			return nil, s.fieldError(j, "the column has no name")
		}
		if i, ok := seen[name]; ok {
			return nil, s.fieldError(j, fmt.Sprintf("the name %.40q is that of column %d too", name, i+1))
		}
		seen[name], header[j] = j, name
		numbers = numbers && isNumber(name)
		counting = counting && name == strconv.Itoa(j)
	}
	if numbers && !counting { // 0, 1, 2, … is how some programs name columns
		return nil, s.fieldError(0, "the names of all columns are numbers; set NoHeader if the first line is a sample")
	}
	return header, nil
}

// column returns the index of the column of the given name or number.
func (s *CSVRows) column(name string) (int, error) {
	if s.header != nil {
		if j := slices.Index(s.header, name); j >= 0 {
			return j, nil
		}
		return 0, fmt.Errorf("nn: %s: there is no column %.40q", s.op, name)
	}
	j, err := strconv.Atoi(name)
	if j < 0 {
		j += len(s.fields)
	}
	if err != nil || j < 0 || j >= len(s.fields) {
		return 0, fmt.Errorf("nn: %s: column %.40q is not one of the numbers 0 to %d", s.op, name, len(s.fields)-1)
	}
	return j, nil
}

// All yields the samples that are left in the file and their targets. The
// slices are used again for the next. It stops at the first error, which Err
// returns. To go through the file again, open it again.
func (s *CSVRows) All() iter.Seq2[[]float64, []float64] {
	return func(yield func(x, y []float64) bool) {
		for s.next() {
			if !yield(s.x, s.y) {
				return
			}
		}
	}
}

// Err returns the error that ended All, or nil at the end of the file.
func (s *CSVRows) Err() error { return s.err }

// next reads a line into x and y and reports whether there was one.
func (s *CSVRows) next() bool {
	if s.err != nil {
		return false
	}
	if !s.pending {
		fields, err := s.csv.Read()
		if err == io.EOF {
			return false
		}
		if err != nil {
			s.err = s.readError(err)
			return false
		}
		s.fields = fields
	}
	s.pending = false
	s.err = s.parse()
	return s.err == nil
}

// parse sets x and y to the numbers in fields.
func (s *CSVRows) parse() error {
	if len(s.fields) != len(s.skip) {
		line, _ := s.csv.FieldPos(0)
		return fmt.Errorf("nn: %s: line %d: %w: %d, but %d in the first line", s.op, line, csv.ErrFieldCount, len(s.fields), len(s.skip))
	}
	s.x, s.y = s.x[:0], s.y[:0]
	for j, f := range s.fields {
		if s.skip[j] && j != s.target {
			continue
		}
		v, err := parseNumber(f)
		if err != nil {
			return s.fieldError(j, err.Error())
		}
		if j == s.target {
			s.y = append(s.y, v)
		} else {
			s.x = append(s.x, v)
		}
	}
	return nil
}

func isNumber(f string) bool {
	_, err := parseNumber(f)
	return err == nil
}

var errMissing = errors.New("a value is missing")

// parseNumber returns the finite number that f stands for.
func parseNumber(f string) (float64, error) {
	f = strings.TrimSpace(f)
	v, err := strconv.ParseFloat(f, 64)
	switch {
	case f == "":
		return 0, errMissing
	case errors.Is(err, strconv.ErrSyntax):
		return 0, fmt.Errorf("%.40q is not a number", f)
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		return 0, fmt.Errorf("%.40q is not a finite number", f)
	}
	return v, nil
}

// fieldError returns an error in column j of the line.
func (s *CSVRows) fieldError(j int, text string) error {
	line, _ := s.csv.FieldPos(j)
	name := ""
	if s.header != nil {
		name = fmt.Sprintf(" (%.40s)", s.header[j])
	}
	return fmt.Errorf("nn: %s: line %d, column %d%s: %s", s.op, line, j+1, name, text)
}

// readError returns the error of reading a line.
func (s *CSVRows) readError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("nn: %s: line %d: %w", s.op, p.Line, p.Err)
	}
	return fmt.Errorf("nn: %s: %w", s.op, err)
}

// read returns the samples that are left.
func (s *CSVRows) read() (Dataset, error) {
	d := Dataset{new(Matrix), new(Matrix)}
	for j, skip := range s.skip {
		switch {
		case j == s.target:
			d.Y.Cols++
		case !skip:
			d.X.Cols++
		}
	}
	for x, y := range s.All() {
		d.X.Data, d.X.Rows = append(d.X.Data, x...), d.X.Rows+1
		d.Y.Data, d.Y.Rows = append(d.Y.Data, y...), d.Y.Rows+1
	}
	return d, s.err
}
