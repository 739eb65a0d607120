package nn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

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

// What two calls have written to one file is read by two calls of ReadNPY, or of
// numpy.load. For a file of one array see WriteNPYFile.
func ExampleWriteNPY() {
	var file bytes.Buffer
	for _, t := range []nn.Tensor{
		nn.NewTensor(nn.NewMatrix(2, 2, 1, 2, 3, 4)),
		nn.NewTensor(nn.NewMatrix(1, 3, 5, 6, 7), 3),
	} {
		if err := nn.WriteNPY(&file, t, 64); err != nil {
			fmt.Println(err)
			return
		}
	}
	for {
		t, err := nn.ReadNPY(&file)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(t.Shape, t.Data)
	}
	// Output:
	// (2, 2) [1 2 3 4]
	// (3) [5 6 7]
}

// The parameters of a network for numpy.load("weights.npz"), as float32.
func ExampleWriteNPZFile() {
	net := nn.New(rand.NewPCG(1, 2), nn.Input(2), nn.Dense(8), nn.Tanh, nn.Dense(1), nn.Sigmoid)
	weights := nn.Tensors{}
	for _, q := range net.Params() {
		weights[q.Name] = nn.NewTensor(q.Value)
	}
	name := filepath.Join(os.TempDir(), "weights.npz")
	defer os.Remove(name)
	if err := nn.WriteNPZFile(name, weights, 32); err != nil {
		fmt.Println(err)
		return
	}
	arrays, err := nn.ReadNPZFile(name)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(arrays), arrays["0.weight"].Shape)
	// Output: 4 (2, 8)
}
