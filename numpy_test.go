package nn_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed55f1b796/nn"
)

// TestNumPy runs each row of the table in the package's documentation. The
// results are NumPy's (1.24), printed with repr, for the operands below and
//
//	x = np.array([[1, -2, 3], [0.5, 4, -1.]])
//	y = np.array([[2, 1, 4], [0.25, 5, 8.]])
//	w = np.array([[1, 2], [3, 4], [5, 6.]])
//	row, col = np.array([[10, 20, 30.]]), np.array([[1], [2.]])
//
// with keepdims=True in what has an axis, and z of ones where z is added to.
func TestNumPy(t *testing.T) {
	const (
		i, j, r, c, n = 1, 2, 3, 2, 3
		v, s, p       = 7.0, 2.5, 3
		lo, hi, tol   = -1.5, 2.5, 1e-9
	)
	rows := []int{1, 0, 1}
	f := func(v float64) float64 { return max(v, 0.1*v) }
	type random struct{ lo, hi float64 }
	var x, y, z, w, row, col *nn.Matrix
	var rng *rand.Rand

	tests := []struct {
		numpy string
		nn    func() any
		want  any
	}{
		{"np.array([[1, 2], [3, 4]])", func() any { return nn.NewMatrix(2, 2, 1, 2, 3, 4) }, nn.NewMatrix(2, 2, 1, 2, 3, 4)},
		{"np.zeros((r, c))", func() any { return nn.NewMatrix(r, c) }, nn.NewMatrix(3, 2, 0, 0, 0, 0, 0, 0)},
		{"np.full((r, c), v)", func() any { return nn.NewMatrix(r, c).Fill(v) }, nn.NewMatrix(3, 2, 7, 7, 7, 7, 7, 7)},
		{"np.eye(n)", func() any { return z.Identity(n) }, nn.NewMatrix(3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1)},
		{"rng.uniform(lo, hi, (r, c))", func() any { return nn.NewMatrix(r, c).FillUniform(rng, lo, hi) }, random{lo, hi}},
		{"rng.normal(v, s, (r, c))", func() any { return nn.NewMatrix(r, c).FillNormal(rng, v, s) }, random{v - 10*s, v + 10*s}},
		{"x.shape[0]", func() any { return x.Rows }, 2},
		{"x.shape[1]", func() any { return x.Cols }, 3},
		{"x.size", func() any { return len(x.Data) }, 6},
		{"x[i, j]", func() any { return x.At(i, j) }, float64(-1)},
		{"x[i, j] = v", func() any { x.Set(i, j, v); return x }, nn.NewMatrix(2, 3, 1, -2, 3, 0.5, 4, 7)},
		{"x[i]", func() any { return x.Row(i) }, nn.NewMatrix(1, 3, 0.5, 4, -1)},
		{"x[i:j]", func() any { return x.RowRange(i, j) }, nn.NewMatrix(1, 3, 0.5, 4, -1)},
		{"x[:, i:j]", func() any { return z.CopyCols(x, i, j) }, nn.NewMatrix(2, 1, -2, 4)},
		{"x[rows]", func() any { return z.Gather(x, rows) }, nn.NewMatrix(3, 3, 0.5, 4, -1, 1, -2, 3, 0.5, 4, -1)},
		{"x.copy()", func() any { return x.Clone() }, nn.NewMatrix(2, 3, 1, -2, 3, 0.5, 4, -1)},
		{"z[:] = x", func() any { return z.Copy(x) }, nn.NewMatrix(2, 3, 1, -2, 3, 0.5, 4, -1)},
		{"x.reshape(r, c)", func() any { return x.Reshape(r, c) }, nn.NewMatrix(3, 2, 1, -2, 3, 0.5, 4, -1)},
		{"x.T", func() any { return z.T(x) }, nn.NewMatrix(3, 2, 1, 0.5, -2, 4, 3, -1)},
		{"np.hstack((x, y))", func() any { return z.HStack(x, y) }, nn.NewMatrix(2, 6, 1, -2, 3, 2, 1, 4, 0.5, 4, -1, 0.25, 5, 8)},
		{"np.vstack((x, y))", func() any { return z.VStack(x, y) }, nn.NewMatrix(4, 3, 1, -2, 3, 0.5, 4, -1, 2, 1, 4, 0.25, 5, 8)},
		{"x @ w", func() any { return z.Mul(x, w) }, nn.NewMatrix(2, 2, 10, 12, 7.5, 11)},
		{"x @ y.T", func() any { return z.MulT(x, y) }, nn.NewMatrix(2, 2, 12, 14.25, 1, 12.125)},
		{"x.T @ y", func() any { return z.TMul(x, y) }, nn.NewMatrix(3, 3, 2.125, 3.5, 8, -3, 18, 24, 5.75, -2, 4)},
		{"z += x.T @ y", func() any { return z.AddTMul(x, y) }, nn.NewMatrix(3, 3, 3.125, 4.5, 9, -2, 19, 25, 6.75, -1, 5)},
		{"x + y", func() any { return z.Add(x, y) }, nn.NewMatrix(2, 3, 3, -1, 7, 0.75, 9, 7)},
		{"x - row", func() any { return z.Sub(x, row) }, nn.NewMatrix(2, 3, -9, -22, -27, -9.5, -16, -31)},
		{"x * y", func() any { return z.MulElem(x, y) }, nn.NewMatrix(2, 3, 2, -2, 12, 0.125, 20, -8)},
		{"x / col", func() any { return z.DivElem(x, col) }, nn.NewMatrix(2, 3, 1, -2, 3, 0.25, 2, -0.5)},
		{"x += y", func() any { return x.Add(x, y) }, nn.NewMatrix(2, 3, 3, -1, 7, 0.75, 9, 7)},
		{"x + s", func() any { return z.AddScalar(x, s) }, nn.NewMatrix(2, 3, 3.5, 0.5, 5.5, 3, 6.5, 1.5)},
		{"s * x", func() any { return z.Scale(s, x) }, nn.NewMatrix(2, 3, 2.5, -5, 7.5, 1.25, 10, -2.5)},
		{"x + s * y", func() any { return z.AddScaled(x, s, y) }, nn.NewMatrix(2, 3, 6, 0.5, 13, 1.125, 16.5, 19)},
		{"np.exp(x)", func() any { return z.Exp(x) }, nn.NewMatrix(2, 3, 2.718281828459045, 0.13533528323661267, 20.085536923187668, 1.6487212707001282, 54.598150033144236, 0.3678794411714424)},
		{"np.log(y)", func() any { return z.Log(y) }, nn.NewMatrix(2, 3, 0.6931471805599453, 0, 1.3862943611198906, -1.3862943611198906, 1.6094379124341003, 2.0794415416798357)},
		{"np.sqrt(y)", func() any { return z.Sqrt(y) }, nn.NewMatrix(2, 3, 1.4142135623730951, 1, 2, 0.5, 2.23606797749979, 2.8284271247461903)},
		{"np.tanh(x)", func() any { return z.Tanh(x) }, nn.NewMatrix(2, 3, 0.7615941559557649, -0.9640275800758169, 0.9950547536867305, 0.46211715726000974, 0.999329299739067, -0.7615941559557649)},
		{"1 / (1 + np.exp(-x))", func() any { return z.Sigmoid(x) }, nn.NewMatrix(2, 3, 0.7310585786300049, 0.11920292202211755, 0.9525741268224334, 0.6224593312018546, 0.9820137900379085, 0.2689414213699951)},
		{"np.abs(x)", func() any { return z.Abs(x) }, nn.NewMatrix(2, 3, 1, 2, 3, 0.5, 4, 1)},
		{"x ** p", func() any { return z.Pow(x, p) }, nn.NewMatrix(2, 3, 1, -8, 27, 0.125, 64, -1)},
		{"np.clip(x, lo, hi)", func() any { return z.Clip(x, lo, hi) }, nn.NewMatrix(2, 3, 1, -1.5, 2.5, 0.5, 2.5, -1)},
		{"np.maximum(x, s)", func() any { return z.MaxScalar(x, s) }, nn.NewMatrix(2, 3, 2.5, 2.5, 3, 2.5, 4, 2.5)},
		{"np.minimum(x, s)", func() any { return z.MinScalar(x, s) }, nn.NewMatrix(2, 3, 1, -2, 2.5, 0.5, 2.5, -1)},
		{"np.vectorize(f)(x)", func() any { return z.Apply(x, f) }, nn.NewMatrix(2, 3, 1, -0.2, 3, 0.5, 4, -0.1)},
		{"x.sum()", func() any { return x.Sum() }, 5.5},
		{"x.sum(axis=0)", func() any { return z.SumRows(x) }, nn.NewMatrix(1, 3, 1.5, 2, 2)},
		{"x.sum(axis=1)", func() any { return z.SumCols(x) }, nn.NewMatrix(2, 1, 2, 3.5)},
		{"z += x.sum(axis=0)", func() any { return z.AddSumRows(x) }, nn.NewMatrix(1, 3, 2.5, 3, 3)},
		{"x.mean()", func() any { return x.Mean() }, 0.9166666666666666},
		{"x.mean(axis=0)", func() any { return z.MeanRows(x) }, nn.NewMatrix(1, 3, 0.75, 1, 1)},
		{"x.mean(axis=1)", func() any { return z.MeanCols(x) }, nn.NewMatrix(2, 1, 0.6666666666666666, 1.1666666666666667)},
		{"x.var()", func() any { return x.Var() }, 4.368055555555555},
		{"x.var(axis=0)", func() any { return z.VarRows(x) }, nn.NewMatrix(1, 3, 0.0625, 9, 4)},
		{"x.var(axis=1)", func() any { return z.VarCols(x) }, nn.NewMatrix(2, 1, 4.222222222222222, 4.388888888888889)},
		{"x.std(axis=0)", func() any { return z.Sqrt(z.VarRows(x)) }, nn.NewMatrix(1, 3, 0.25, 3, 2)},
		{"x.max()", func() any { return x.Max() }, float64(4)},
		{"x.max(axis=0)", func() any { return z.MaxRows(x) }, nn.NewMatrix(1, 3, 1, 4, 3)},
		{"x.max(axis=1)", func() any { return z.MaxCols(x) }, nn.NewMatrix(2, 1, 3, 4)},
		{"x.min()", func() any { return x.Min() }, float64(-2)},
		{"x.min(axis=0)", func() any { return z.MinRows(x) }, nn.NewMatrix(1, 3, 0.5, -2, -1)},
		{"x.min(axis=1)", func() any { return z.MinCols(x) }, nn.NewMatrix(2, 1, -2, -1)},
		{"np.linalg.norm(x)", func() any { return x.Norm() }, 5.5901699437494745},
		{"np.linalg.norm(x, axis=0)", func() any { return z.NormRows(x) }, nn.NewMatrix(1, 3, 1.118033988749895, 4.47213595499958, 3.1622776601683795)},
		{"np.linalg.norm(x, axis=1)", func() any { return z.NormCols(x) }, nn.NewMatrix(2, 1, 3.7416573867739413, 4.153311931459037)},
		{"x[i].argmax()", func() any { return x.ArgMax(i) }, 1},
		{"x.argmax(axis=0)", func() any { return z.ArgMaxRows(x) }, nn.NewMatrix(1, 3, 0, 1, 0)},
		{"x.argmax(axis=1)", func() any { return z.ArgMaxCols(x) }, nn.NewMatrix(2, 1, 2, 1)},
		{"np.array_equal(x, y)", func() any { return x.Equal(y, 0) }, false},
		{"np.allclose(x, y, 0, tol)", func() any { return x.Equal(y, tol) }, false},
		// Not NumPy's: it would write "1." for 1 and pad to the point.
		{"str(x)", func() any { return x.String() }, "[[  1  -2   3]\n [0.5   4  -1]]"},
	}

	code := numpyCode(t)
	table := numpyTable(t)
	if len(code) != len(tests) || len(table) != len(tests) {
		t.Fatalf("%d tests, %d of them found in the source, %d rows in the table", len(tests), len(code), len(table))
	}
	for k, test := range tests {
		if row := [2]string{test.numpy, code[k]}; row != table[k] {
			t.Errorf("row %d of the table is %q, but tested is %q", k, table[k], row)
		}

		x = nn.NewMatrix(2, 3, 1, -2, 3, 0.5, 4, -1)
		y = nn.NewMatrix(2, 3, 2, 1, 4, 0.25, 5, 8)
		w = nn.NewMatrix(3, 2, 1, 2, 3, 4, 5, 6)
		row, col = nn.NewMatrix(1, 3, 10, 20, 30), nn.NewMatrix(2, 1, 1, 2)
		rng = rand.New(rand.NewPCG(1, 2))
		z = new(nn.Matrix)
		want, isMatrix := test.want.(*nn.Matrix)
		if strings.HasPrefix(test.numpy, "z +=") {
			z.Resize(want.Rows, want.Cols).Fill(1)
		}

		got := test.nn()
		switch g := got.(type) {
		case []float64:
			got = nn.NewMatrix(1, len(g), g...)
		case *nn.Matrix:
			if bounds, ok := test.want.(random); ok {
				ok = g.Rows == r && g.Cols == c && g.Min() >= bounds.lo && g.Max() < bounds.hi && g.Min() < g.Max()
				if !ok {
					t.Errorf("%s = %v, want values in [%v, %v)", test.numpy, got, bounds.lo, bounds.hi)
				}
				continue
			}
		}
		ok := got == test.want
		if g, _ := got.(*nn.Matrix); g != nil && isMatrix {
			ok = near(g, want)
		} else if g, isFloat := got.(float64); isFloat {
			ok = near(nn.NewMatrix(1, 1, g), nn.NewMatrix(1, 1, test.want.(float64)))
		}
		if !ok {
			t.Errorf("%s = %v, want %v", test.numpy, got, test.want)
		}
	}
}

