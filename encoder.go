package nn

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// An Encoder turns the lines of files that are made like the one it was fitted
// on, by [CSV.Fit] or [CSV.FitRead], into samples that mean the same: with the
// same categories in the same columns of X, the same class indices, and the
// same means for missing values. Columns are found by their names, in whatever
// order they are; other columns are ignored. If there is no column of the
// target, as in a file to predict from, targets have no columns. Files without
// names must have the columns of the one that was fitted.
//
// It is saved as JSON, so it can be kept with a network, in [Network.Meta]:
//
//	text, err := json.Marshal(encoder)
//	net.Meta = map[string]string{"encoder": string(text)}
//	net.Classes = encoder.Classes()
//
// An Encoder does not change, and may be used by several goroutines at once.
type Encoder struct {
	format  CSV      // but for Target, Skip and Categories
	columns []column // of the samples
	target  *column  // nil if there is none
	fields  int      // of a line, if files have no names
	missing map[string]bool
}

// A column is one of the columns of a file.
type column struct {
	name       string
	text       bool
	categories []string       // in increasing order; of a column of text
	index      map[string]int // of each category
	means      []float64      // of the columns of X, for MissingMean
}

// Bounds on the categories that are kept in memory and saved.
const (
	maxCategories = 1 << 16 // of a column
	maxCategory   = 1 << 10 // bytes of a category
)

// size returns the number of columns of X that c becomes.
func (c *column) size() int {
	if c.text {
		return len(c.categories)
	}
	return 1
}

var errUnknown = errors.New("unknown category")

// value returns the number that stands for the field, which is not missing:
// in a column of text, the index of the category.
func (c *column) value(field string) (float64, error) {
	if !c.text {
		return parseNumber(field)
	}
	i, ok := c.index[field]
	if !ok {
		return 0, fmt.Errorf("%w: %.40q is not among the %d that were fitted", errUnknown, field, len(c.categories))
	}
	return float64(i), nil
}

// append appends to x the numbers that the field of column k becomes.
func (e *Encoder) append(x []float64, k int, field string) ([]float64, error) {
	c, field := &e.columns[k], strings.TrimSpace(field)
	if e.missing[field] {
		if c.means == nil {
			return x, errMissing
		}
		return append(x, c.means...), nil
	}
	v, err := c.value(field)
	switch {
	case err != nil && !(e.format.IgnoreUnknown && errors.Is(err, errUnknown)):
		return x, err
	case !c.text:
		return append(x, v), nil
	}
	at := len(x)
	x = append(x, make([]float64, len(c.categories))...)
	if err == nil {
		x[at+int(v)] = 1
	}
	return x, nil
}

// Names returns the names of the columns of X: "age", "color=green", "color=red".
// Where files have no names, numbers stand for those of their columns.
func (e *Encoder) Names() []string {
	var names []string
	for _, c := range e.columns {
		if !c.text {
			names = append(names, c.name)
		}
		for _, category := range c.categories {
			names = append(names, c.name+"="+category)
		}
	}
	return names
}

// Fields returns the names of the columns of a file that samples are made of,
// in the order in which [Encoder.Encode] takes them.
func (e *Encoder) Fields() []string {
	names := make([]string, len(e.columns))
	for k, c := range e.columns {
		names[k] = c.name
	}
	return names
}

// Classes returns the names of the classes, each at its index, or nil if the
// target is a number or there is none.
func (e *Encoder) Classes() []string {
	if e.target == nil {
		return nil
	}
	return slices.Clone(e.target.categories)
}

// width returns the number of columns of X.
func (e *Encoder) width() int {
	n := 0
	for k := range e.columns {
		n += e.columns[k].size()
	}
	return n
}

