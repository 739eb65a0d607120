package nn_test

import (
	"bytes"
	"fmt"

	"github.com/seed55f1b796/nn"
)

// In NumPy, numpy.load("weights.npz") reads what WriteNPZFile writes, and
// ReadNPZFile what numpy.savez("weights.npz", w=w, b=b) writes.
func ExampleReadNPZ() {
	var file bytes.Buffer
	err := nn.WriteNPZ(&file, nn.Tensors{
		"w": nn.NewTensor(nn.NewMatrix(2, 3, 1, 2, 3, 4, 5, 6)),
		"b": nn.NewTensor(nn.NewMatrix(1, 3, 0.5, 0, -0.5), 3),
	}, 64)
	if err != nil {
		fmt.Println(err)
		return
	}

	arrays, err := nn.ReadNPZ(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	w, b := arrays["w"], arrays["b"]
	fmt.Println(w.Shape, b.Shape)
	fmt.Println(w.Matrix)
	// Output:
	// (2, 3) (3)
	// [[1 2 3]
	//  [4 5 6]]
}

// An array of images has one image in each row of its matrix.
func ExampleReadNPY() {
	var file bytes.Buffer
	images := nn.NewTensor(nn.NewMatrix(2, 9), 2, 3, 3)
	if err := nn.WriteNPY(&file, images, 32); err != nil {
		fmt.Println(err)
		return
	}

	x, err := nn.ReadNPY(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v: %d×%d\n", x.Shape, x.Rows, x.Cols)
	// Output: (2, 3, 3): 2×9
}