// near reports whether the matrices agree to a few units in the last place.
func near(x, y *nn.Matrix) bool {
	ok := x.Rows == y.Rows && x.Cols == y.Cols
	for i := 0; ok && i < len(x.Data); i++ {
		ok = math.Abs(x.Data[i]-y.Data[i]) <= 4e-16*4*math.Abs(y.Data[i])
	}
	return ok
}

// numpyTable returns the rows of the table.
func numpyTable(t *testing.T) (rows [][2]string) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "// # NumPy\n")
	if !ok {
		t.Fatal("doc.go has no section NumPy")
	}
	section, _, _ = strings.Cut(section, "\n// # ")
	for _, m := range regexp.MustCompile(`(?m)^//\t(.*?)   *(.*)$`).FindAllStringSubmatch(section, -1) {
		rows = append(rows, [2]string{m[1], m[2]})
	}
	return rows
}

// numpyCode returns the code under test, in this file, for each of the tests:
// the first statement of its function, without a return.
func numpyCode(t *testing.T) (code []string) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "numpy_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		test, ok := node.(*ast.CompositeLit)
		if !ok || test.Type != nil || len(test.Elts) != 3 {
			return true
		}
		var b bytes.Buffer
		printer.Fprint(&b, fset, test.Elts[1].(*ast.FuncLit).Body.List[0])
		code = append(code, strings.TrimPrefix(b.String(), "return "))
		return false
	})
	return code
}
