package nn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// An npyHeader is what the header of a .npy file says.
type npyHeader struct {
	num     number
	order   binary.ByteOrder
	fortran bool
	shape   Shape
}

// An npyParser takes apart the text of a header, a dictionary as Python writes
// it. Of Python it knows strings without escapes, True and False, and tuples of
// integers, which Python 2 may have ended with L; all else is refused.
type npyParser struct {
	text string // what is left of it
	long bool   // L may end an integer
}

func parseNPYHeader(text string, version int) (h npyHeader, err error) {
	p := npyParser{text, version < 3}
	if !p.take('{') {
		return h, p.unexpected("a dictionary")
	}
	seen := map[string]bool{}
	for !p.take('}') {
		if len(seen) > 0 && !p.take(',') {
			return h, p.unexpected("',' or '}'")
		}
		if len(seen) > 0 && p.take('}') { // a comma may stand after the last
			break
		}
		key, err := p.str()
		if err != nil {
			return h, err
		}
		if seen[key] {
			return h, fmt.Errorf("%q occurs twice", key)
		}
		seen[key] = true
		if !p.take(':') {
			return h, p.unexpected("':'")
		}
		switch key {
		case "descr":
			h.num, h.order, err = p.descr()
		case "fortran_order":
			h.fortran, err = p.boolean()
		case "shape":
			h.shape, err = p.tuple()
		default:
			return h, fmt.Errorf("%.40q is not one of descr, fortran_order and shape", key)
		}
		if err != nil {
			return h, fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return h, fmt.Errorf("it has no %s", key)
		}
	}
	if p.space(); p.text != "" {
		return h, p.unexpected("the end")
	}
	return h, nil
}

func (p *npyParser) space() { p.text = strings.TrimLeft(p.text, " \t\n\f") }

// take takes c, and space before it, if it is next.
func (p *npyParser) take(c byte) bool {
	p.space()
	if p.text == "" || p.text[0] != c {
		return false
	}
	p.text = p.text[1:]
	return true
}

func (p *npyParser) unexpected(want string) error {
	if p.text == "" {
		return fmt.Errorf("it ends where %s should be", want)
	}
	return fmt.Errorf("%.40q is found where %s should be", p.text, want)
}

// str takes a string.
func (p *npyParser) str() (string, error) {
	p.space()
	if p.text == "" || p.text[0] != '\'' && p.text[0] != '"' {
		return "", p.unexpected("a string")
	}
	end := 1 + strings.IndexByte(p.text[1:], p.text[0])
	if end == 0 {
		return "", fmt.Errorf("the string %.40q does not end", p.text)
	}
	s := p.text[1:end]
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '\\' {
			return "", fmt.Errorf("the string %.40q has a character %q", s, c)
		}
	}
	p.text = p.text[end+1:]
	return s, nil
}

// boolean takes True or False.
func (p *npyParser) boolean() (bool, error) {
	p.space()
	for _, v := range []bool{true, false} {
		word := "False"
		if v {
			word = "True"
		}
		if rest, ok := strings.CutPrefix(p.text, word); ok {
			p.text = rest
			return v, nil
		}
	}
	return false, p.unexpected("True or False")
}

// tuple takes a tuple of sizes: (), (2,), (2, 3) or (2, 3,). To Python (2) is
// a number.
func (p *npyParser) tuple() (Shape, error) {
	if !p.take('(') {
		return nil, p.unexpected("a tuple")
	}
	shape, comma := Shape{}, false
	for !p.take(')') {
		if len(shape) > 0 && !comma {
			return nil, p.unexpected("',' or ')'")
		}
		if len(shape) == maxNPYRank {
			return nil, fmt.Errorf("more than %d dimensions", maxNPYRank)
		}
		d, err := p.size()
		if err != nil {
			return nil, err
		}
		shape, comma = append(shape, d), p.take(',')
	}
	if len(shape) == 1 && !comma {
		return nil, fmt.Errorf("(%d) is not a tuple; (%d,) is", shape[0], shape[0])
	}
	return shape, nil
}

// size takes an integer that is not negative.
func (p *npyParser) size() (int, error) {
	p.space()
	word, n, i := p.text, 0, 0
	if end := strings.IndexAny(word, ",) \n"); end >= 0 {
		word = word[:end]
	}
	for ; i < len(p.text) && p.text[i] >= '0' && p.text[i] <= '9'; i++ {
		if n > maxElements/10 {
			return 0, fmt.Errorf("the dimension %.40s is too large", word)
		}
		n = 10*n + int(p.text[i]-'0')
	}
	switch {
	case i == 0 && strings.HasPrefix(p.text, "-"):
		return 0, fmt.Errorf("the dimension %.40s is negative", word)
	case i == 0:
		return 0, p.unexpected("a dimension")
	case i > 1 && p.text[0] == '0':
		return 0, fmt.Errorf("the dimension %.40s begins with 0", word)
	}
	if p.text = p.text[i:]; p.long {
		p.text = strings.TrimPrefix(p.text, "L")
	}
	return n, nil
}

// npyTypes are the types of number by their names in descr, after the byte order.
var npyTypes = map[string]number{
	"b1": numBool,
	"u1": numU8, "u2": numU16, "u4": numU32, "u8": numU64,
	"i1": numI8, "i2": numI16, "i4": numI32, "i8": numI64,
	"f2": numF16, "f4": numF32, "f8": numF64,
}

// descr takes the type of the elements and its byte order.
func (p *npyParser) descr() (number, binary.ByteOrder, error) {
	if p.space(); p.text != "" && (p.text[0] == '[' || p.text[0] == '(') {
		return number{}, nil, errors.New("the elements are records, which can't be read")
	}
	s, err := p.str()
	if err != nil {
		return number{}, nil, err
	}
	order, kind := byte(0), s
	if s != "" && strings.IndexByte("<>|=", s[0]) >= 0 {
		order, kind = s[0], s[1:]
	}
	num, ok := npyTypes[kind]
	switch {
	case !ok:
		return num, nil, fmt.Errorf("the elements are of type %.40q%s, which can't be read", s, npyKind(kind))
	case order == '>':
		return num, binary.BigEndian, nil
	case order == '<' || num.size == 1:
		return num, binary.LittleEndian, nil
	}
	return num, nil, fmt.Errorf("the type %.40q does not tell its byte order", s)
}

// npyKind says what a type is that is not a number.
func npyKind(kind string) string {
	if kind == "" {
		return ""
	}
	switch kind[0] {
	case 'O':
		return " (Python objects)"
	case 'c':
		return " (complex numbers)"
	case 'S', 'U', 'a':
		return " (text)"
	case 'M', 'm':
		return " (times)"
	case 'V':
		return " (records)"
	}
	return ""
}
