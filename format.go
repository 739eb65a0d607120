package nn

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Format implements [fmt.Formatter] for the verbs of floating-point numbers,
// as NumPy prints an array:
//
//	fmt.Printf("%.1f\n", nn.NewMatrix(2, 2, 1, -2, 3, 10))
//	// [[ 1.0 -2.0]
//	//  [ 3.0 10.0]]
//
// The verb %v means %.4g. Flags, width and precision hold for each element; all
// elements are as wide as the widest. Of more than 10 rows or columns only the
// first 3 and the last 3 are printed; %+v prints all. A matrix without
// elements is [], a nil one <nil>.
func (m *Matrix) Format(s fmt.State, verb rune) {
	if m == nil {
		fmt.Fprint(s, "<nil>")
		return
	}
	if !strings.ContainsRune("vbeEfFgGxX", verb) {
		fmt.Fprintf(s, "%%!%c(%T=%v)", verb, m, m)
		return
	}
	if len(m.Data) == 0 {
		fmt.Fprint(s, "[]")
		return
	}

	all := verb == 'v' && s.Flag('+')
	element := "%"
	for _, flag := range "-+# 0" {
		if s.Flag(int(flag)) && !(all && flag == '+') {
			element += string(flag)
		}
	}
	element += "*"
	prec, ok := s.Precision()
	if verb == 'v' {
		verb = 'g'
		if !ok {
			prec, ok = 4, true
		}
	}
	if ok {
		element += "." + strconv.Itoa(prec)
	}
	element += string(verb)

	rows, cols := printed(m.Rows, all), printed(m.Cols, all)
	least, _ := s.Width()
	width := 0
	for _, i := range rows {
		for _, j := range cols {
			if i >= 0 && j >= 0 {
				width = max(width, utf8.RuneCountInString(fmt.Sprintf(element, least, m.At(i, j))))
			}
		}
	}

	var b []byte
	open := "[["
	for _, i := range rows {
		b = append(b, open...)
		open = "\n ["
		if i < 0 {
			b = append(b[:len(b)-1], "…"...)
			continue
		}
		for k, j := range cols {
			if k > 0 {
				b = append(b, ' ')
			}
			if j < 0 {
				b = append(b, "…"...)
			} else {
				b = fmt.Appendf(b, element, width, m.At(i, j))
			}
		}
		b = append(b, ']')
	}
	s.Write(append(b, ']'))
}

// printed returns the indices below n that are printed, with −1 in place of
// those that are left out.
func printed(n int, all bool) []int {
	if n > 10 && !all {
		return []int{0, 1, 2, -1, n - 3, n - 2, n - 1}
	}
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return index
}

// String returns m formatted by %v.
func (m *Matrix) String() string { return fmt.Sprintf("%v", m) }
