package nn

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxColumns bounds what a file may cost that is nothing but a long line of
// commas: a column takes some 300 bytes of memory.
const maxColumns = 1 << 18

// csvLines reads a file line by line.
type csvLines struct {
	op        string
	csv       *csv.Reader
	fields    []string // of the line
	width     int      // number of fields of every line
	pending   bool     // the line is yet to be used
	header    []string // the names of the columns; nil if the file has none
	isMissing map[string]bool
	err       error
}

// open reads the first line.
func (c CSV) open(op string, r io.Reader) (*csvLines, error) {
	if c.Missing < 0 || int(c.Missing) >= len(missingNames) {
		panic(fmt.Sprintf("nn: %s: Missing is %v", op, c.Missing))
	}
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		b.Discard(3)
	}
	s := &csvLines{op: op, csv: c.reader(b), isMissing: c.missingSet()}
	var err error
	if s.fields, err = s.csv.Read(); err == io.EOF {
		return nil, fmt.Errorf("nn: %s: no lines: %w", op, io.ErrUnexpectedEOF)
	} else if err != nil {
		return nil, s.readError(err)
	}
	if len(s.fields) > maxColumns {
		return nil, fmt.Errorf("nn: %s: %d columns; %d are the most", op, len(s.fields), maxColumns)
	}
	s.width, s.pending = len(s.fields), c.NoHeader
	if !c.NoHeader {
		if s.header, err = s.readHeader(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c CSV) reader(r io.Reader) *csv.Reader {
	z := csv.NewReader(r)
	z.Comment = c.Comment
	if c.Comma != 0 {
		z.Comma = c.Comma
	}
	z.TrimLeadingSpace = !unicode.IsSpace(z.Comma)
	z.FieldsPerRecord = -1
	z.ReuseRecord = true
	return z
}

// missingSet returns the fields that say that a value is missing.
func (c CSV) missingSet() map[string]bool {
	set := map[string]bool{"": true}
	values := c.MissingValues
	if values == nil {
		values = missingValues
	}
	for _, v := range values {
		set[strings.TrimSpace(v)] = true
	}
	return set
}

// readHeader returns the fields as the names of the columns.
func (s *csvLines) readHeader() ([]string, error) {
	header := make([]string, len(s.fields))
	seen := make(map[string]int, len(s.fields))
	numbers, counting := true, true
	for j, f := range s.fields {
		name := strings.TrimSpace(f)
		if i, ok := seen[name]; ok && name != "" {
			return nil, s.fieldError(j, fmt.Errorf("the name %.40q is that of column %d too", name, i+1))
		}
		seen[name], header[j] = j, name
		numbers = numbers && isNumber(name)
		counting = counting && name == strconv.Itoa(j)
	}
	if numbers && !counting { // 0, 1, 2, … is how some programs name columns
		return nil, s.fieldError(0, errors.New("the names of all columns are numbers; set NoHeader if the first line is a sample"))
	}
	return header, nil
}

// column returns the index of the column of the given name or number.
func (s *csvLines) column(name string) (int, error) {
	if s.header != nil {
		if j := slices.Index(s.header, name); j >= 0 {
			return j, nil
		}
		return 0, fmt.Errorf("nn: %s: there is no column %.40q; there are %s", s.op, name, listNames(s.header))
	}
	j, err := strconv.Atoi(name)
	if j < 0 {
		j += s.width
	}
	if err != nil || j < 0 || j >= s.width {
		return 0, fmt.Errorf("nn: %s: column %.40q is not one of the numbers 0 to %d", s.op, name, s.width-1)
	}
	return j, nil
}

// listNames returns the names of columns, those after the first eight as …: they
// show a misspelt name, and a file whose fields another character separates.
func listNames(names []string) string {
	var b strings.Builder
	for j, name := range names {
		if j == 8 {
			b.WriteString(", …")
			break
		}
		if j > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.40q", name)
	}
	return b.String()
}

// next reads a line and reports whether there was one.
func (s *csvLines) next() bool {
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
	if len(s.fields) != s.width {
		line, _ := s.csv.FieldPos(0)
		s.err = fmt.Errorf("nn: %s: line %d: %w: %d, but %d in the first line", s.op, line, csv.ErrFieldCount, len(s.fields), s.width)
	}
	return s.err == nil
}

// missing reports whether a value is missing in one of the given columns, or in
// the target's, if that is not −1.
func (s *csvLines) missing(from []int, target int) bool {
	return slices.ContainsFunc(from, func(j int) bool { return s.isMissing[strings.TrimSpace(s.fields[j])] }) ||
		target >= 0 && s.isMissing[strings.TrimSpace(s.fields[target])]
}

// value returns the number that field j of the line is in column c: itself, or the index
// of the category.
func (s *csvLines) value(j int, c *column) (float64, error) {
	f := strings.TrimSpace(s.fields[j])
	if s.isMissing[f] {
		return 0, errMissing
	}
	return c.value(f)
}

func isNumber(f string) bool {
	_, err := parseNumber(f)
	return err == nil
}

// notNumber is the error of a field that is no number.
type notNumber string

func (f notNumber) Error() string { return fmt.Sprintf("%.40q is not a number", string(f)) }

var errMissing = errors.New("a value is missing")

// parseNumber returns the finite number that f stands for.
func parseNumber(f string) (float64, error) {
	f = strings.TrimSpace(f)
	v, err := strconv.ParseFloat(f, 64)
	switch {
	case f == "":
		return 0, errMissing
	case errors.Is(err, strconv.ErrSyntax):
		return 0, notNumber(f)
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		return 0, fmt.Errorf("%.40q is not a finite number", f)
	}
	return v, nil
}

// fieldError returns an error in column j of the line.
func (s *csvLines) fieldError(j int, err error) error {
	line, _ := s.csv.FieldPos(j)
	name := ""
	if s.header != nil && s.header[j] != "" {
		name = fmt.Sprintf(" (%.40s)", s.header[j])
	}
	remedy := ""
	if s.op == "CSV" { // not that of an Encoder, whose columns are what they are
		switch {
		case err == errMissing:
			remedy = "; see Missing"
		case errors.As(err, new(notNumber)):
			remedy = "; for text see Categories and Skip"
		}
	}
	return fmt.Errorf("nn: %s: line %d, column %d%s: %w%s", s.op, line, j+1, name, err, remedy)
}

// readError returns the error of reading a line.
func (s *csvLines) readError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("nn: %s: line %d: %w", s.op, p.Line, p.Err)
	}
	return fmt.Errorf("nn: %s: %w", s.op, err)
}
