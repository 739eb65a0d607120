package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// encoderJSON is an Encoder as JSON.
type encoderJSON struct {
	Columns       []columnJSON `json:"columns"`
	Target        *columnJSON  `json:"target,omitempty"`
	Missing       string       `json:"missing"`
	MissingValues []string     `json:"missing_values"`
	IgnoreUnknown bool         `json:"ignore_unknown,omitempty"`
	Comma         string       `json:"comma,omitempty"`
	Comment       string       `json:"comment,omitempty"`
	Fields        int          `json:"fields,omitempty"` // in files without names
}

type columnJSON struct {
	Name       string    `json:"name"`
	Categories []string  `json:"categories,omitzero"` // empty in a column of text without any
	Means      []float64 `json:"means,omitempty"`
}

// MarshalJSON returns all that the encoder knows, as JSON; equal encoders give
// equal bytes. It returns an error if a name is not valid UTF-8.
func (e *Encoder) MarshalJSON() ([]byte, error) {
	z := encoderJSON{Columns: []columnJSON{}, Missing: e.format.Missing.String(), MissingValues: []string{},
		IgnoreUnknown: e.format.IgnoreUnknown, Fields: e.fields}
	z.MissingValues = append(z.MissingValues, e.format.MissingValues...)
	if e.format.Comma != 0 {
		z.Comma = string(e.format.Comma)
	}
	if e.format.Comment != 0 {
		z.Comment = string(e.format.Comment)
	}
	texts := slices.Clone(z.MissingValues)
	for _, c := range e.columns {
		z.Columns = append(z.Columns, c.json())
		texts = append(append(texts, c.name), c.categories...)
	}
	if e.target != nil {
		c := e.target.json()
		z.Target = &c
		texts = append(append(texts, c.Name), c.Categories...)
	}
	for _, s := range texts {
		if !utf8.ValidString(s) { // JSON would replace it
			return nil, fmt.Errorf("nn: Encoder: %.80q is not valid UTF-8", s)
		}
	}
	return json.Marshal(z)
}

func (c *column) json() columnJSON { return columnJSON{c.name, c.categories, c.means} }

// UnmarshalJSON sets e to the encoder that MarshalJSON wrote. The text may
// come from a stranger: if it is not such an encoder, it returns an error and
// leaves e as it is.
func (e *Encoder) UnmarshalJSON(text []byte) error {
	z, err := unmarshalEncoder(text)
	if err != nil {
		return fmt.Errorf("nn: Encoder: %w", err)
	}
	*e = *z
	return nil
}

func unmarshalEncoder(text []byte) (*Encoder, error) {
	if err := checkJSON(text, 4); err != nil { // {"columns":[{"means":[ is the deepest
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var z encoderJSON
	if err := d.Decode(&z); err != nil {
		return nil, err
	}
	missing := slices.Index(missingNames, z.Missing)
	switch {
	case missing < 0:
		return nil, fmt.Errorf("missing is %.40q", z.Missing)
	case z.MissingValues == nil:
		return nil, errors.New("there are no missing_values")
	case z.Fields < 0:
		return nil, fmt.Errorf("fields is %d", z.Fields)
	}
	e := &Encoder{fields: z.Fields, format: CSV{Missing: Missing(missing), MissingValues: z.MissingValues, IgnoreUnknown: z.IgnoreUnknown, NoHeader: z.Fields > 0}}
	var err error
	if e.format.Comma, err = delimiter(z.Comma); err != nil {
		return nil, err
	}
	if e.format.Comment, err = delimiter(z.Comment); err != nil {
		return nil, err
	}
	if _, err := e.format.reader(strings.NewReader("")).Read(); err != io.EOF {
		return nil, fmt.Errorf("comma %.40q, comment %.40q: %w", z.Comma, z.Comment, err)
	}
	e.missing = e.format.missingSet()
	names := map[string]bool{}
	for _, c := range z.Columns {
		col, err := e.column(c, names, e.format.Missing == MissingMean)
		if err != nil {
			return nil, err
		}
		e.columns = append(e.columns, col)
	}
	if z.Target != nil {
		col, err := e.column(*z.Target, names, false)
		if err != nil {
			return nil, err
		}
		e.target = &col
	}
	return e, nil
}

// delimiter returns the only character of s, or 0 if there is none.
func delimiter(s string) (rune, error) {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case s == "":
		return 0, nil
	case n != len(s) || r == 0:
		return 0, fmt.Errorf("%.40q is not one character", s)
	}
	return r, nil
}

// column checks a column that is saved.
func (e *Encoder) column(c columnJSON, names map[string]bool, mean bool) (column, error) {
	bad := func(format string, args ...any) (column, error) {
		return column{}, fmt.Errorf("column %.40q: "+format, append([]any{c.Name}, args...)...)
	}
	switch j, err := strconv.Atoi(c.Name); {
	case names[c.Name]:
		return bad("it occurs twice")
	case c.Name == "" || c.Name != strings.TrimSpace(c.Name):
		return bad("that is not a name")
	case e.fields > 0 && (err != nil || j < 0 || j >= e.fields || c.Name != strconv.Itoa(j)):
		return bad("it is not one of the numbers 0 to %d", e.fields-1)
	}
	names[c.Name] = true
	z := column{name: c.Name, text: c.Categories != nil, categories: c.Categories, means: c.Means}
	if len(z.categories) > maxCategories {
		return bad("%d categories; %d are the most", len(z.categories), maxCategories)
	}
	if z.text {
		z.index = make(map[string]int, len(z.categories))
	}
	for i, name := range z.categories {
		switch {
		case i > 0 && name <= z.categories[i-1]:
			return bad("the categories are not in increasing order: %.40q follows %.40q", name, z.categories[i-1])
		case name != strings.TrimSpace(name) || e.missing[name] || len(name) > maxCategory:
			return bad("%.40q can't be a category", name)
		}
		z.index[name] = i
	}
	want := 0
	if mean {
		want = max(z.size(), 1)
	}
	if len(z.means) != want {
		return bad("%d means where %d are needed", len(z.means), want)
	}
	if slices.ContainsFunc(z.means, func(v float64) bool { return math.IsInf(v, 0) || math.IsNaN(v) }) {
		return bad("a mean is not a finite number")
	}
	return z, nil
}
