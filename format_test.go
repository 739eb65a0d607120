package nn

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	inf := math.Inf(1)
	m := NewMatrix(2, 2, 1, -2, 3, 10)
	mixed := NewMatrix(2, 3, 1e-5, -2e10, 3, 1.25, -3, 1000)
	special := NewMatrix(2, 3, math.NaN(), -inf, inf, 1.25, math.Copysign(0, -1), 1000)
	for _, test := range []struct {
		format string
		m      *Matrix
		want   string
	}{
		// As np.array2string prints with floatmode="fixed" and precision 1 or 3.
		{"%.1f", m, "[[ 1.0 -2.0]\n [ 3.0 10.0]]"},
		{"%.3f", NewMatrix(2, 3, 0, 1, 2, 1.25, -3, 1000), "[[   0.000    1.000    2.000]\n [   1.250   -3.000 1000.000]]"},
		{"%.3e", mixed, "[[ 1.000e-05 -2.000e+10  3.000e+00]\n [ 1.250e+00 -3.000e+00  1.000e+03]]"},
		{"%.1f", NewMatrix(1, 1, 3.5), "[[3.5]]"},
		{"%v", NewMatrix(0, 3), "[]"},
		{"%v", NewMatrix(3, 0), "[]"},

		{"%v", m, "[[ 1 -2]\n [ 3 10]]"},
		{"%v", mixed, "[[ 1e-05 -2e+10      3]\n [  1.25     -3   1000]]"},
		{"%v", NewMatrix(1, 3, 1./3, 123456, 0), "[[   0.3333 1.235e+05         0]]"},
		{"%g", NewMatrix(1, 3, 1./3, 123456, 0), "[[0.3333333333333333             123456                  0]]"},
		{"%.2v", NewMatrix(1, 2, 1./3, 123456), "[[   0.33 1.2e+05]]"},
		{"%f", NewMatrix(1, 2, 0.5, -1), "[[ 0.500000 -1.000000]]"},
		{"%e", NewMatrix(1, 1, 0.5), "[[5.000000e-01]]"},
		{"%E", NewMatrix(1, 1, 0.5), "[[5.000000E-01]]"},
		{"%G", NewMatrix(1, 1, 1e-7), "[[1E-07]]"},
		{"%F", NewMatrix(1, 1, 0.5), "[[0.500000]]"},
		{"%x", NewMatrix(1, 2, 0.5, 1), "[[0x1p-01 0x1p+00]]"},
		{"%X", NewMatrix(1, 1, 0.5), "[[0X1P-01]]"},
		{"%b", NewMatrix(1, 1, 1), "[[4503599627370496p-52]]"},

		{"%v", special, "[[ NaN -Inf +Inf]\n [1.25   -0 1000]]"},
		{"%.1f", special, "[[   NaN   -Inf   +Inf]\n [   1.2   -0.0 1000.0]]"},

		{"%4v", m, "[[   1   -2]\n [   3   10]]"},
		{"%1v", m, "[[ 1 -2]\n [ 3 10]]"},
		{"%6.2f", m, "[[  1.00  -2.00]\n [  3.00  10.00]]"},
		{"%-6.1f", m, "[[1.0    -2.0  ]\n [3.0    10.0  ]]"},
		{"%-v", m, "[[1  -2]\n [3  10]]"},
		{"%+.1f", m, "[[ +1.0  -2.0]\n [ +3.0 +10.0]]"},
		{"%+g", m, "[[ +1  -2]\n [ +3 +10]]"},
		{"%06.1f", m, "[[0001.0 -002.0]\n [0003.0 0010.0]]"},
		{"% .1f", m, "[[  1.0  -2.0]\n [  3.0  10.0]]"},
		{"%#v", m, "[[ 1.000 -2.000]\n [ 3.000  10.00]]"},
		{"%+v", m, "[[ 1 -2]\n [ 3 10]]"},
		{"%+.2v", NewMatrix(1, 2, 1./3, 123456), "[[   0.33 1.2e+05]]"},

		{"%d", NewMatrix(1, 2, 1, 2), "%!d(*nn.Matrix=[[1 2]])"},
		{"%s", NewMatrix(1, 2, 1, 2), "%!s(*nn.Matrix=[[1 2]])"},
		{"%5d", NewMatrix(0, 0), "%!d(*nn.Matrix=[])"},
		{"%é", NewMatrix(0, 0), "%!é(*nn.Matrix=[])"},
		{"%v", nil, "<nil>"},
		{"%.1f", nil, "<nil>"},
		{"%d", nil, "<nil>"},
		{"%v", new(Matrix), "[]"},
		{"%.1f", new(Matrix), "[]"},
		{"%T", m, "*nn.Matrix"},
	} {
		if got := fmt.Sprintf(test.format, test.m); got != test.want {
			t.Errorf("%s of %v: got\n%s\nwant\n%s", test.format, test.m, got, test.want)
		}
	}
	if got := m.String(); got != fmt.Sprint(m) {
		t.Errorf("String() = %q, want %q", got, fmt.Sprint(m))
	}
	if got := (*Matrix)(nil).String(); got != "<nil>" {
		t.Errorf("String() of nil = %q", got)
	}
}