// Encode returns a sample, one row, made of the values of [Encoder.Fields], to
// predict from. A value that is missing is an error unless there are means; see [Missing].
func (e *Encoder) Encode(fields ...string) (*Matrix, error) {
	if len(fields) != len(e.columns) {
		return nil, fmt.Errorf("nn: Encode: %d fields for a sample of %d: %.200q", len(fields), len(e.columns), e.Fields())
	}
	x := make([]float64, 0, e.width())
	for k, f := range fields {
		var err error
		if x, err = e.append(x, k, f); err != nil {
			return nil, fmt.Errorf("nn: Encode: field %d (%.40s): %w", k+1, e.columns[k].name, err)
		}
	}
	return &Matrix{1, len(x), x}, nil
}

// Rows reads the names of the columns of a file and returns a reader of its
// samples.
func (e *Encoder) Rows(r io.Reader) (*CSVRows, error) {
	lines, err := e.format.open("Encoder", r)
	if err != nil {
		return nil, err
	}
	s := &CSVRows{lines: lines, enc: e, target: -1, Names: e.Names()}
	if lines.header == nil && lines.width != e.fields {
		return nil, fmt.Errorf("nn: Encoder: a line has %d fields, but %d where it was fitted", lines.width, e.fields)
	}
	for _, c := range e.columns {
		j, err := lines.column(c.name)
		if err != nil {
			return nil, err
		}
		s.from = append(s.from, j)
	}
	if e.target != nil {
		if j, err := lines.column(e.target.name); err == nil {
			s.target = j
		}
	}
	return s, nil
}

// Read reads a whole file. It refuses to make more than 2³⁰ values of
// categories; [Encoder.Rows] needs memory for one sample only.
func (e *Encoder) Read(r io.Reader) (Dataset, error) {
	rows, err := e.Rows(r)
	if err != nil {
		return Dataset{}, err
	}
	x, y := &Matrix{Cols: e.width()}, new(Matrix)
	if rows.target >= 0 {
		y.Cols = 1
	}
	for u, v := range rows.All() {
		x.Rows, y.Rows = x.Rows+1, y.Rows+1
		if err := e.checkSize("Encoder", x.Rows); err != nil {
			return Dataset{}, err
		}
		x.Data, y.Data = append(x.Data, u...), append(y.Data, v...)
	}
	if rows.err != nil {
		return Dataset{}, rows.err
	}
	return Dataset{x, y}, nil
}

// checkSize returns an error if categories make X far larger than the file is.
func (e *Encoder) checkSize(op string, rows int) error {
	if n := e.width(); n > len(e.columns) && rows > maxIDX/n {
		return fmt.Errorf("nn: %s: %d samples of %d columns are more than 2³⁰ values; read them by Rows, or skip a column", op, rows, n)
	}
	return nil
}

// Fit reads the whole file, keeps none of it in memory but the categories, of
// which a column may have 65,536, and returns what Encoder tells.
func (c CSV) Fit(r io.Reader) (*Encoder, error) {
	_, e, err := c.fit(r, false)
	return e, err
}

// FitRead is [CSV.Fit] and [Encoder.Read] of a file in one go.
func (c CSV) FitRead(r io.Reader) (Dataset, *Encoder, error) { return c.fit(r, true) }

func (c CSV) fit(r io.Reader, keep bool) (Dataset, *Encoder, error) {
	lines, err := c.open("CSV", r)
	if err != nil {
		return Dataset{}, nil, err
	}
	f, err := c.fitter(lines)
	if err != nil {
		return Dataset{}, nil, err
	}
	return f.read(keep)
}

// A csvFitter reads a file and finds out what an encoder has to know.
type csvFitter struct {
	lines   *csvLines
	format  CSV
	from    []int // of each column of the samples, its number in the file
	target  int   // its number, or −1
	columns []columnFit
	class   columnFit // of the target
}

// A columnFit is what is known of a column so far.
type columnFit struct {
	name       string
	text       bool
	index      map[string]int // of categories in order of appearance
	count      []int          // lines of each category
	first, sum float64        // the first number, and Σ (xᵢ − first)
	n          int            // lines in which it is not missing
}

