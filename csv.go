package nn

import (
	"fmt"
	"io"
	"iter"
	"slices"
)

// CSV says how to read a dataset from a file of comma-separated values, with a
// sample in each line and the names of the columns in the first:
//
//	data, names, err := nn.CSV{Target: "species"}.Read(file)
//
// Quoted fields, both kinds of line ends, empty lines and a byte order mark are
// read as they should be (RFC 4180); spaces around a field are skipped. A field
// must be a finite number, as [strconv.ParseFloat] reads it, unless its column
// is one of Categories. What else stands in a file, such as text in a column of
// numbers, a missing value or a line of other length, is an error, which names
// line and column, both counted from 1. A file may have 262,144 columns.
//
// A field of the column "color", if that is one of Categories, becomes a column
// of X for each category, named "color=green", "color=red", …, in increasing
// order of the bytes of their names: 1 for the category of the field and 0 for
// the others (one-hot). If the target is one of Categories, it becomes a class
// index: the place of its name in [Encoder.Classes]. Categories are text: to
// them 1 and 1.0 differ.
//
// Which categories there are is found out from the file. So that other files,
// or single samples, are encoded alike, [CSV.Fit] and [CSV.FitRead] return what was
// found as an [Encoder].
type CSV struct {
	// Target is the column of targets: its name or, if the file has no names,
	// its number, from 0, with −1 for the last. If it is empty, targets have
	// no columns.
	Target     string
	Skip       []string // columns to leave out, given like Target; they may hold anything; "" are those without a name
	Categories []string // columns of text, given like Target, which may be one of them
	Missing    Missing  // what becomes of a line with a missing value

	// MissingValues are the fields, besides the empty one, that say that a
	// value is missing. Nil means those of pandas, and the question mark:
	//
	//	NA N/A n/a #NA #N/A <NA> NULL null None NaN nan -NaN -nan ?
	//	#N/A N/A  1.#IND -1.#IND 1.#QNAN -1.#QNAN
	//
	// (the first of the second line has a space in it). An empty slice that is
	// not nil means none.
	MissingValues []string

	// IgnoreUnknown makes a category that an Encoder does not know zeros in
	// all of its columns; otherwise it is an error. An unknown class always is.
	IgnoreUnknown bool

	Comma    rune // what separates fields; 0 means ','
	Comment  rune // lines that begin with it are skipped; 0 means none
	NoHeader bool // the first line is a sample
}

// Missing says what becomes of a line with a missing value.
type Missing int

const (
	// MissingError: it is an error, which names line and column.
	MissingError Missing = iota

	// MissingMean: each column of X that the field would become takes the mean
	// of this column over the lines in which the value is there: of numbers
	// their mean, of categories the share of each. The mean is
	//
	//	x₀ + Σ (xᵢ − x₀)/n
	//
	// with the sum in order of the lines. A missing target remains an error.
	MissingMean

	// MissingDrop: the line is left out if the target or a field that X is
	// made of is missing. The other fields of the line are not looked at.
	MissingDrop
)

var missingNames = []string{"error", "mean", "drop"}

// String returns error, mean or drop.
func (m Missing) String() string {
	if m < 0 || int(m) >= len(missingNames) {
		return fmt.Sprintf("Missing(%d)", int(m))
	}
	return missingNames[m]
}

var missingValues = []string{"NA", "N/A", "n/a", "#NA", "#N/A", "<NA>", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan", "?",
	"#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}

// Read reads the whole file. It returns the samples and the names of the
// columns of X, or nil if the file has none. The targets have one column; to
// make class indices of numbers see [ClassIndices]. It is [CSV.FitRead] for
// those who need no encoder.
func (c CSV) Read(r io.Reader) (d Dataset, names []string, err error) {
	d, e, err := c.FitRead(r)
	if err != nil {
		return Dataset{}, nil, err
	}
	if !c.NoHeader {
		names = e.Names()
	}
	return d, names, nil
}

// ReadCSV reads comma-separated numbers. A first line without any number is
// taken for the names of the columns and skipped. For more see [CSV].
func ReadCSV(r io.Reader) (*Matrix, error) {
	lines, err := CSV{NoHeader: true, MissingValues: []string{}}.open("ReadCSV", r)
	if err != nil {
		return nil, err
	}
	lines.pending = slices.ContainsFunc(lines.fields, isNumber)
	f, err := CSV{}.fitter(lines)
	if err != nil {
		return nil, err
	}
	d, _, err := f.read(true)
	if err != nil {
		return nil, err
	}
	return d.X, nil
}

// CSVRows reads the samples of a file one by one, for data that do not fit in
// memory; see [Stream].
type CSVRows struct {
	Names []string // of the columns of a sample; nil if the file has none

	lines  *csvLines
	enc    *Encoder
	from   []int // of each of the encoder's columns, its number in the file
	target int   // its number, or −1
	x, y   []float64
	err    error
}

// Rows reads the names of the columns and returns a reader of the samples. It
// panics if there are Categories, or if Missing is MissingMean: these need
// all of a file to be read first, by [CSV.Fit], whose encoder has a method Rows
// too.
func (c CSV) Rows(r io.Reader) (*CSVRows, error) {
	if len(c.Categories) > 0 || c.Missing == MissingMean {
		panic("nn: CSV: Rows with Categories or MissingMean needs a fit: call Fit, and Rows of the Encoder")
	}
	lines, err := c.open("CSV", r)
	if err != nil {
		return nil, err
	}
	f, err := c.fitter(lines)
	if err != nil {
		return nil, err
	}
	rows := &CSVRows{lines: lines, enc: f.encoder(), from: f.from, target: f.target}
	if !c.NoHeader {
		rows.Names = rows.enc.Names()
	}
	return rows, nil
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
	for s.err == nil && s.lines.next() {
		if s.enc.format.Missing == MissingDrop && s.lines.missing(s.from, s.target) {
			continue
		}
		s.err = s.encode()
		return s.err == nil
	}
	if s.err == nil {
		s.err = s.lines.err
	}
	return false
}

// encode sets x and y to the numbers that the line becomes.
func (s *CSVRows) encode() (err error) {
	s.x, s.y = s.x[:0], s.y[:0]
	for k, j := range s.from {
		if s.x, err = s.enc.append(s.x, k, s.lines.fields[j]); err != nil {
			return s.lines.fieldError(j, err)
		}
	}
	if s.target >= 0 {
		v, err := s.lines.value(s.target, s.enc.target)
		if err != nil {
			return s.lines.fieldError(s.target, err)
		}
		s.y = append(s.y, v)
	}
	return nil
}