func TestFormatElision(t *testing.T) {
	count := func(rows, cols int) *Matrix {
		return matBuild(rows, cols, func(i, j int) float64 { return float64(13*i + j) })
	}
	for _, test := range []struct {
		format string
		m      *Matrix
		want   string
	}{
		// As NumPy prints with floatmode="fixed", precision=1, a low threshold
		// and edgeitems=3, but for … in place of three points.
		{"%.1f", count(12, 13), `
[[  0.0   1.0   2.0 …  10.0  11.0  12.0]
 [ 13.0  14.0  15.0 …  23.0  24.0  25.0]
 [ 26.0  27.0  28.0 …  36.0  37.0  38.0]
 …
 [117.0 118.0 119.0 … 127.0 128.0 129.0]
 [130.0 131.0 132.0 … 140.0 141.0 142.0]
 [143.0 144.0 145.0 … 153.0 154.0 155.0]]`},
		{"%.1f", count(3, 13), `
[[ 0.0  1.0  2.0 … 10.0 11.0 12.0]
 [13.0 14.0 15.0 … 23.0 24.0 25.0]
 [26.0 27.0 28.0 … 36.0 37.0 38.0]]`},
		{"%.1f", count(12, 2), `
[[  0.0   1.0]
 [ 13.0  14.0]
 [ 26.0  27.0]
 …
 [117.0 118.0]
 [130.0 131.0]
 [143.0 144.0]]`},
		{"%v", count(2, 11), `
[[ 0  1  2 …  8  9 10]
 [13 14 15 … 21 22 23]]`},
		{"%v", count(1, 10), "\n[[0 1 2 3 4 5 6 7 8 9]]"},
		{"%+v", count(1, 11), "\n[[ 0  1  2  3  4  5  6  7  8  9 10]]"},
		{"%+.1v", count(11, 1), "\n[[    0]\n [1e+01]\n [3e+01]\n [4e+01]\n [5e+01]\n [6e+01]\n [8e+01]\n [9e+01]\n [1e+02]\n [1e+02]\n [1e+02]]"},
	} {
		if got := "\n" + fmt.Sprintf(test.format, test.m); got != test.want {
			t.Errorf("%s of a %d×%d matrix: got%s\nwant%s", test.format, test.m.Rows, test.m.Cols, got, test.want)
		}
	}
	// What is left out does not widen the rest.
	m := count(1, 20)
	m.Data[10] = 1e100
	if got := fmt.Sprint(m); strings.Contains(got, "  17") {
		t.Errorf("got %s", got)
	}
}