// fitter finds the columns by what is named in c.
func (c CSV) fitter(lines *csvLines) (*csvFitter, error) {
	f := &csvFitter{lines: lines, format: c, target: -1}
	skip, text := make([]bool, lines.width), make([]bool, lines.width)
	for _, list := range []struct {
		names []string
		is    []bool
	}{{c.Skip, skip}, {c.Categories, text}} {
		for _, name := range list.names {
			j, err := lines.column(name)
			if err != nil {
				return nil, err
			}
			list.is[j] = true
			for i, other := range lines.header {
				list.is[i] = list.is[i] || other == name // those without a name
			}
		}
	}
	fit := func(j int) columnFit {
		z := columnFit{name: strconv.Itoa(j), text: text[j]}
		if lines.header != nil {
			z.name = lines.header[j]
		}
		if z.text {
			z.index = map[string]int{}
		}
		return z
	}
	if c.Target != "" {
		j, err := lines.column(c.Target)
		if err != nil {
			return nil, err
		}
		f.target, f.class = j, fit(j)
	}
	f.from, f.columns = make([]int, 0, lines.width), make([]columnFit, 0, lines.width)
	for j := range lines.width {
		if !skip[j] && j != f.target {
			if lines.header != nil && lines.header[j] == "" {
				return nil, lines.fieldError(j, errors.New(`the column has no name; "" in Skip leaves it out`))
			}
			f.from, f.columns = append(f.from, j), append(f.columns, fit(j))
		}
	}
	return f, nil
}

// read reads the samples that are left and returns them, if they are to be
// kept, and the encoder.
func (f *csvFitter) read(keep bool) (d Dataset, e *Encoder, err error) {
	// First the columns of X are those of the file: of text, the index of the
	// category in order of appearance; NaN for what is missing.
	x, y := &Matrix{Cols: len(f.columns)}, new(Matrix)
	if f.target >= 0 {
		y.Cols = 1
	}
	row, target := make([]float64, len(f.columns)), make([]float64, y.Cols)
	holes := false
	for f.lines.next() {
		if f.format.Missing == MissingDrop && f.lines.missing(f.from, f.target) {
			continue
		}
		for k, j := range f.from {
			v, err := f.value(j, &f.columns[k])
			if err == errMissing && f.format.Missing == MissingMean {
				v, err, holes = math.NaN(), nil, true
			}
			if err != nil {
				return d, nil, f.lines.fieldError(j, err)
			}
			row[k] = v
		}
		if f.target >= 0 {
			v, err := f.value(f.target, &f.class)
			if err != nil {
				return d, nil, f.lines.fieldError(f.target, err)
			}
			target[0] = v
		}
		x.Rows, y.Rows = x.Rows+1, y.Rows+1
		if keep {
			x.Data, y.Data = append(x.Data, row...), append(y.Data, target...)
		}
	}
	if f.lines.err != nil {
		return d, nil, f.lines.err
	}
	for k := range f.columns {
		if err := f.checkMean(k); err != nil {
			return d, nil, err
		}
	}
	e = f.encoder()
	if keep {
		d, err = f.samples(e, x, y, holes)
	}
	return d, e, err
}

// value adds field j of the line to what is known of its column, and returns
// the number that it is for now.
func (f *csvFitter) value(j int, c *columnFit) (float64, error) {
	field := strings.TrimSpace(f.lines.fields[j])
	if f.lines.isMissing[field] {
		return 0, errMissing
	}
	if c.text {
		i, err := c.category(field)
		return float64(i), err
	}
	v, err := parseNumber(field)
	if err != nil {
		return 0, err
	}
	if c.n++; c.n == 1 {
		c.first = v
	}
	c.sum += v - c.first
	return v, nil
}

// category returns the index of a category, which may be a new one.
func (c *columnFit) category(field string) (int, error) {
	i, ok := c.index[field]
	switch {
	case ok:
	case len(field) > maxCategory:
		return 0, fmt.Errorf("the category %.40q… has %d bytes; %d are the most", field, len(field), maxCategory)
	case len(c.index) == maxCategories:
		return 0, fmt.Errorf("%.40q is one more category than %d, the most that a column may have", field, maxCategories)
	default:
		// Cloned, because a field is a part of its line.
		i = len(c.index)
		c.index[strings.Clone(field)], c.count = i, append(c.count, 0)
	}
	c.n++
	c.count[i]++
	return i, nil
}

// checkMean returns an error if column k needs a mean and has none.
func (f *csvFitter) checkMean(k int) error {
	c, problem := &f.columns[k], ""
	switch {
	case f.format.Missing != MissingMean:
	case c.n == 0:
		problem = "there is no value to take the mean of"
	case math.IsInf(c.mean(), 0) || math.IsNaN(c.mean()):
		problem = "the numbers are too large for their mean to be a number"
	}
	if problem == "" {
		return nil
	}
	return fmt.Errorf("nn: %s: column %d (%.40s): %s", f.lines.op, f.from[k]+1, c.name, problem)
}

func (c *columnFit) mean() float64 { return c.first + c.sum/float64(c.n) }

// samples returns the samples x, y with categories in columns of their own.
func (f *csvFitter) samples(e *Encoder, x, y *Matrix, holes bool) (Dataset, error) {
	if f.class.text {
		place := f.class.places(e.target)
		for i, v := range y.Data {
			y.Data[i] = float64(place[int(v)])
		}
	}
	if !holes && !slices.ContainsFunc(e.columns, func(c column) bool { return c.text }) {
		return Dataset{x, y}, nil
	}
	if err := e.checkSize(f.lines.op, x.Rows); err != nil {
		return Dataset{}, err
	}
	z, at := NewMatrix(x.Rows, e.width()), 0
	for k := range e.columns {
		c := &e.columns[k]
		place := f.columns[k].places(c)
		for i := range x.Rows {
			switch v := x.At(i, k); {
			case v != v:
				copy(z.Row(i)[at:], c.means)
			case c.text:
				z.Set(i, at+place[int(v)], 1)
			default:
				z.Set(i, at, v)
			}
		}
		at += c.size()
	}
	return Dataset{z, y}, nil
}

// places returns the index in z of each category in order of appearance.
func (c *columnFit) places(z *column) []int {
	place := make([]int, len(c.index))
	for name, i := range c.index {
		place[i] = z.index[name]
	}
	return place
}

// encoder returns what was found.
func (f *csvFitter) encoder() *Encoder {
	e := &Encoder{format: f.format, missing: f.lines.isMissing}
	e.format.Target, e.format.Skip, e.format.Categories = "", nil, nil
	if e.format.MissingValues == nil {
		e.format.MissingValues = missingValues
	}
	e.format.MissingValues = slices.Clone(e.format.MissingValues)
	if e.format.NoHeader {
		e.fields = f.lines.width
	}
	e.columns = make([]column, 0, len(f.columns))
	for k := range f.columns {
		e.columns = append(e.columns, f.columns[k].column(e.format.Missing == MissingMean))
	}
	if f.target >= 0 {
		c := f.class.column(false)
		e.target = &c
	}
	return e
}

// column returns what an encoder has to know of the column.
func (c *columnFit) column(mean bool) column {
	z := column{name: c.name, text: c.text}
	if !c.text {
		if mean {
			z.means = []float64{c.mean()}
		}
		return z
	}
	z.categories = make([]string, 0, len(c.index))
	for name := range c.index {
		z.categories = append(z.categories, name)
	}
	slices.Sort(z.categories)
	z.index = make(map[string]int, len(z.categories))
	for i, name := range z.categories {
		z.index[name] = i
		if mean {
			z.means = append(z.means, float64(c.count[c.index[name]])/float64(c.n))
		}
	}
	return z
}
